"""A USB camera of the kernel's own driver for them: Motion JPEG, damage, unplugging."""

import json
import os

import uvc
from common import plugged, produce, run, start, stop, top, until


def pictures():
    """The test picture as JPEG and as it was."""
    takers = [start("consume", "--bus", "jpeg", "-i", index, "-o", f"/tmp/usb.{end}", "--count", 1, "--timeout", "20s")
              for index, end in enumerate(("jpg", "pgm"))]
    code, _, errors = run("produce", "pattern", "--bus", "jpeg", "--size", "640x480", "--count", 1, "--wait-consumers", 2)
    assert code == 0, errors
    for taker in takers:
        _, errors = taker.communicate(timeout=30)
        assert taker.returncode == 0, errors
    with open("/tmp/usb.jpg", "rb") as jpeg, open("/tmp/usb.pgm", "rb") as gray:
        return jpeg.read(), gray.read()[-640 * 480 :]


def found(serial="Lab Camera"):
    cameras = json.loads(run("cameras", "--json")[1])["cameras"]
    return next((camera for camera in cameras if serial in camera["name"]), None)


def plugged_in(jpeg, port=0):
    camera = uvc.Camera([jpeg], port)
    plugged.append(camera)
    until("the USB camera", found)
    return camera, found()


def a_usb_camera_sends_motion_jpeg_and_comes_back_under_another_number():
    jpeg, gray = pictures()
    camera, seen = plugged_in(jpeg)
    assert [one["fourcc"] for one in seen["formats"]] == ["MJPG", "YUYV"], seen
    assert seen["driver"] == "uvcvideo" and seen["bus"].startswith("usb-"), seen
    device = seen["device"]
    _, output, _ = run("cameras", device)
    assert "brightness" in output and "0 to 100" in output, output
    taker = start("consume", "--bus", "usb", "-i", 0, "-o", "-", "--format", "raw", "--count", 1, "--timeout", "20s", text=False)
    producer = produce(device, "usb", "--set", "brightness=42")
    raw, errors = taker.communicate(timeout=30)
    assert len(raw) == len(gray), errors
    # What JPEG makes of it.
    off = sum(abs(a - b) for a, b in zip(raw, gray)) / len(gray)
    assert off < 3, f"off by {off} in the mean"
    assert camera.brightness == 42, camera.brightness
    # YUYV has only 5 frames a second: it has to be Motion JPEG.
    assert "MJPG" in top("usb")["producer"]["source"], top("usb")["producer"]
    # Those that end early are counted here; what its camera has flagged, this driver keeps to itself, but for its number.
    counted = lambda: [top("usb")["producer"][what] for what in ("dropped", "source_dropped")]
    before = counted()
    camera.spoil += ["half", "flagged", "half"]
    until("the damaged frames", lambda: not camera.spoil)
    sequence = top("usb")["producer"]["sequence"]
    until("frames after them", lambda: top("usb")["producer"]["sequence"] > sequence + 5)
    after = counted()
    assert after[0] == before[0] + 2 and after[1] >= before[1] + 1, (before, after)
    # Who keeps the old device open keeps its number from being given again.
    consumer = start("consume", "--bus", "usb", "-i", 0, "--json")
    keeper = os.open(device, os.O_RDONLY)
    camera.unplug()
    until("stalled", lambda: top("usb")["state"] == "stalled")
    before = top("usb")["producer"]["sequence"]
    camera, again = plugged_in(jpeg)
    os.close(keeper)
    assert again["device"] != device, again
    until("frames again", lambda: top("usb")["producer"]["sequence"] > before + 5)
    assert consumer.poll() is None, "the consumer stays"
    stop(producer)
    camera.unplug()
    until("no USB camera", lambda: not found())
    return f"off by {off:.2f} in the mean, {device} became {again['device']}"
