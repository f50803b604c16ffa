"""What framebus.VideoCapture promises. Run by crates/capi/tests/clients, each on a bus of its own."""

import gc
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import unittest

import numpy

import framebus

# cv2's numbers; OpenCV is not asked for them, since the capture does without it.
POS_MSEC, POS_FRAMES, WIDTH, HEIGHT, FPS, FOURCC, FRAME_COUNT, FORMAT = 0, 1, 3, 4, 5, 6, 7, 8
CONVERT_RGB, BACKEND, OPEN_TIMEOUT, READ_TIMEOUT = 16, 42, 53, 54
QUIET = logging.getLogger("framebus")


def bgr_of(value, shape=(48, 64)):
    return numpy.full((*shape, 3), (value, 100, 200), numpy.uint8)


class Capture(unittest.TestCase):
    def setUp(self):
        self.bus = f"{os.environ['FRAMEBUS_BUS']}-{self._testMethodName}"[:20] + f"-{os.getpid() % 100000}"
        self.producer = None
        self.captures = []
        self.addCleanup(self.close)

    def close(self):
        for capture in self.captures:
            capture.release()
        gc.collect()
        if self.producer is not None:
            self.producer.close()

    def produce(self, width=64, height=48, color=True):
        self.producer = framebus.Producer(
            width, height, bus=self.bus, consumers=2, history=8, color=color, fps=30
        )

    def open(self, bus=None, *arguments, **options):
        self.captures.append(framebus.VideoCapture(bus or self.bus, *arguments, **options))
        return self.captures[-1]

    def publish(self, value, shape=(48, 64)):
        bgr = bgr_of(value, shape)
        return self.producer.publish(numpy.full(shape, value, numpy.uint8), bgr)

    def test_a_read_is_a_copy_of_the_colour_image(self):
        self.produce()
        capture = self.open()
        self.assertTrue(capture.isOpened())
        self.publish(7)
        ok, image = capture.read()
        self.assertIs(ok, True)
        self.assertTrue((image == bgr_of(7)).all())
        self.assertTrue(image.flags.writeable and image.flags.owndata)
        image[:] = 0
        self.assertTrue((capture.retrieve()[1] == bgr_of(7)).all())
        for value in range(8, 30):
            self.publish(value)
        self.assertTrue((image == 0).all())
        self.assertEqual(capture.read()[1][0, 0, 0], 29)

    def test_gray_comes_as_bgr_or_by_choice_as_gray(self):
        self.produce(color=False)
        capture = self.open()
        self.publish(9)
        with self.subTest("without OpenCV"):
            self.assertNotIn("cv2", sys.modules)
            self.assertTrue((capture.read()[1] == numpy.full((48, 64, 3), 9)).all())
        import cv2

        self.addCleanup(sys.modules.pop, "cv2")
        with self.subTest("with OpenCV"):
            self.assertTrue((capture.retrieve()[1] == numpy.full((48, 64, 3), 9)).all())
        self.assertEqual((capture.get(FORMAT), capture.get(CONVERT_RGB)), (cv2.CV_8UC3, 1))
        self.assertTrue(capture.set(CONVERT_RGB, 0))
        self.assertTrue((capture.retrieve()[1] == numpy.full((48, 64), 9)).all())
        self.assertEqual((capture.get(FORMAT), capture.get(CONVERT_RGB)), (cv2.CV_8UC1, 0))
        gray = self.open(gray=True)
        self.publish(10)
        self.assertEqual(gray.read()[1].shape, (48, 64))
        for name, number in (
            ("POS_MSEC", POS_MSEC),
            ("POS_FRAMES", POS_FRAMES),
            ("FRAME_WIDTH", WIDTH),
            ("FRAME_HEIGHT", HEIGHT),
            ("FPS", FPS),
            ("FOURCC", FOURCC),
            ("FRAME_COUNT", FRAME_COUNT),
            ("FORMAT", FORMAT),
            ("CONVERT_RGB", CONVERT_RGB),
            ("BACKEND", BACKEND),
            ("OPEN_TIMEOUT_MSEC", OPEN_TIMEOUT),
            ("READ_TIMEOUT_MSEC", READ_TIMEOUT),
        ):
            self.assertEqual(getattr(cv2, f"CAP_PROP_{name}"), number, name)

    def test_an_image_that_fits_is_written_to(self):
        self.produce()
        capture = self.open()
        self.publish(5)
        mine = numpy.zeros((48, 64, 3), numpy.uint8)
        self.assertIs(capture.read(mine)[1], mine)
        self.assertTrue((mine == bgr_of(5)).all())
        fixed = numpy.zeros((48, 64, 3), numpy.uint8)
        fixed.flags.writeable = False
        for other in (numpy.zeros((4, 4), numpy.uint8), numpy.zeros((48, 64, 3)), fixed):
            ok, image = capture.retrieve(other)
            self.assertTrue(ok and image is not other and (image == bgr_of(5)).all())
        self.assertEqual(capture.retrieve(flag=1), (False, None))

    def test_properties_are_those_of_a_live_source(self):
        self.produce()
        capture = self.open()
        self.assertEqual((capture.get(WIDTH), capture.get(HEIGHT), capture.get(FPS)), (64, 48, 30))
        self.assertEqual((capture.get(POS_FRAMES), capture.get(POS_MSEC)), (0, 0))
        self.assertEqual(capture.get(FRAME_COUNT), 0)
        self.assertEqual(int(capture.get(FOURCC)).to_bytes(4, "little"), b"BGR3")
        self.assertEqual(capture.get(BACKEND), framebus.CAP_FRAMEBUS)
        self.assertEqual(capture.getBackendName(), "FRAMEBUS")
        self.publish(1)
        before = time.monotonic()
        self.publish(2)
        capture.read()
        self.assertEqual(capture.get(POS_FRAMES), 2)
        self.assertTrue(before <= capture.get(POS_MSEC) / 1000 <= time.monotonic())
        for number in (WIDTH, HEIGHT, FPS, POS_FRAMES, POS_MSEC, 10, 38):
            self.assertIs(capture.set(number, 1), False)
        self.assertIs(capture.set(READ_TIMEOUT, -1), False)

    def test_every_frame_comes_in_order(self):
        self.produce()
        capture = self.open(every_frame=True)
        for value in range(1, 6):
            self.publish(value)
        self.assertEqual([capture.read()[1][0, 0, 0] for _ in range(5)], [1, 2, 3, 4, 5])

    def test_what_is_not_there_is_not_open(self):
        begun = time.monotonic()
        for arguments, said in (
            (("nowhere",), "there is no bus nowhere"),
            ((7,), "bus cam7 is not open"),
            (("Not A Name",), "is not valid"),
            ((self.bus, 0, (OPEN_TIMEOUT,)), "params are pairs"),
            ((self.bus, 0, (WIDTH, 640)), "property 3 cannot be set to 640"),
        ):
            with self.assertLogs(QUIET, "WARNING") as logs:
                capture = self.open(*arguments, timeout=0.01)
            self.assertEqual(len(logs.output), 1)
            self.assertIn(said, logs.output[0])
            self.assertIs(capture.isOpened(), False)
            self.assertEqual((capture.read(), capture.grab()), ((False, None), False))
            self.assertEqual(capture.get(WIDTH), 0)
            with self.assertRaises(framebus.Error):
                capture.getBackendName()
        self.assertGreater(time.monotonic(), begun)
        with self.assertLogs(QUIET, "WARNING") as logs:
            framebus.VideoCapture(self.bus, index=1000)
            framebus.VideoCapture(self.bus, index=-1)
        self.assertTrue(all("an index is 0 to 249" in line for line in logs.output), logs.output)
        with self.assertRaises(TypeError):
            framebus.VideoCapture(1.5)
        closed = framebus.VideoCapture()
        self.assertFalse(closed.isOpened())
        self.produce()
        self.assertTrue(closed.open(self.bus))
        self.captures.append(closed)

    def test_a_capture_waits_for_its_bus(self):
        starter = threading.Timer(0.2, self.produce)
        starter.start()
        self.assertTrue(self.open(self.bus, 0, (OPEN_TIMEOUT, 60000)).isOpened())
        starter.join()
        with self.assertLogs(QUIET, "WARNING") as logs:
            self.assertEqual(framebus.VideoCapture("nowhere", 0, [OPEN_TIMEOUT, 10]).get(OPEN_TIMEOUT), 10)
        self.assertIn("nowhere", logs.output[0])

    def test_a_silent_producer_is_a_time_out_and_said_once(self):
        self.produce()
        capture = self.open()
        self.assertEqual(capture.get(READ_TIMEOUT), 30000)
        self.assertTrue(capture.set(READ_TIMEOUT, 20))
        with self.assertLogs(QUIET, "WARNING") as logs:
            self.assertEqual(capture.read(), (False, None))
            self.assertEqual(capture.read(), (False, None))
        self.assertEqual(len(logs.output), 1)
        self.publish(3)
        self.assertTrue(capture.read()[0])
        self.assertTrue(capture.set(READ_TIMEOUT, 0))
        self.assertEqual(capture.get(READ_TIMEOUT), 0)
        threading.Timer(0.05, self.publish, [4]).start()
        self.assertEqual(capture.read()[1][0, 0, 0], 4)

    def test_a_new_generation_is_followed(self):
        self.produce()
        capture = self.open()
        self.publish(1)
        self.assertTrue(capture.read()[0])
        # Its producer puts the names back, in a new generation.
        os.unlink(f"/dev/shm/framebus.{self.bus}")
        deadline = time.monotonic() + 60
        value = 2
        while framebus.Observer(self.bus).snapshot()["state"] != "running":
            self.assertLess(time.monotonic(), deadline)
            self.publish(value)
            self.assertEqual(capture.read()[1][0, 0, 0], value)
            value = value % 200 + 1
            time.sleep(0.02)
        self.publish(201)
        self.assertEqual(capture.read()[1][0, 0, 0], 201)

    def test_another_producer_of_another_size_is_followed_by_choice(self):
        self.produce()
        capture = self.open(follow=True)
        self.publish(1)
        self.assertEqual(capture.read()[1].shape, (48, 64, 3))
        self.producer.close()
        self.produce(32, 24, color=False)
        threading.Timer(0.3, lambda: self.producer.publish(numpy.full((24, 32), 6, numpy.uint8))).start()
        ok, image = capture.read()
        self.assertTrue(ok and (image == numpy.full((24, 32, 3), 6)).all())
        self.assertEqual((capture.get(WIDTH), capture.get(HEIGHT)), (32, 24))

    def test_the_end_of_the_producer_is_the_end_of_the_frames(self):
        self.produce()
        capture = self.open()
        self.publish(1)
        self.producer.close()
        self.assertTrue(capture.read()[0])
        self.assertEqual((capture.read(), capture.read()), ((False, None), (False, None)))
        # As a camera that was pulled out, until it is released.
        self.assertTrue(capture.isOpened())
        self.produce()
        self.publish(2)
        self.assertEqual(capture.read(), (False, None))
        self.assertEqual(capture.get(FPS), 30)
        self.assertTrue(capture.open(self.bus))
        self.publish(3)
        self.assertTrue(capture.read()[0])

    def test_a_producer_that_was_killed_is_said_and_followed_by_choice(self):
        program = (
            "import framebus, numpy, sys, time\n"
            "producer = framebus.Producer(64, 48, bus=sys.argv[1], consumers=2)\n"
            "print('ready', flush=True)\n"
            "while producer.publish(numpy.zeros((48, 64), numpy.uint8)): time.sleep(0.005)\n"
        )
        with subprocess.Popen(
            [sys.executable, "-c", program, self.bus], stdout=subprocess.PIPE, text=True
        ) as child:
            self.assertEqual(child.stdout.readline(), "ready\n")
            capture, follower = self.open(), self.open(follow=True)
            self.assertTrue(capture.read()[0] and follower.read()[0])
            child.send_signal(signal.SIGKILL)
            child.wait()
            with self.assertLogs(QUIET, "WARNING") as logs:
                while capture.read()[0]:
                    pass
            self.assertIn("the producer died", logs.output[0])
        threading.Timer(0.3, self.produce).start()
        ended = threading.Event()

        def publish():
            while not ended.wait(0.01):
                if self.producer is not None:
                    self.publish(50)

        publisher = threading.Thread(target=publish)
        publisher.start()
        while follower.read()[1][0, 0, 0] != 50:
            pass
        ended.set()
        publisher.join()

    def test_a_follower_without_a_producer_times_out(self):
        self.produce()
        capture = self.open(follow=True)
        self.producer.close()
        capture.set(READ_TIMEOUT, 250)
        with self.assertLogs(QUIET, "WARNING") as logs:
            self.assertEqual(capture.read(), (False, None))
        self.assertIn("there is no bus", logs.output[0])

    def test_a_release_ends_the_read_of_another_thread(self):
        self.produce()
        for follow in (False, True):
            capture = self.open(follow=follow)
            threading.Timer(0.1, capture.release).start()
            self.assertEqual(capture.read(), (False, None))
            self.assertFalse(capture.isOpened())
        capture = self.open(follow=True)
        self.producer.close()
        threading.Timer(0.3, capture.release).start()
        self.assertEqual(capture.read(), (False, None))

    def test_exceptions_are_a_choice(self):
        self.produce()
        with self.open() as capture:
            self.assertFalse(capture.getExceptionMode())
            capture.setExceptionMode(True)
            self.assertTrue(capture.getExceptionMode())
            with self.assertRaisesRegex(framebus.Error, "no frame is grabbed"):
                capture.retrieve()
            capture.set(READ_TIMEOUT, 10)
            with self.assertRaisesRegex(framebus.Error, "no frame came within"):
                capture.read()
            self.producer.close()
            with self.assertRaisesRegex(framebus.Error, "the producer ended"):
                capture.read()
            with self.assertRaisesRegex(framebus.Error, "nowhere"):
                capture.open("nowhere")
        self.assertFalse(capture.isOpened())

    def test_a_cut_segment_is_no_signal(self):
        self.produce()
        capture = self.open()
        self.publish(1)
        self.assertTrue(capture.grab())
        os.truncate(f"/dev/shm/framebus.{self.bus}", 0)
        with self.assertLogs(QUIET, "WARNING") as logs:
            self.assertEqual((capture.retrieve(), capture.read()), ((False, None), (False, None)))
        self.assertIn("was cut short by somebody", logs.output[0])

    def test_a_forked_childs_read_says_so(self):
        self.produce()
        capture = self.open()
        self.publish(1)
        child = os.fork()
        if child == 0:
            QUIET.disabled = True
            os._exit(0 if capture.read() == (False, None) else 1)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)
        self.assertTrue(capture.read()[0])


if __name__ == "__main__":
    unittest.main()
