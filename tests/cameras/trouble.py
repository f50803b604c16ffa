"""A camera that breaks, is unplugged, has nothing to show, or shows something else."""

import glob
import os
import time

import common
import usb
from common import SINGLE, control, produce, start, stop, top, until, v4l2


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


DRIVER = "/sys/bus/platform/drivers/vivid/"


def plug(how):
    """Unplugs all of vivid's devices, or plugs them in again: they are one for the kernel."""
    with open(DRIVER + how, "w") as file:
        file.write("vivid.0")


def number_of(name):
    """The number of a device now, by what it is called."""
    paths = glob.glob("/sys/class/video4linux/video*/name")
    return next(path.split("/")[-2] for path in paths if open(path).read().strip() == name)


def what_is_unplugged_comes_back_under_another_number():
    """Two cameras, one by its number, one by a link as udev keeps it; here nobody does, so the check is its udev."""
    link = "/dev/v4l/by-id/usb-x-video-index0"
    os.makedirs(os.path.dirname(link), exist_ok=True)
    os.symlink(common.MULTI, link)
    buses = ("unplugged", "link")
    producers = [produce(device, bus, "--size", "320x180") for device, bus in zip((SINGLE, link), buses)]
    producer = lambda bus: top(bus)["producer"]
    for bus in buses:
        until("the first frame", lambda: producer(bus)["sequence"] > 3)
    consumer = start("consume", "--bus", "unplugged", "-i", 0, "--json")
    plug("unbind")
    os.unlink(link)
    for bus in buses:
        until("stalled", lambda: top(bus)["state"] == "stalled")
    snapshot = top("unplugged")
    why = snapshot["producer"]["stall_reason"]
    assert "unplugged" in why or "is not there" in why, why
    assert any(why in finding["text"] for finding in snapshot["findings"]), snapshot["findings"]
    before = [producer(bus)["sequence"] for bus in buses]
    # Another camera has its number meanwhile, and its frames are not taken for its own.
    other, seen = usb.plugged_in(usb.pictures()[0])
    assert seen["device"] == SINGLE, seen
    until("the other one is seen", lambda: "has its number now" in producer("unplugged")["stall_reason"])
    assert [producer(bus)["sequence"] for bus in buses] == before, "frames of another camera"
    plug("bind")
    numbers = [number_of(f"vivid-{which}-vid-cap") for which in ("000", "001")]
    assert f"/dev/{numbers[0]}" != SINGLE and f"/dev/{numbers[1]}" != common.MULTI, numbers
    os.symlink(f"../../{numbers[1]}", link)
    for bus, sequence in zip(buses, before):
        until("frames again", lambda: producer(bus)["sequence"] > sequence + 5)
    assert consumer.poll() is None, "the consumer stays"
    for one in producers:
        stop(one)
    os.unlink(link)
    # The next check finds the cameras as this one did.
    plug("unbind")
    other.unplug()
    until("no USB camera", lambda: not usb.found())
    plug("bind")
    return f"now {' and '.join(numbers)}"


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


def a_source_of_another_size_is_a_new_generation():
    """HDMI, whose source changes its size, and is pulled: the driver tells of both by an event."""
    v4l2(SINGLE, "-i", "3")
    v4l2(SINGLE, "--set-dv-bt-timings", "index=3")
    producer = produce(SINGLE, "hdmi")
    size = lambda: [top("hdmi")["segment"][side] for side in ("width", "height")]
    generation = lambda: top("hdmi")["segment"]["generation"]
    sequence = lambda: top("hdmi")["producer"]["sequence"]
    try:
        until("the first frame", lambda: sequence() > 3)
        first, before = size(), generation()
        consumer = start("consume", "--bus", "hdmi", "-i", 0, "--json", "--follow")
        # What the menu has: the timings that `dv_timings` names are what comes in now.
        control("dv_timings", 0)
        control("dv_timings_signal_mode", 4)
        until("another size", lambda: size() != first and generation() > before)
        second, before = size(), sequence()
        until("frames of it", lambda: sequence() > before + 5)
        control("dv_timings_signal_mode", 1)
        until("stalled", lambda: top("hdmi")["state"] == "stalled")
        assert "no signal" in top("hdmi")["producer"]["stall_reason"], top("hdmi")["producer"]["stall_reason"]
        before = sequence()
        control("dv_timings_signal_mode", 4)
        until("frames again", lambda: sequence() > before + 5)
        assert consumer.poll() is None, "the consumer stays"
        return f"{first} became {second}"
    finally:
        stop(producer)
        control("dv_timings_signal_mode", 0)
        v4l2(SINGLE, "-i", "0")


def a_producer_that_was_stopped_goes_on():
    """As a machine that was suspended: the driver has gone on, or its clock has not; frames are of now, not of then."""
    producer = produce(SINGLE, "stopped", "--size", "320x180")
    sequence = lambda: top("stopped")["producer"]["sequence"]
    until("the first frame", lambda: sequence() > 0)
    producer.send_signal(19)
    time.sleep(5)
    before = sequence()
    # The wall clock has jumped when a machine wakes up.
    now = time.clock_gettime(time.CLOCK_REALTIME)
    time.clock_settime(time.CLOCK_REALTIME, now + 60)
    producer.send_signal(18)
    until("frames again", lambda: sequence() > before + 5)
    until("frames of now", lambda: top("stopped")["producer"]["age_ms"] < 1000)
    time.clock_settime(time.CLOCK_REALTIME, now + 5)
    before = sequence()
    until("frames after the clock went back", lambda: sequence() > before + 5)
    errors = stop(producer)
    return errors.strip().splitlines()[-1]
