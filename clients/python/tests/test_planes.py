"""Planes, formats and metadata of the Python client. Run by crates/capi/tests/clients, each on a bus of its own."""

import gc
import os
import unittest

import cv2
import numpy

import framebus

QUIET = "framebus"


def picture():
    """A colourful image of 64x48."""
    x, y = numpy.meshgrid(numpy.arange(64), numpy.arange(48))
    return numpy.stack([4 * x & 255, 5 * y & 255, x + y], axis=2).astype(numpy.uint8)


class Planes(unittest.TestCase):
    def setUp(self):
        self.bus = f"{os.environ['FRAMEBUS_BUS']}-{self._testMethodName}"[:20] + f"-{os.getpid() % 100000}"
        self.producer = None
        self.consumers = []
        self.addCleanup(self.close)

    def close(self):
        for consumer in self.consumers:
            consumer.close()
        gc.collect()
        if self.producer is not None:
            self.producer.close()

    def produce(self, planes, **options):
        self.producer = framebus.Producer(64, 48, bus=self.bus, consumers=2, planes=planes, **options)
        self.consumers.append(framebus.Consumer(self.bus))
        return self.consumers[0]

    def test_every_format_has_opencvs_shape_and_pixels(self):
        formats = [name for name in framebus.FORMATS if name != "meta"]
        consumer = self.produce(formats)
        image = picture()
        self.assertEqual(self.producer.publish(bgr=image), 1)
        frame = consumer.next()
        self.assertEqual(frame.planes, tuple(formats))
        gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        i420 = cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420)
        expected = {
            "gray": gray,
            "gray16": gray.astype(numpy.uint16) * 257,
            "bgr": image,
            "rgb": image[:, :, ::-1],
            "i420": i420,
        }
        for name, pixels in expected.items():
            plane = frame.plane(name)
            self.assertEqual((plane.shape, plane.dtype), (pixels.shape, pixels.dtype), name)
            self.assertTrue((plane == pixels).all(), name)
            self.assertFalse(plane.flags.writeable or plane.flags.owndata, name)
            del plane
        self.assertEqual((frame.plane("nv12").shape, frame.plane("yuyv").shape), ((72, 64), (48, 64, 2)))
        as_bgr = [
            cv2.cvtColor(frame.plane(name), getattr(cv2, f"COLOR_YUV2BGR_{code}"))
            for name, code in (("nv12", "NV12"), ("i420", "I420"), ("yuyv", "YUY2"))
        ]
        self.assertTrue((as_bgr[0] == as_bgr[1]).all())
        self.assertEqual(as_bgr[2].shape, image.shape)
        # The same array, by whatever name.
        self.assertIs(frame.plane("GREY"), frame.gray)
        self.assertIs(frame.plane("bgr"), frame.bgr)
        described = {plane["name"]: plane for plane in consumer.stream["planes"]}
        self.assertEqual(described["nv12"]["range"], "limited")
        self.assertEqual(described["nv12"]["matrix"], "bt601")
        self.assertEqual((described["gray"]["range"], described["gray"]["matrix"]), ("full", None))

    def test_a_plane_that_a_bus_has_not_is_an_error_that_says_what_it_has(self):
        consumer = self.produce("nv12,gray/2")
        text = f"bus {self.bus} has no plane gray: it has nv12, gray/2; start its producer with --planes nv12,gray/2,gray"
        slot = self.producer.claim()
        for use in (lambda: slot.gray, lambda: slot.plane("gray")):
            with self.assertRaisesRegex(framebus.NoPlaneError, text):
                use()
        self.assertEqual((slot.bgr, slot.planes), (None, ("nv12", "gray/2")))
        slot.plane("nv12")[...] = 128
        slot.fill_rest("nv12")
        slot.publish()
        frame = consumer.next()
        with self.assertRaisesRegex(framebus.Error, text):
            frame.gray
        self.assertIsNone(frame.bgr)
        self.assertTrue((frame.plane("gray/2") == numpy.full((24, 32), 130)).all())
        with self.assertRaisesRegex(ValueError, '"green" is no plane; planes are gray'):
            frame.plane("green")
        with self.assertRaisesRegex(framebus.NoPlaneError, "has no planes gray, meta: it has nv12"):
            framebus.Consumer(self.bus, needs=["gray", "nv12", "meta"])
        framebus.Consumer(self.bus, needs="nv12").close()
        with self.assertRaisesRegex(ValueError, "is no plane"):
            framebus.Consumer(self.bus, needs="green")
        with self.assertRaisesRegex(ValueError, "is no plane"):
            framebus.Producer(64, 48, bus=self.bus + "-2", planes="gray,green")
        with self.assertRaisesRegex(ValueError, "needs an even number of columns"):
            framebus.Producer(63, 48, bus=self.bus + "-2", planes="nv12")
        frame.release()
        for use in (lambda: frame.planes, lambda: frame.metadata, lambda: frame.plane("nv12"), lambda: frame.bgr):
            with self.assertRaisesRegex(ValueError, "closed"):
                use()

    def test_metadata_go_with_their_frame(self):
        consumer = self.produce("gray,meta/8")
        image = numpy.zeros((48, 64), numpy.uint8)
        self.producer.publish(image, metadata=b'{"a": 1}')
        frame = consumer.next()
        self.assertEqual((frame.metadata, frame.plane("meta").tobytes()), (b'{"a": 1}', b'{"a": 1}'))
        self.producer.publish(image)
        self.assertEqual(consumer.next().metadata, b"")
        with self.assertRaisesRegex(ValueError, "metadata of 9 bytes do not fit into a plane for 8"):
            self.producer.publish(image, metadata=b"123456789")
        with self.producer.claim() as slot:
            with self.assertRaisesRegex(ValueError, "publish.metadata"):
                slot.plane("meta")
            with self.assertRaises(ValueError):
                slot.publish(metadata=b"123456789")
            # The slot is still there.
            slot.gray[...] = 5
            slot.publish(metadata=b"\0\1")
        frame = consumer.next()
        self.assertEqual((frame.gray[0, 0], frame.metadata), (5, b"\0\1"))
        self.producer.close()
        self.consumers.pop().close()
        consumer = self.produce("gray")
        with self.assertRaisesRegex(framebus.NoPlaneError, "has no plane meta"):
            self.producer.publish(image, metadata=b"x")
        self.assertEqual(self.producer.stats["dropped"], 1)
        self.producer.publish(image)
        self.assertEqual(consumer.next().metadata, b"")

    def test_what_is_not_given_is_made_from_what_is(self):
        consumer = self.produce("nv12,gray/4,bgr")
        image = picture()
        self.producer.publish(bgr=image)
        frame = consumer.next()
        made, small = frame.plane("nv12").copy(), frame.plane("gray/4").copy()
        # Given the plane itself, nothing else is asked for.
        self.producer.publish(planes={"nv12": made, "bgr": image})
        frame = consumer.next()
        self.assertTrue((frame.plane("nv12") == made).all() and (frame.plane("gray/4") == small).all())
        # Gray is for a bus without gray, too.
        self.producer.publish(numpy.full((48, 64), 9, numpy.uint8))
        frame = consumer.next()
        self.assertTrue((frame.bgr == 9).all() and (frame.plane("gray/4") == 9).all())
        with self.assertRaisesRegex(framebus.NoPlaneError, "nv12, bgr cannot be made from what is given"):
            self.producer.publish(planes={"gray/4": small})
        with self.assertRaisesRegex(ValueError, "gray has shape"):
            self.producer.publish(numpy.zeros((4, 4), numpy.uint8))
        with self.assertRaisesRegex(ValueError, "nv12 has shape"):
            self.producer.publish(planes={"nv12": image})
        with self.assertRaisesRegex(framebus.NoPlaneError, "has no plane rgb"):
            self.producer.publish(image[:, :, 0], planes={"rgb": image})
        with self.assertRaises(framebus.NoPlaneError):
            self.producer.publish()
        self.assertEqual(self.producer.stats["published"], 3)

    def test_a_capture_takes_bgr_or_gray_and_nothing_else(self):
        self.produce("nv12")
        text = f"a capture takes bgr or gray, and bus {self.bus} has nv12: start its producer with --planes nv12,bgr"
        with self.assertLogs(QUIET, "WARNING") as logs:
            self.assertFalse(framebus.VideoCapture(self.bus).isOpened())
        self.assertIn(text, logs.output[0])
        self.close()
        self.consumers.clear()
        self.produce("bgr,nv12")
        image = picture()
        with framebus.VideoCapture(self.bus) as capture:
            self.producer.publish(bgr=image)
            self.assertTrue((capture.read()[1] == image).all())
            # Gray was not there when it was opened.
            self.assertTrue(capture.set(cv2.CAP_PROP_CONVERT_RGB, 0))
            with self.assertLogs(QUIET, "WARNING") as logs:
                self.assertEqual(capture.retrieve(), (False, None))
            self.assertIn("has no plane gray: it has bgr, nv12", logs.output[0])
        with self.assertLogs(QUIET, "WARNING") as logs:
            self.assertFalse(framebus.VideoCapture(self.bus, gray=True).isOpened())
        self.assertIn("a capture takes gray, and bus", logs.output[0])


if __name__ == "__main__":
    unittest.main()
