"""framebus: one camera, many programs.

Frames of a camera that other processes use too, as read-only NumPy views of shared memory::

    import framebus

    for frame in framebus.Consumer(bus="cam0", index=1):
        print(frame.sequence, frame.gray.mean())

A frame's pixels do not change while it, or a view of it, lives. Taking the next frame releases the one before; a view
that is still alive then (``kept = frame.gray``) is a FrameHeldError: ``copy()`` what you keep.
"""

import asyncio as _asyncio
import json as _json

import numpy as _numpy

from . import _framebus
from ._capture import CAP_FRAMEBUS, VideoCapture
from ._framebus import (
    FORMATS,
    CutShortError,
    Error,
    Frame,
    FrameHeldError,
    InUseError,
    NoBusError,
    NoPlaneError,
    OtherProcessError,
    ProducerLostError,
    Slot,
    __version__,
)

__all__ = [
    "CAP_FRAMEBUS",
    "Consumer",
    "CutShortError",
    "Error",
    "FORMATS",
    "Frame",
    "FrameHeldError",
    "InUseError",
    "NoBusError",
    "NoPlaneError",
    "Observer",
    "OtherProcessError",
    "Pattern",
    "Producer",
    "ProducerLostError",
    "Slot",
    "VideoCapture",
    "verify_pattern",
]


class Consumer(_framebus.Consumer):
    """Takes frames from a bus.

    ``bus``: its name (default: $FRAMEBUS_BUS, else cam0). ``index``: the consumer index (default: the first that is free).
    ``every_frame``: every frame in order, as far as the bus keeps them, instead of the newest. ``timeout``: seconds to wait
    for the bus (0: not at all, None: for as long as it takes). ``name``: what ``framebus top`` calls it. ``needs``: the planes
    without which it is of no use ("gray,nv12"); a bus that has them not is a NoPlaneError that says what it has.

    Iterate over it (``for``, or ``async for`` in asyncio), or call next(timeout) or acquire().
    """

    def __aiter__(self):
        return self

    async def __anext__(self):
        while True:
            if self._was_interrupted():
                raise StopAsyncIteration
            frame = self.acquire()
            if frame is not None:
                return frame
            state = self.wait(0)
            if state in ("ended", "interrupted"):
                raise StopAsyncIteration
            if state == "timeout":
                await self._readable()

    async def _readable(self):
        loop = _asyncio.get_running_loop()
        ready = loop.create_future()
        loop.add_reader(self.fileno(), lambda: ready.done() or ready.set_result(None))
        try:
            await ready
        finally:
            loop.remove_reader(self.fileno())


class Producer(_framebus.Producer):
    """Makes a bus: this process is its producer.

    Write into a slot without a copy::

        with producer.claim() as slot:
            cv2.cvtColor(image, cv2.COLOR_BGR2GRAY, dst=slot.gray)

    or copy an array with publish(). claim() is None when every slot is leased: the frame is lost, and counted. ``planes``: the
    images of each frame ("gray,nv12,gray/4,meta"; gray, and with ``color`` bgr, where it is not given); FORMATS has the names.
    """

    def publish(
        self,
        gray=None,
        bgr=None,
        *,
        planes=None,
        metadata=None,
        source_frame=0,
        capture_ns=None,
        wall_ns=None,
        sequence=None,
        origin=0,
    ):
        """Copies images into a slot and publishes it: a gray and a BGR image, and those of other ``planes`` by their names
        ({"nv12": array}), each in the shape that slot.plane() has. The planes that are not given are made from those that are.

        Returns its sequence, or None when every slot is leased. ``metadata``, on a bus with the plane meta: bytes. A frame that
        has a number elsewhere keeps it with ``sequence`` (above the last one) and ``origin`` (whose number that is).
        """
        images = {} if planes is None else dict(planes)
        for name, image in (("gray", gray), ("bgr", bgr)):
            if image is not None:
                images[name] = image
        images = {name: _numpy.asarray(image) for name, image in images.items()}
        slot = self.claim()
        if slot is None:
            return None
        try:
            # As a text: an exception's traceback would keep a view of the slot.
            misfit = _fill(slot, images)
            if misfit is not None:
                raise ValueError(misfit)
            return slot.publish(
                source_frame,
                capture_ns=capture_ns,
                wall_ns=wall_ns,
                sequence=sequence,
                origin=origin,
                metadata=metadata,
            )
        except (Error, ValueError, TypeError):
            slot.abandon()
            raise


def _fill(slot, images):
    """Writes a slot, or says why an image does not fit."""
    names, written, beside = slot.planes, [], {"gray": None, "bgr": None}
    for name, image in images.items():
        if name in beside and name not in names:
            misfit = _misfit(name, image, (slot.height, slot.width, 3)[: 3 if name == "bgr" else 2], "uint8")
            beside[name] = image.tobytes()
        else:
            misfit = _copy_into(slot.plane(name), image, name)
            written.append(name)
        if misfit is not None:
            return misfit
    if any(name not in written and not name.startswith("meta") for name in names):
        slot._fill_rest(written, beside["gray"], beside["bgr"])
    return None


def _copy_into(target, image, what):
    """Copies an image into a plane, or says why it does not fit; copyto would stretch a smaller one."""
    misfit = _misfit(what, image, target.shape, target.dtype)
    if misfit is None:
        _numpy.copyto(target, image)
    return misfit


def _misfit(what, image, shape, dtype):
    if image.shape == shape and image.dtype == dtype:
        return None
    return f"{what} has shape {image.shape} and type {image.dtype}, the bus {shape} and {dtype}"


class Observer(_framebus.Observer):
    """Sees a bus without an index or a lease, and changes nothing."""

    def snapshot(self):
        """One moment of the bus, as ``framebus top --once --json`` prints it. The first has no rates."""
        return _json.loads(self.snapshot_json())

    def peek(self):
        """A copy of the newest gray frame, checked to be whole; None before the first."""
        found = self.peek_bytes()
        if found is None:
            return None
        width, height, _sequence, data = found
        return _numpy.frombuffer(data, _numpy.uint8).reshape(height, width)


class Pattern(_framebus.Pattern):
    """The moving test picture of ``framebus produce pattern``, for programs that want to be tried without a camera."""

    def draw(self, number):
        """Draws frame ``number``: its gray and its BGR image."""
        gray, bgr = self.draw_bytes(number)
        shape = (self.height, self.width)
        return (
            _numpy.frombuffer(gray, _numpy.uint8).reshape(shape),
            _numpy.frombuffer(bgr, _numpy.uint8).reshape(*shape, 3),
        )


def verify_pattern(gray):
    """Checks that an image is one whole frame of the test picture, and returns its number; ValueError otherwise."""
    height, width = gray.shape
    return _framebus.verify_pattern(width, height, gray.tobytes())
