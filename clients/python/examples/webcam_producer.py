"""Captures a camera (or a video file) with OpenCV and shares it.

usage: webcam_producer.py [DEVICE|FILE [BUS]]
"""

import sys
import time
from typing import Optional

import cv2

import framebus


def main(source: str = "0", bus: Optional[str] = None) -> None:
    capture = cv2.VideoCapture(int(source) if source.isdigit() else source)
    ok, image = capture.read()
    if not ok:
        sys.exit(f"webcam_producer: {source} gives no frame")
    height, width = image.shape[:2]
    fps = capture.get(cv2.CAP_PROP_FPS) or None
    with framebus.Producer(width, height, bus=bus, fps=fps, source=source) as producer:
        number = 0
        while ok:
            captured = time.monotonic_ns()
            slot = producer.claim()
            if slot is not None:  # None: every slot is leased, and this frame is lost
                # Straight into the slot: no copy.
                cv2.cvtColor(image, cv2.COLOR_BGR2GRAY, dst=slot.gray)
                slot.publish(number, capture_ns=captured)
            number += 1
            ok, image = capture.read()


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except framebus.Error as error:
        sys.exit(f"webcam_producer: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
