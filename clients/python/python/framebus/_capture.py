"""A bus in the place of a camera: the methods of cv2.VideoCapture over a consumer. OpenCV is not needed."""

import logging
import operator
import sys
import time

import numpy

from . import _framebus
from ._framebus import CutShortError, Error, NoBusError, NoPlaneError, ProducerLostError

_log = logging.getLogger("framebus")

#: What get(CAP_PROP_BACKEND) returns; none of OpenCV's own.
CAP_FRAMEBUS = 0xFB05

# cv2's numbers of the properties.
_POS_MSEC, _POS_FRAMES, _FRAME_WIDTH, _FRAME_HEIGHT, _FPS, _FOURCC = 0, 1, 3, 4, 5, 6
_FORMAT, _CONVERT_RGB, _BACKEND, _OPEN_TIMEOUT, _READ_TIMEOUT = 8, 16, 42, 53, 54

# How soon a release() of another thread ends the wait for a new producer.
_SLICE = 0.1


class VideoCapture:
    """cv2.VideoCapture over a bus: an OpenCV program moves to the bus by changing the line that opens its camera.

    ``bus``: a name, or a number (0 is cam0); without one it is not open, as in cv2, until open(). ``apiPreference`` chooses
    nothing, since a bus has one way in; ``params`` are pairs of a property and its value, as for set(). ``index``, ``name``
    and ``every_frame`` are those of Consumer. ``gray``: images of shape (height, width) instead of (height, width, 3). Images
    are the bus's plane bgr, else gray; a bus with neither is not opened.
    ``timeout``: seconds to wait for the bus (None: for as long as it takes). ``follow``: wait for the next producer when
    this one ends, and go on with its frames; otherwise every read() is then (False, None), as at the end of a file.

    What goes wrong is False, and a warning of the logger "framebus"; setExceptionMode(True) makes it an Error.
    """

    def __init__(
        self,
        bus=None,
        apiPreference=0,
        params=(),
        *,
        index=None,
        name="",
        every_frame=False,
        gray=False,
        follow=False,
        timeout=1.0,
    ):
        self._options = {"index": index, "name": name, "every_frame": every_frame}
        self._gray = bool(gray)
        self._follow = bool(follow)
        self._open_timeout = timeout
        self._read_timeout = 30.0  # OpenCV's own
        self._raises = False
        self._said = None
        self._bus = self._consumer = self._frame = None
        self._stream = {"width": 0, "height": 0, "fps": None}
        if bus is not None:
            self.open(bus, apiPreference, params)

    def open(self, bus, apiPreference=0, params=()):
        """Releases what is open, and attaches to a bus. Whether it is there."""
        self.release()
        self._said = None
        if not isinstance(bus, str):
            bus = f"cam{operator.index(bus)}"
        pairs = list(params)
        if len(pairs) % 2:
            return self._fail("params are pairs of a property and its value")
        for prop, value in zip(pairs[::2], pairs[1::2]):
            if not self.set(prop, value):
                return self._fail(f"property {prop} cannot be set to {value}")
        try:
            consumer = self._attach(bus, self._open_timeout)
        except (Error, ValueError, OverflowError, OSError) as error:
            return self._fail(f"bus {bus} is not open: {error}")
        self._bus, self._consumer, self._stream = bus, consumer, consumer.stream
        return True

    def isOpened(self):
        """Whether a bus was opened; also after its producer ended, until release()."""
        return self._bus is not None

    def release(self):
        """Leaves the bus. A read() of another thread ends."""
        consumer, self._consumer = self._consumer, None
        self._bus = self._frame = None
        if consumer is not None:
            consumer.close()

    def grab(self):
        """Takes the newest frame, or with ``every_frame`` the next, and waits for it. Whether there is one."""
        bus, self._frame = self._bus, None
        if bus is None:
            return self._fail("the capture is not open", quietly=True)
        deadline = None if self._read_timeout is None else time.monotonic() + self._read_timeout
        while True:
            consumer = self._consumer
            try:
                if consumer is None:
                    consumer = self._reattach(bus, deadline)
                self._frame = _take(consumer, deadline)
                self._said = None
                return True
            except (_EndedError, ProducerLostError, CutShortError) as error:
                if not self._follow:
                    return self._fail(str(error), quietly=isinstance(error, _EndedError))
                consumer.close()
                if self._consumer is consumer:
                    self._consumer = None
            except Error as error:
                return self._fail(str(error))
            except ValueError:
                # It was closed: by release() of another thread, which is no fault.
                if self._bus is bus and self._consumer is consumer:
                    raise
                return False

    def retrieve(self, image=None, flag=0):
        """A copy of the frame that grab() took, in ``image`` if it fits: whether there is one, and the image."""
        frame = self._frame
        if frame is None or flag != 0:
            return self._fail("no frame is grabbed", quietly=True), None
        try:
            return True, _copy(frame, self._gray, image)
        except Error as error:
            return self._fail(str(error)), None
        except ValueError:
            # Another thread grabbed the next one, or released the capture.
            if self._frame is frame:
                raise
            return False, None

    def read(self, image=None):
        """grab() and retrieve(): whether there is a frame, and its image, which is the caller's to keep and to change."""
        return self.retrieve(image) if self.grab() else (False, None)

    def get(self, propId):
        """A property by cv2's number; 0 for one that a bus does not have, such as CAP_PROP_FRAME_COUNT."""
        if propId == _OPEN_TIMEOUT:
            return _milliseconds(self._open_timeout)
        if propId == _READ_TIMEOUT:
            return _milliseconds(self._read_timeout)
        if self._bus is None:
            return 0.0
        if propId == _BACKEND:
            return float(CAP_FRAMEBUS)
        if propId == _CONVERT_RGB:
            return 0.0 if self._gray else 1.0
        if propId == _FORMAT:
            # CV_8UC1 or CV_8UC3, which has had another number since OpenCV 5.
            return 0.0 if self._gray else float(getattr(sys.modules.get("cv2"), "CV_8UC3", 16))
        if propId == _FOURCC:
            return float(int.from_bytes(b"GREY" if self._gray else b"BGR3", "little"))
        frame, stream = self._frame, self._known()
        if propId == _FPS:
            return stream["fps"] or 0.0
        if propId == _FRAME_WIDTH:
            return float(frame.width if frame else stream["width"])
        if propId == _FRAME_HEIGHT:
            return float(frame.height if frame else stream["height"])
        if propId == _POS_MSEC:
            return frame.capture_ns / 1e6 if frame else 0.0
        if propId == _POS_FRAMES:
            return float(frame.sequence) if frame else 0.0
        return 0.0

    def set(self, propId, value):
        """Sets the time-outs (in ms; 0: none) or CAP_PROP_CONVERT_RGB (0: gray images). The rest, the producer's, is False."""
        if propId in (_OPEN_TIMEOUT, _READ_TIMEOUT) and value >= 0:
            seconds = value / 1000 if value else None
            if propId == _OPEN_TIMEOUT:
                self._open_timeout = seconds
            else:
                self._read_timeout = seconds
            return True
        if propId == _CONVERT_RGB:
            self._gray = not value
            return True
        return False

    def getBackendName(self):
        """FRAMEBUS; an Error when it is not open, as in cv2."""
        if self._bus is None:
            raise Error("the capture is not open")
        return "FRAMEBUS"

    def setExceptionMode(self, enable):
        """Whether what goes wrong is an Error from now on, instead of False."""
        self._raises = bool(enable)

    def getExceptionMode(self):
        """What setExceptionMode() set."""
        return self._raises

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.release()

    def __repr__(self):
        return f"<framebus.VideoCapture {self._bus or 'not open'}>"

    def _fail(self, why, quietly=False):
        """False, or an Error. The same is said once, however often a program tries again."""
        if self._raises:
            raise Error(why)
        if not quietly and self._said != why:
            _log.warning("VideoCapture: %s", why)
        self._said = why
        return False

    def _attach(self, bus, timeout):
        consumer = _framebus.Consumer(bus, timeout=timeout, **self._options)
        there = [plane["name"] for plane in consumer.stream["planes"]]
        if "gray" in there or ("bgr" in there and not self._gray):
            return consumer
        consumer.close()
        wanted = "gray" if self._gray else "bgr or gray"
        raise NoPlaneError(
            f"a capture takes {wanted}, and bus {bus} has {', '.join(there)}: start its producer with"
            f" --planes {','.join([*there, 'gray' if self._gray else 'bgr'])}"
        )

    def _reattach(self, bus, deadline):
        """Waits for the next producer, in slices, so that a release() of another thread ends it."""
        while self._bus is bus:
            left = _left(deadline)
            last = left is not None and left <= _SLICE
            try:
                consumer = self._attach(bus, left if last else _SLICE)
            except NoBusError:
                if last:
                    raise
                continue
            self._consumer, self._stream = consumer, consumer.stream
            if self._bus is bus:
                return consumer
            consumer.close()
        raise ValueError("the capture is released")

    def _known(self):
        """What the frames are now, or were last."""
        consumer = self._consumer
        if consumer is not None:
            try:
                self._stream = consumer.stream
            except ValueError:
                pass  # closed meanwhile
        return self._stream


