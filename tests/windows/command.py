"""framebus.exe under Wine: what produces, consumes and watches, what is not there, and what is seen when somebody is killed.

`run.py` calls `everything`. What programs say goes into files, as there (class Started)."""

import json
import os
import signal
import subprocess
import tempfile
import threading
import time
import urllib.request

WIDTH, HEIGHT = 64, 48
# What Windows has not: a command line, and a word of the sentence that says so.
NOT_THERE = [
    ("produce /dev/video0", "ffmpeg -f dshow"),
    ("produce 0", "ffmpeg -f dshow"),
    ("produce film.mp4", "yuv4mpegpipe"),
    ("produce rtsp://127.0.0.1/1", "yuv4mpegpipe"),
    ("produce pattern --show", "framebus peek"),
    ("consume --show", "framebus peek"),
    ("peek --show", "framebus peek"),
    ("cameras", "ffmpeg -list_devices"),
    ("cameras --json", "ffmpeg -list_devices"),
    ("bench --duration 1s", "Linux"),
    ("bridge send", "framebus serve"),
    ("top --remote box1/cam0 --connect box1", "framebus serve"),
]
VERBS = "produce consume top ls peek serve wait check doctor gc config metrics completions man cameras bench bridge"


def picture(number):
    """The luma of a frame: each is another one."""
    return bytes((number * 7 + at) % 256 for at in range(WIDTH * HEIGHT))


def windows(path):
    """The name that a path of this machine has under Wine."""
    return "Z:" + path.replace("/", "\\")


class Command:
    """framebus.exe, in a directory of its own."""

    def __init__(self, started, place):
        self.started, self.place = started, place

    def start(self, line, **more):
        return self.started("framebus", *line.split(), **more)

    def end(self, line, code=0, **more):
        """What it says when it ends with this code."""
        return self.start(line, **more).finish(code)

    def path(self, name):
        return os.path.join(self.place, name)

    def until(self, what, line, holds, patience=60):
        """Runs a command, which prints JSON, until what it says holds."""
        due = time.monotonic() + patience
        while True:
            started = self.start(line)
            started.process.wait(patience)
            out, err = started.said()
            if out.strip() and holds(json.loads(out)):
                return json.loads(out)
            assert time.monotonic() < due, f"{what}: {line} says {out}{err}"
            time.sleep(0.2)


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def words(command):
    print("== framebus.exe: help, and what is not there", flush=True)
    version, _ = command.end("--version")
    assert version.startswith("framebus "), version
    for verb in VERBS.split():
        out, err = command.end(f"{verb} --help")
        assert "Usage: " in out and "/dev/video" not in out and not err, (verb, out, err)
    for line, word in NOT_THERE:
        out, err = command.end(line, 2)
        assert not out and err.count("\n") == 1 and word in err, (line, out, err)
    out, err = command.end("peek -b nobody", 3)
    assert not out and "there is no bus" in err, (out, err)
    command.end("consume --no-such-flag", 2)
    out, _ = command.end("config explain")
    assert "produce.fps" in out, out
    # What is there for the machine: nothing stands in the way of these.
    out, _ = command.end("doctor --json")
    checks = {check["check"]: check["result"] for check in json.loads(out)["checks"]}
    assert checks["shared-memory"] == "pass" and checks["runtime-directory"] == "pass", checks


