"""An OpenCV program of the usual kind, run once on a file by OpenCV and once on a bus that plays this file.

Prints what its capture says, and keeps the images by their position. usage: … opencv|framebus SOURCE OUT.npz
"""

import sys

import cv2
import numpy

import framebus

print("ready", flush=True)
if sys.argv[1] == "opencv":
    capture = cv2.VideoCapture(sys.argv[2])
else:
    # The line that is another one: the bus starts after this program, which is to have every frame of the file.
    capture = framebus.VideoCapture(sys.argv[2], timeout=60, every_frame=True)

print(capture.isOpened(), capture.retrieve())
print(capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT), capture.get(cv2.CAP_PROP_FPS))
print(capture.get(cv2.CAP_PROP_CONVERT_RGB), capture.get(cv2.CAP_PROP_FORMAT), capture.getExceptionMode())
print(capture.get(cv2.CAP_PROP_BACKEND) > 0, isinstance(capture.getBackendName(), str))

images = {}
while True:
    # The three ways to read.
    if len(images) % 3 == 0:
        ok, image = capture.read()
    elif len(images) % 3 == 1:
        mine = numpy.empty_like(image)
        ok, image = capture.read(mine)
        assert not ok or image is mine
    else:
        ok = capture.grab()
        again, image = capture.retrieve()
        assert again == ok
    if not ok:
        break
    assert image.flags.writeable and image.flags.c_contiguous
    assert numpy.array_equal(capture.retrieve()[1], image)
    assert image.dtype == numpy.uint8 and image.ndim == 3
    images[f"{capture.get(cv2.CAP_PROP_POS_FRAMES):.0f}"] = image

print(ok, image, capture.isOpened(), capture.read(), capture.grab())
capture.release()
print(capture.isOpened(), capture.read(), capture.retrieve(), capture.grab(), capture.set(cv2.CAP_PROP_FPS, 5))
try:
    capture.getBackendName()
except (cv2.error, framebus.Error):
    print("no backend")
capture.setExceptionMode(True)
try:
    capture.read()
except (cv2.error, framebus.Error):
    print("an exception")
numpy.savez(sys.argv[3], **images)