class _EndedError(Error):
    """The producer ended, which a file does as well: only a program that asks for exceptions is told."""


def _left(deadline):
    return None if deadline is None else max(0.0, deadline - time.monotonic())


def _take(consumer, deadline):
    """The next frame; an Error says why there is none."""
    while True:
        frame = consumer.acquire()
        if frame is not None:
            return frame
        state = consumer.wait(_left(deadline))
        if state == "timeout":
            raise Error("no frame came within CAP_PROP_READ_TIMEOUT_MSEC")
        if state == "ended":
            raise _EndedError("the producer ended")
        if state == "interrupted":
            raise ValueError("the consumer is closed")


def _copy(frame, gray, image):
    """A copy of a frame's pixels, in ``image`` where that fits, as OpenCV has it."""
    pixels = frame.gray if gray else frame.bgr
    spread = pixels is None
    if spread:
        pixels = frame.gray
    shape = (*pixels.shape, 3) if spread else pixels.shape
    if (
        not isinstance(image, numpy.ndarray)
        or image.shape != shape
        or image.dtype != numpy.uint8
        or not image.flags.writeable
    ):
        image = numpy.empty(shape, numpy.uint8)
    if not spread:
        numpy.copyto(image, pixels)
        return image
    # A program that has OpenCV gets its conversion, which gives the same in a fraction of NumPy's time.
    cvt_color = getattr(sys.modules.get("cv2"), "cvtColor", None)
    if cvt_color is not None:
        return cvt_color(pixels, sys.modules["cv2"].COLOR_GRAY2BGR, dst=image)
    for channel in range(3):
        image[:, :, channel] = pixels
    return image


def _milliseconds(seconds):
    return 0.0 if seconds is None else seconds * 1000.0