def rates(command):
    print("== framebus.exe: a producer, three consumers at three rates, and who watches", flush=True)
    produced = command.start("produce pattern -b rates --size 160x120 --fps 20 --duration 600s --bgr-fps 0")
    command.end("wait -b rates --frames 1 --timeout 60s")
    everything = command.start("consume -b rates -i 0 --json")
    seldom = command.start("consume -b rates -i 1 --max-fps 5 --json")
    slow = command.start("consume -b rates -i 2 --work 300ms --name slow --json")
    consumers = [everything, seldom, slow]
    attached = lambda moment: sum(consumer["state"] != "gone" for consumer in moment["consumers"]) == 3
    moment = command.until("three consumers", "top -b rates --once --json", attached)
    assert moment["state"] == "running" and moment["bus"] == "rates", moment
    assert (moment["segment"]["width"], moment["segment"]["height"]) == (160, 120), moment
    assert sorted(consumer["index"] for consumer in moment["consumers"]) == [0, 1, 2], moment
    assert "slow" in [consumer["name"] for consumer in moment["consumers"]], moment
    out, _ = command.end("top -b rates --once")
    assert "rates" in out and "slow" in out, out
    out, _ = command.end("ls")
    assert "rates" in out, out
    out, err = command.end("check -b rates --min-fps 5 --max-age 5s")
    out, err = command.end("check -b rates --min-fps 500", 1)
    command.end(f"peek -b rates -o {windows(command.path('now.pgm'))}")
    with open(command.path("now.pgm"), "rb") as file:
        pgm = file.read()
    assert pgm.startswith(b"P5\n160 120\n255\n") and len(pgm) == 15 + 160 * 120, pgm[:20]
    assert len(set(pgm[15:])) > 10, "a picture of one gray"
    out, _ = command.end("peek -b rates --draw --color never")
    assert out.count("\n") > 5, out
    # Each as often as it asks for, and each frame once.
    time.sleep(3)
    # A consumer that is killed: the others go on, and it is gone.
    slow.kill()
    gone = lambda moment: any(c["name"] == "slow" and c["state"] in ("gone", "dead") for c in moment["consumers"])
    command.until("a dead consumer", "top -b rates --once --json", gone)
    # A producer that is killed: they are told.
    produced.kill()
    taken = []
    for consumer in consumers[:2]:
        out, err = consumer.finish(3)
        assert "was lost" in err, err
        frames = lines(out)
        numbers = [frame["sequence"] for frame in frames]
        assert numbers == sorted(set(numbers)) and numbers, numbers
        # Taken and skipped are all that there were.
        skipped = sum(frame["skipped"] for frame in frames[1:])
        assert numbers[-1] - numbers[0] == len(numbers) - 1 + skipped, (numbers, skipped)
        taken.append(len(numbers))
    assert taken[0] > taken[1] > 2, taken
    out, err = command.start("top -b rates --once --json").finish(None)
    assert "panicked" not in err, err
    command.end("check -b rates", 3)
    # The next one has the bus.
    produced = command.start("produce pattern -b rates --size 160x120 --fps 20 --count 40")
    command.end("consume -b rates --timeout 60s")
    _, err = produced.finish()
    assert "40 frames published" in err, err


