"""What a camera has to go through, in the lab: real V4L2 devices of the driver vivid.

usage: guest.py FRAMEBUS; prints a line a check, and ends with 1 when one has failed.
"""

import json
import os
import subprocess
import sys
import time

FRAMEBUS = sys.argv[1]
SINGLE, MULTI = "/dev/video0", None  # the second one is found
SIZE = (320, 180)
# Bits of the worst colour, for formats that cannot tell all shades: what one step may make of gray.
COARSE = {"RGB1": 30, "R444": 10, "12": 10, "O": 6, "15": 6, "P": 6, "R": 6, "Q": 6, "BGRH": 4}
# Those whose planes have memory of their own, and one of each kind that has not.
MULTI_PLANAR = "NM12 NM21 NM16 NM61 YM12 YM21 YM16 YM61 YM24 YM42 NV12 YUYV GREY RGB3".split()
failed = []
started = []


def start(*arguments, **options):
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    process = subprocess.Popen([FRAMEBUS, *map(str, arguments)], **options)
    started.append(process)
    return process


def run(*arguments, **options):
    process = start(*arguments, **options)
    output, errors = process.communicate(timeout=60)
    return process.returncode, output, errors


def produce(device, bus, *arguments):
    return start("produce", device, "--bus", bus, *arguments)


