"""A camera at work: sizes, rates, numbers, controls, people."""

import json
import os
import subprocess

import common
from common import FRAMEBUS, SINGLE, control, produce, run, start, stop, top, until, v4l2


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


def two_cameras_with_three_consumers_each():
    producers = [produce(device, f"two{number}", "--size", "320x180") for number, device in enumerate((SINGLE, common.MULTI))]
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
    others = [device for device in outputs if device not in (SINGLE, common.MULTI)]
    said = [run("produce", device, "--bus", "other") for device in others]
    assert any(code == 2 and "does not capture images" in errors for code, _, errors in said), said


def controls_are_set_and_read():
    _, output, _ = run("cameras", SINGLE)
    assert "brightness" in output and "0 to 255" in output, output
    code, _, errors = run("produce", SINGLE, "--set", "brightness=99", "--set", "gain_automatic=0", "--set", "gain=20", "--count", 1)
    assert code == 0, errors
    assert "brightness: 99" in v4l2(SINGLE, "-C", "brightness,gain"), errors
    code, _, errors = run("produce", SINGLE, "--set", "brightness=300")
    assert code == 2 and "from 0 to 255" in errors, errors
    control("brightness", 128)