def pipes(command):
    print("== framebus.exe: pipes, and files that are the same byte for byte", flush=True)
    frames = [picture(number) for number in range(30)]
    header = f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F10:1 Ip A1:1 Cmono XCOLORRANGE=FULL\n".encode()
    y4m = header + b"".join(b"FRAME\n" + frame for frame in frames)
    with open(command.path("film.y4m"), "wb") as file:
        file.write(y4m)

    def fed(line, text):
        """A program that gets these bytes through a pipe."""
        started = command.start(line, stdin=subprocess.PIPE)

        def feed():
            with started.process.stdin as pipe:
                pipe.write(text)

        threading.Thread(target=feed, daemon=True).start()
        return started

    produced = fed("produce - -b piped --lockstep --fps 0 --wait-consumers 2", y4m)
    raw = command.start(f"consume -b piped --every-frame --timeout 60s -o {windows(command.path('out.raw'))}")
    film = command.start(f"consume -b piped --every-frame --timeout 60s -o {windows(command.path('out.y4m'))}")
    _, err = produced.finish()
    assert "30 frames published" in err, err
    raw.finish(), film.finish()
    with open(command.path("out.raw"), "rb") as file:
        assert file.read() == b"".join(frames), "frames in a file are others"
    # Raw frames through a pipe, and a recording as a source, out through a pipe.
    raw_in = "produce - -b raw --format gray --size 64x48 --lockstep --fps 0 --wait-consumers 1"
    produced = fed(raw_in, b"".join(frames))
    consumer = command.start(f"consume -b raw --every-frame --timeout 60s -o {windows(command.path('raw.raw'))}")
    produced.finish(), consumer.finish()
    with open(command.path("raw.raw"), "rb") as file:
        assert file.read() == b"".join(frames), "raw frames in a file are others"
    recording = windows(command.path("out.y4m"))
    produced = command.start(f"produce {recording} -b again --lockstep --speed max --wait-consumers 1")
    consumer = command.start("consume -b again --every-frame --timeout 60s --format raw -o -", stdout=subprocess.PIPE)
    got = consumer.process.stdout.read(len(b"".join(frames)))
    assert got == b"".join(frames), "frames in a pipe are others"
    produced.finish(), consumer.finish()
    # A reader that goes away is a quiet end.
    produced = command.start("produce pattern -b closed --fps 30 --duration 600s")
    consumer = command.start("consume -b closed --timeout 60s --format raw -o -", stdout=subprocess.PIPE)
    consumer.process.stdout.read(640 * 480)
    consumer.process.stdout.close()
    _, err = consumer.finish()
    assert "cannot write" not in err, err
    # A command a frame.
    seen = command.path("seen.txt")
    script = command.path("seen.cmd")
    with open(script, "w") as file:
        # The other way round, `1>>` would be a descriptor.
        file.write(f"@>>{windows(seen)} echo %FRAMEBUS_SEQ%\r\n")
    command.end(f"consume -b closed --count 3 --timeout 60s --exec {windows(script)}")
    with open(seen) as file:
        numbers = [int(line) for line in file]
    assert len(numbers) == 3 and numbers == sorted(set(numbers)), numbers
    # Images.
    command.end(f"consume -b closed --count 2 --timeout 60s -o {windows(command.path('image-%06d.png'))}")
    images = [name for name in os.listdir(command.place) if name.startswith("image-")]
    assert len(images) == 2, images
    # What a killed producer has left is removed, once.
    produced.kill()
    out, _ = command.end("gc -b closed")
    assert out.startswith("removed bus closed"), out
    out, err = command.end("gc -b closed")
    assert not out and "nothing to remove" in err, (out, err)


def interrupts(command):
    print("== framebus.exe: Ctrl-C, also where nothing comes and nobody reads", flush=True)
    produced = command.start("produce pattern -b stops --fps 20 --size 320x240")
    command.end("wait -b stops --frames 1 --timeout 60s")
    # A pipe that nobody reads, one that nobody writes, and a consumer as usual.
    stuck = command.start("consume -b stops -i 0 --format raw -o -", stdout=subprocess.PIPE)
    silent = command.start("produce - -b silent", stdin=subprocess.PIPE)
    usual = command.start("consume -b stops -i 1 --json")
    attached = lambda moment: sum(consumer["state"] != "gone" for consumer in moment["consumers"]) == 2
    command.until("two consumers", "top -b stops --once --json", attached)
    time.sleep(2)
    # Wine has the signal of a terminal's Ctrl-C be a console's.
    for started in (stuck, silent, usual, produced):
        started.process.send_signal(signal.SIGINT)
        out, err = started.finish(130)
    assert "bus stops ended" in err, err


def web(command):
    print("== framebus.exe: pictures over HTTP, out and in", flush=True)
    produced = command.start("produce pattern -b seen --fps 20 --size 160x120")
    served = command.start("serve --listen 127.0.0.1:0")
    due = time.monotonic() + 60
    while "page at " not in served.said()[1]:
        assert served.process.poll() is None and time.monotonic() < due, served.said()
        time.sleep(0.05)
    page = served.said()[1].split("page at ")[1].split()[0]
    command.end("wait -b seen --frames 1 --timeout 60s")
    with urllib.request.urlopen(page + "buses/seen/snapshot.jpg", timeout=60) as answer:
        assert answer.read().startswith(b"\xff\xd8"), "no JPEG"
    _, err = command.end(f"produce {page}buses/seen/stream.mjpg -b taken --count 10")
    assert "10 frames published" in err, err
    out, _ = command.end("metrics")
    assert 'framebus_bus_state{bus="seen",state="running"} 1' in out, out
    for started in (served, produced):
        started.process.send_signal(signal.SIGINT)
        started.finish(130)


def everything(started):
    with tempfile.TemporaryDirectory() as place:
        command = Command(started, place)
        words(command)
        rates(command)
        pipes(command)
        interrupts(command)
        web(command)
