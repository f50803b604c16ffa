"""The seed's consumers: finds ArUco markers in a shared camera's frames.

Process 0 looks for 6x6_250 markers, process 1 for 4x4_250 markers, each at its own rate.
usage: aruco_consumer.py INDEX [BUS [FRAMES]]
"""

import itertools
import sys
from typing import Any, Callable, Optional

import cv2

import framebus


def detector(index: int) -> Callable[[Any], Any]:
    """Looks for one process's markers; ArUco has had another API since OpenCV 4.7."""
    dictionary = cv2.aruco.getPredefinedDictionary(
        cv2.aruco.DICT_6X6_250 if index == 0 else cv2.aruco.DICT_4X4_250
    )
    if hasattr(cv2.aruco, "ArucoDetector"):
        parameters = cv2.aruco.DetectorParameters()
        parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
        return cv2.aruco.ArucoDetector(dictionary, parameters).detectMarkers
    older: Any = cv2.aruco
    parameters = older.DetectorParameters_create()
    parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    return lambda gray: older.detectMarkers(gray, dictionary, parameters=parameters)


def main(index: str = "0", bus: Optional[str] = None, frames: Optional[str] = None) -> None:
    detect = detector(int(index))
    name = "aruco 6x6" if int(index) == 0 else "aruco 4x4"
    consumer = framebus.Consumer(bus, int(index), name=name, timeout=10)
    for frame in itertools.islice(consumer, int(frames) if frames else None):
        _, ids, _ = detect(frame.gray)
        print(frame.sequence, [] if ids is None else ids.flatten().tolist(), flush=True)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except framebus.Error as error:
        sys.exit(f"aruco_consumer: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