def v4l2(device, *arguments):
    command = ["v4l2-ctl", "-d", device, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def control(name, value, device=SINGLE):
    v4l2(device, "-c", f"{name}={value}")


def top(bus):
    return json.loads(run("top", "--bus", bus, "--once", "--json")[1])


def until(what, true, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return
        time.sleep(0.1)
    raise AssertionError(f"not in {seconds} s: {what}")


def stop(process):
    process.terminate()
    output, errors = process.communicate(timeout=30)
    assert process.returncode in (0, 143), f"ended with {process.returncode}: {errors}"
    return errors


def check(name, test):
    began = time.monotonic()
    try:
        said = test() or ""
        print(f"ok {name} ({time.monotonic() - began:.1f} s) {said}", flush=True)
    except Exception as error:  # whatever it is, the others are still to be told
        failed.append(name)
        print(f"FAILED {name}: {type(error).__name__} {error}", flush=True)
    # What a check has left has a camera that the next one wants.
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()
    started.clear()


def picture(device, fourcc, *arguments):
    """A gray picture by way of a bus."""
    size = "{}x{}".format(*SIZE)
    consumer = start("consume", "--bus", "format", "-i", 0, "-o", "-", "--format", "raw", "--count", 1,
                     "--timeout", "20s", text=False)
    producer = produce(device, "format", "--size", size, "--fourcc", fourcc, *arguments)
    gray, errors = consumer.communicate(timeout=30)
    stop(producer)
    assert consumer.returncode == 0, errors
    return gray


# Gray formats: vivid weighs colours by BT.709 for them, as a sensor has weights of its own.
GRAY = ("GREY", "Y10", "Y12", "Y16", "Y16-BE")


def references(device):
    """The same picture as RGB, by the driver's own tool, and gray by OpenCV's formula and by BT.709's."""
    path = "/tmp/reference.raw"
    width, height = SIZE
    v4l2(device, f"--set-fmt-video=width={width},height={height},pixelformat=RGB3", "--stream-mmap", "--stream-count=1",
         f"--stream-to={path}")
    with open(path, "rb") as file:
        rgb = file.read()
    assert len(rgb) == 3 * width * height, len(rgb)
    pixels = list(zip(rgb[::3], rgb[1::3], rgb[2::3]))
    return (bytes((9798 * r + 19235 * g + 3735 * b + 16384) >> 15 for r, g, b in pixels),
            bytes((2126 * r + 7152 * g + 722 * b + 5000) // 10000 for r, g, b in pixels))


def tolerance(fourcc):
    ends = [bits for end, bits in COARSE.items() if fourcc.endswith(end) and fourcc[0] in "RBAXG"]
    return max(ends, default=2)


def edges(gray):
    """Where luma changes: chroma that several pixels share says nothing of those."""
    return sum(a != b for a, b in zip(gray, gray[1:]))


def formats(device, least, only=None):
    def test():
        known = json.loads(run("cameras", device, "--json")[1])["cameras"][0]["formats"]
        names = [one["fourcc"] for one in known if one["native"]]
        names = [name for name in names if only is None or name in only]
        of_colours, of_gray = references(device)
        assert edges(of_colours) > 100
        wrong = []
        for name in names:
            gray = picture(device, name)
            expected = of_gray if name in GRAY else of_colours
            if len(gray) != len(expected):
                wrong.append(f"{name}: {len(gray)} bytes")
                continue
            off = max(abs(a - b) for a, b in zip(gray, expected))
            if off > tolerance(name):
                wrong.append(f"{name}: off by {off}")
        assert not wrong, "; ".join(wrong)
        assert len(names) >= least, f"only {len(names)}"
        return f"{len(names)} formats: {' '.join(names)}"

    return test


def a_size_that_a_camera_does_not_have_is_said():
    _, _, errors = run("produce", SINGLE, "--size", "700x500", "--fps", 17, "--count", 2)
    assert "gives 640x480 instead of 700x500 and 25 fps instead of 17" in errors, errors


def frames(bus, seconds, *arguments):
    """What a consumer of every frame saw of a camera."""
    producer = produce(SINGLE, bus, "--size", "320x180", "--history", 60, *arguments)
    code, output, errors = run("consume", "--bus", bus, "-i", 0, "--every-frame", "--json", "--duration", f"{seconds}s",
                               "--timeout", "20s")
    assert code == 0, errors
    stop(producer)
    lines = [json.loads(line) for line in output.splitlines()]
    return [line for line in lines if "source_frame" in line]


def count_and_rate_are_the_drivers():
    seen = frames("rate", 5, "--fps", 25)
    numbers = [line["source_frame"] for line in seen]
    times = [line["capture_ns"] for line in seen]
    assert len(seen) > 50, len(seen)
    span = numbers[-1] - numbers[0]
    period_ms = (times[-1] - times[0]) / span / 1e6
    assert abs(period_ms - 40) < 0.5, f"{period_ms} ms from frame to frame by the driver's clock"
    return f"{len(seen)} frames, {period_ms:.2f} ms"


def what_the_driver_says_comes_with_its_frame():
    producer = produce(SINGLE, "words", "--planes", "gray,nv12,meta")
    code, output, errors = run("consume", "--bus", "words", "--json", "--count", 10, "--timeout", "20s")
    assert code == 0, errors
    frames = [json.loads(line) for line in output.splitlines()]
    numbers = [frame["metadata"]["driver_sequence"] for frame in frames]
    assert numbers == sorted(set(numbers)), numbers
    for frame in frames:
        # A time ahead of the clock is taken for now: of one frame, the two are less than a frame apart.
        behind = frame["capture_ns"] // 1000 - frame["metadata"]["driver_time_us"]
        assert abs(behind) < 30000, (behind, frame)
    stop(producer)


def what_the_driver_drops_is_counted_to_the_frame():
    control("percentage_of_dropped_buffers", 30)
    consumer = start("consume", "--bus", "all", "-i", 0, "--every-frame", "--json", "--timeout", "20s")
    _, _, errors = run("produce", SINGLE, "--bus", "all", "--size", "320x180", "--history", 200, "--count", 120)
    output, _ = consumer.communicate(timeout=30)
    control("percentage_of_dropped_buffers", 0)
    numbers = [json.loads(line)["source_frame"] for line in output.splitlines() if "source_frame" in line]
    said = [word for word in errors.split(",") if "lost by the source" in word]
    lost = int(said[0].split()[0])
    gaps = sum(b - a - 1 for a, b in zip(numbers, numbers[1:]))
    # Published and lost are all numbers from the first frame on, which is one of the driver's first.
    first = numbers[-1] + 1 - 120 - lost
    assert 10 < gaps <= lost and 0 <= first < 10, (lost, gaps, first)
    return f"{lost} of {120 + lost}"


def buttons():
    producer = produce(SINGLE, "buttons", "--size", "320x180")
    running = lambda: top("buttons")["state"] == "running" and top("buttons")["producer"]["sequence"] > 0
    until("the first frame", running)
    consumer = start("consume", "--bus", "buttons", "-i", 0, "--json")
    sequence = lambda: top("buttons")["producer"]["sequence"]
    control("inject_v4l2_buf_flag_error", 1)
    until("a damaged frame", lambda: top("buttons")["producer"]["dropped"] == 1)
    for button in ("inject_vidioc_qbuf_error", "inject_fatal_streaming_error", "disconnect"):
        before = sequence()
        control(button, 1)
        until(f"frames after {button}", lambda: sequence() > before + 20)
    for button in ("inject_vidioc_reqbufs_error", "inject_vidioc_streamon_error"):
        # The next opening fails; the one after it does not.
        before = sequence()
        control(button, 1)
        control("inject_fatal_streaming_error", 1)
        until(f"frames after {button}", lambda: sequence() > before + 20)
    assert consumer.poll() is None, "the consumer stays"
    errors = stop(producer)
    consumer.communicate(timeout=30)
    for said in ("does not take its buffer back", "does not go on: Input/output error", "was unplugged"):
        assert said in errors, errors


def a_camera_that_is_unplugged_comes_back():
    producer = produce(SINGLE, "unplugged", "--size", "320x180")
    until("the first frame", lambda: top("unplugged")["producer"]["sequence"] > 3)
    consumer = start("consume", "--bus", "unplugged", "-i", 0, "--json")
    driver = "/sys/bus/platform/drivers/vivid/"
    with open(driver + "unbind", "w") as file:
        file.write("vivid.0")
    until("stalled", lambda: top("unplugged")["state"] == "stalled")
    snapshot = top("unplugged")
    why = snapshot["producer"]["stall_reason"]
    assert "unplugged" in why or "is not there" in why, why
    assert any(why in finding["text"] for finding in snapshot["findings"]), snapshot["findings"]
    before = snapshot["producer"]["sequence"]
    # Somebody else takes its number meanwhile.
    with open(driver + "bind", "w") as file:
        file.write("vivid.0")
    until("frames again", lambda: top("unplugged")["producer"]["sequence"] > before + 5)
    assert consumer.poll() is None, "the consumer stays"
    stop(producer)
    consumer.communicate(timeout=30)


def two_cameras_with_three_consumers_each():
    producers = [produce(device, f"two{number}", "--size", "320x180") for number, device in enumerate((SINGLE, MULTI))]
    consumers = [start("consume", "--bus", f"two{number}", "-i", index, "--count", 40, "--json", "--timeout", "20s")
                 for number in range(2) for index in range(3)]
    for consumer in consumers:
        output, errors = consumer.communicate(timeout=60)
        assert consumer.returncode == 0, errors
        assert len(output.splitlines()) >= 40, output
    for producer in producers:
        stop(producer)


def a_second_opener_is_told_who_has_it():
    first = produce(SINGLE, "first", "--size", "320x180")
    until("the first frame", lambda: top("first")["producer"]["sequence"] > 0)
    code, _, errors = run("produce", SINGLE, "--bus", "second")
    assert code == 2 and f"is in use by pid {first.pid} (framebus)" in errors, (code, errors)
    listed = json.loads(run("cameras", "--json")[1])["cameras"]
    users = next(camera["users"] for camera in listed if camera["device"] == SINGLE)
    assert [user["pid"] for user in users] == [first.pid], users
    stop(first)


def an_unprivileged_user_is_told_the_group():
    group = f"{os.stat(SINGLE).st_gid}"
    os.chmod(SINGLE, 0o660)
    command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", FRAMEBUS, "produce", SINGLE]
    environment = os.environ | {"FRAMEBUS_RUNTIME_DIR": "/tmp/nobody"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 4 and "belongs to the group" in done.stderr, (done.returncode, done.stderr, group)


def what_is_no_camera_is_told_from_one_that_is_busy():
    outputs = [f"/dev/video{number}" for number in range(8) if os.path.exists(f"/dev/video{number}")]
    others = [device for device in outputs if device not in (SINGLE, MULTI)]
    said = [run("produce", device, "--bus", "other") for device in others]
    assert any(code == 2 and "does not capture images" in errors for code, _, errors in said), said


def a_cable_that_is_pulled_is_no_picture():
    v4l2(SINGLE, "-i", "1")
    producer = produce(SINGLE, "cable")
    try:
        until("the first frame", lambda: top("cable")["producer"]["sequence"] > 0)
        control("standard_signal_mode", 1)
        until("stalled", lambda: top("cable")["state"] == "stalled")
        assert "has no signal" in top("cable")["producer"]["stall_reason"]
        before = top("cable")["producer"]["sequence"]
        control("standard_signal_mode", 0)
        until("frames again", lambda: top("cable")["producer"]["sequence"] > before)
    finally:
        stop(producer)
        v4l2(SINGLE, "-i", "0")


def controls_are_set_and_read():
    _, output, _ = run("cameras", SINGLE)
    assert "brightness" in output and "0 to 255" in output, output
    code, _, errors = run("produce", SINGLE, "--set", "brightness=99", "--set", "gain_automatic=0", "--set", "gain=20", "--count", 1)
    assert code == 0, errors
    assert "brightness: 99" in v4l2(SINGLE, "-C", "brightness,gain"), errors
    code, _, errors = run("produce", SINGLE, "--set", "brightness=300")
    assert code == 2 and "from 0 to 255" in errors, errors
    control("brightness", 128)


def a_stopped_producer_goes_on():
    producer = produce(SINGLE, "stopped", "--size", "320x180")
    sequence = lambda: top("stopped")["producer"]["sequence"]
    until("the first frame", lambda: sequence() > 0)
    producer.send_signal(19)
    time.sleep(3)
    before = sequence()
    producer.send_signal(18)
    until("frames again", lambda: sequence() > before + 5)
    stop(producer)


def main():
    global MULTI
    os.environ["FRAMEBUS_RUNTIME_DIR"] = "/tmp/framebus"
    os.mkdir("/tmp/framebus", 0o700)
    os.mkdir("/tmp/nobody", 0o777)
    listed = json.loads(run("cameras", "--json")[1])["cameras"]
    MULTI = next(camera["device"] for camera in listed if "NM12" in [one["fourcc"] for one in camera["formats"]])
    assert [camera["device"] for camera in listed] == [SINGLE, MULTI], listed
    for device in (SINGLE, MULTI):
        control("osd_text_mode", 2, device)
    check("single-planar formats", formats(SINGLE, 50))
    check("multi-planar formats", formats(MULTI, 11, MULTI_PLANAR))
    for test in (
        a_size_that_a_camera_does_not_have_is_said,
        controls_are_set_and_read,
        count_and_rate_are_the_drivers,
        what_the_driver_drops_is_counted_to_the_frame,
        buttons,
        what_the_driver_says_comes_with_its_frame,
        two_cameras_with_three_consumers_each,
        a_second_opener_is_told_who_has_it,
        an_unprivileged_user_is_told_the_group,
        what_is_no_camera_is_told_from_one_that_is_busy,
        a_cable_that_is_pulled_is_no_picture,
        a_stopped_producer_goes_on,
        a_camera_that_is_unplugged_comes_back,
    ):
        check(test.__name__.replace("_", " "), test)
    print(f"{len(failed)} failed", flush=True)
    return 1 if failed else 0


sys.exit(main())
