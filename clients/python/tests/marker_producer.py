"""Publishes a picture with one 6x6_250 marker (23) and one 4x4_250 marker (42), until it is killed. usage: … BUS"""

import sys
import time

import cv2
import numpy

import framebus

aruco = cv2.aruco
draw = getattr(aruco, "generateImageMarker", None) or aruco.drawMarker
picture = numpy.full((480, 640), 255, numpy.uint8)
picture[100:220, 60:180] = draw(aruco.getPredefinedDictionary(aruco.DICT_6X6_250), 23, 120)
picture[220:340, 380:500] = draw(aruco.getPredefinedDictionary(aruco.DICT_4X4_250), 42, 120)
producer = framebus.Producer(640, 480, bus=sys.argv[1], source="markers")
while True:
    producer.publish(picture)
    time.sleep(0.02)
