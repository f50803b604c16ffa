"""An OpenCV program that reads a bus: what moves between two frames.

The capture is the only line that knows of framebus; with cv2.VideoCapture(0) it has the camera for itself.
usage: opencv_capture.py [BUS [FRAMES]]
"""

import sys

import cv2

import framebus


def main(source: str = "cam0", frames: str = "0") -> None:
    capture = framebus.VideoCapture(source, timeout=10)
    if not capture.isOpened():
        sys.exit(f"opencv_capture: {source} is not open")
    print(f"{capture.get(cv2.CAP_PROP_FRAME_WIDTH):.0f}x{capture.get(cv2.CAP_PROP_FRAME_HEIGHT):.0f}")
    before = None
    left = int(frames) or -1
    while left != 0:
        ok, image = capture.read()
        if not ok:
            break
        gray = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), (5, 5), 0)
        if before is not None:
            moved = cv2.countNonZero(cv2.threshold(cv2.absdiff(gray, before), 25, 255, 0)[1])
            print(f"{capture.get(cv2.CAP_PROP_POS_FRAMES):.0f} {100 * moved / gray.size:.1f} % moved", flush=True)
            left -= 1
        before = gray
    capture.release()


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
