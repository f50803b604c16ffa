"""The seed's consumers: finds ArUco markers in a shared camera's frames.

Process 0 looks for 6x6_250 markers, process 1 for 4x4_250 markers, each at its own rate.
usage: aruco_consumer.py INDEX [BUS [FRAMES]]
"""

import itertools
import sys

import cv2

import framebus


def detector(index):
    """The seed's two detectors; ArUco has had another API since OpenCV 4.7."""
    dictionary = cv2.aruco.getPredefinedDictionary(
        cv2.aruco.DICT_6X6_250 if index == 0 else cv2.aruco.DICT_4X4_250
    )
    if hasattr(cv2.aruco, "ArucoDetector"):
        parameters = cv2.aruco.DetectorParameters()
        parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
        return cv2.aruco.ArucoDetector(dictionary, parameters).detectMarkers
    parameters = cv2.aruco.DetectorParameters_create()
    parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    return lambda gray: cv2.aruco.detectMarkers(gray, dictionary, parameters=parameters)


def main(index=0, bus=None, frames=None):
    index = int(index)
    detect = detector(index)
    name = "aruco 6x6" if index == 0 else "aruco 4x4"
    consumer = framebus.Consumer(bus, index, name=name, timeout=10)
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
