"""Producers and consumers as Windows programs under Wine: who sees what when somebody ends, is killed, or comes twice.

usage: run.py WINE PROGRAMS KILLS   (bin/test-windows calls it)
"""

import json
import os
import random
import signal
import subprocess
import sys
import time

WINE, PROGRAMS, KILLS = sys.argv[1], sys.argv[2], int(sys.argv[3])
PATIENCE = 120


def start(program, *arguments):
    path = os.path.join(PROGRAMS, program + ".exe")
    return subprocess.Popen(
        [WINE, path, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def end(process, expected=0):
    """What a program says at its end, which has to come."""
    try:
        out, err = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        raise AssertionError(f"{process.args[1:]} does not end") from None
    assert process.returncode == expected, f"{process.args[1:]} ended with {process.returncode}: {out}{err}"
    return json.loads(out.splitlines()[-1]) if out.strip() else err


def kill(process):
    """As the task manager does: no code of the process runs any more."""
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()


def whole(report):
    assert report["torn"] == 0 and report["backwards"] == 0, report
    return report


def matrix():
    print("== producers and consumers in Rust and in C, on frames that prove themselves whole", flush=True)
    for producer in ("rust", "c"):
        bus = f"matrix-{producer}"
        produced = start(producer, "produce", bus, 160, 120, 60, 4, 2)
        consumers = [
            start("rust", "consume", bus, 0, "newest", 60),
            start("c", "consume", bus, 1, "every", 60),
            start("c", "consume", bus, 2, "newest", 60),
            start("rust", "consume", bus, 3, "slow", 60),
        ]
        sent = end(produced)
        assert sent["published"] > 0 and sent["starved"] == 0, sent
        for consumer in consumers:
            got = whole(end(consumer))
            assert got["end"] == "ended" and got["last"] == sent["sequence"] and got["taken"] > 0, (got, sent)
            assert got["attached"] + got["taken"] + got["skipped"] == got["last"], got
        slow = got
        assert slow["skipped"] > 0, slow


def planes():
    print("== planes and metadata", flush=True)
    for producer in ("rust", "c"):
        produced = start(producer, "produce-planes", "planes", 2, 40)
        consumers = [start(client, "consume-planes", "planes", index) for index, client in enumerate(("rust", "c"))]
        assert end(produced)["published"] == 40
        for consumer in consumers:
            got = end(consumer)
            # Who is slow to attach begins later.
            assert got["taken"] > 20 and got["wrong"] == 0, got


def deaths():
    print("== who is killed, and what the others see", flush=True)
    bus = "deaths"
    produced = start("rust", "produce", bus, 64, 48, 100, 2, 600)
    holder = start("c", "consume", bus, 0, "hold", 60)
    other = start("rust", "consume", bus, 1, "newest", 60)
    assert holder.stdout.readline().startswith("holding")
    refused = end(start("rust", "consume", bus, 0, "newest", 1), 1)
    assert "consumer 0" in refused and "in use" in refused, refused
    second = end(start("rust", "produce", bus, 64, 48, 100, 2, 1), 1)
    assert "already has a producer" in second or "in use" in second, second
    # A consumer that dies with a frame: its index is free at once, and its frame.
    kill(holder)
    after = start("c", "consume", bus, 0, "newest", 60)
    time.sleep(2)
    # A producer that dies: its consumers are told that it was lost.
    kill(produced)
    for consumer in (after, other):
        got = whole(end(consumer))
        assert got["end"] == "lost" and got["taken"] > 0, got
    # The next one has the bus without a hand being lifted.
    produced = start("rust", "produce", bus, 64, 48, 100, 1, 1)
    got = whole(end(start("rust", "consume", bus, 0, "newest", 60)))
    assert got["end"] == "ended", got
    end(produced)


def chaos():
    seed = int(os.environ.get("FRAMEBUS_CHAOS_SEED", random.randrange(1 << 32)))
    print(f"== {KILLS} random kills (FRAMEBUS_CHAOS_SEED={seed})", flush=True)
    dice = random.Random(seed)
    bus = "chaos"
    producer = lambda: start("rust", "produce", bus, 64, 48, 200, 3, 3600)
    kinds = [("rust", "newest"), ("c", "every"), ("rust", "slow")]
    consumer = lambda index: start(kinds[index][0], "consume", bus, index, kinds[index][1], 60)
    everybody = [producer()] + [consumer(index) for index in range(3)]
    kills, ends, taken, due = 0, 0, 0, time.monotonic() + 60 + 3 * KILLS
    while kills < KILLS:
        assert time.monotonic() < due, f"only {kills} kills: somebody hangs"
        time.sleep(dice.uniform(0.0, 0.15))
        # The producer less often: every consumer starts again with it.
        victim = dice.choice([0, 1, 1, 1, 2, 2, 2, 3, 3, 3])
        for place, process in enumerate(everybody):
            if process.poll() is not None:
                out, err = process.communicate()
                if place == 0:
                    raise AssertionError(f"the producer has ended: {out}{err}")
                if process.returncode == 0:
                    got = whole(json.loads(out.splitlines()[-1]))
                    assert got["end"] in ("lost", "ended"), got
                    ends, taken = ends + 1, taken + got["taken"]
                else:
                    # It came while there was no producer, or before its index was free.
                    assert "bus" in err, err
                everybody[place] = consumer(place - 1)
        kill(everybody[victim])
        kills += 1
        everybody[victim] = producer() if victim == 0 else consumer(victim - 1)
    for process in everybody:
        kill(process)
    print(f"{kills} kills; {ends} consumers saw their producer go, after {taken} frames", flush=True)
    produced = start("rust", "produce", bus, 64, 48, 100, 3, 1)
    consumers = [consumer(index) for index in range(3)]
    sent = end(produced)
    assert sent["published"] > 0 and sent["starved"] == 0, sent
    for process in consumers:
        got = whole(end(process))
        assert got["end"] == "ended" and got["last"] == sent["sequence"], (got, sent)


# Wine's own processes get the output of whoever starts first, and keep it open: that one says nothing, and stays.
keeper = subprocess.Popen(
    [WINE, os.path.join(PROGRAMS, "c.exe"), "produce", "keeper", "64", "48", "1", "1", "1"],
    stdin=subprocess.DEVNULL,
    stdout=subprocess.DEVNULL,
    stderr=subprocess.DEVNULL,
)
try:
    end(start("c", "consume", "nobody", 0, "newest", 1), 1)
    matrix()
    planes()
    deaths()
    chaos()
finally:
    keeper.kill()
    keeper.wait()
