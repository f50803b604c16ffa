"""What the Python client promises. Run by crates/capi/tests/clients with PYTHONDEVMODE=1, each on a bus of its own."""

import asyncio
import gc
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import threading
import time
import unittest

import numpy

import framebus

SHAPE = (48, 64)


current = None


def use_in_a_worker(_bus):
    """What a worker of a pool finds when it uses what its parent has opened."""
    try:
        current.consumer.acquire()
    except framebus.Error as error:
        return type(error).__name__
    return "no error"


class Bus(unittest.TestCase):
    def setUp(self):
        global current
        current = self
        self.bus = f"{os.environ['FRAMEBUS_BUS']}-{self._testMethodName}"[:20] + f"-{os.getpid() % 100000}"
        self.producer = framebus.Producer(64, 48, bus=self.bus, consumers=2, color=True, fps=30)
        self.consumer = framebus.Consumer(self.bus)
        self.addCleanup(self.close)

    def close(self):
        self.consumer.close()
        gc.collect()
        self.producer.close()

    def publish(self, value):
        return self.producer.publish(numpy.full(SHAPE, value, numpy.uint8), source_frame=value)

    def test_a_frame_is_a_read_only_view(self):
        self.publish(7)
        frame = self.consumer.next()
        self.assertEqual(frame.gray.shape, SHAPE)
        self.assertTrue((frame.gray == 7).all())
        self.assertEqual(frame.bgr.shape, (*SHAPE, 3))
        self.assertFalse(frame.gray.flags.writeable)
        self.assertFalse(frame.gray.flags.owndata)
        with self.assertRaises(ValueError):
            frame.gray.flags.writeable = True
        self.assertIs(frame.gray, frame.gray)
        self.assertEqual((frame.sequence, frame.source_frame, frame.skipped), (1, 7, 0))
        self.assertLess(abs(frame.wall_ns - time.time_ns()), 60_000_000_000)

    def test_taking_the_next_releases_the_one_before(self):
        for value in range(1, 40):
            self.publish(value)
            frame = self.consumer.next()
            self.assertEqual(frame.gray[0, 0], value)
        self.consumer.acquire()
        with self.assertRaises(ValueError):
            frame.gray

    def test_a_view_kept_too_long_is_an_error_and_does_not_change(self):
        self.publish(1)
        kept = self.consumer.next().gray[10:20, 5:]
        for value in range(2, 20):
            self.publish(value)
        with self.assertRaisesRegex(framebus.FrameHeldError, "a view of frame 1 is still alive"):
            self.consumer.next()
        self.assertTrue((kept == 1).all())
        copy = kept.copy()
        del kept
        self.assertEqual(self.consumer.next().gray[0, 0], 19)
        self.assertTrue((copy == 1).all())

    def test_a_view_outlives_consumer_and_producer(self):
        self.publish(1)
        kept = self.consumer.next().gray
        self.consumer.close()
        for value in range(2, 20):
            self.publish(value)
        self.assertTrue((kept == 1).all())
        self.producer.close()
        self.assertTrue((kept == 1).all())

    def test_a_frame_without_a_view_is_given_back_when_it_goes(self):
        self.publish(1)
        frame = self.consumer.next()
        del frame
        holders = [slot["holders"] for slot in framebus.Observer(self.bus).snapshot()["slots"]]
        self.assertEqual([holder for holder in holders if holder], [])
        with framebus.Consumer(self.bus) as other:
            self.publish(2)
            with other.next() as frame:
                self.assertEqual(frame.gray[0, 0], 2)
            with self.assertRaises(ValueError):
                frame.gray

    def test_a_slot_is_written_without_a_copy(self):
        with self.producer.claim() as slot:
            slot.gray[:] = 9
            slot.bgr[:, :, 2] = 200
        frame = self.consumer.next()
        self.assertEqual((frame.gray[3, 3], frame.bgr[3, 3, 2]), (9, 200))

    def test_a_slot_with_a_view_is_not_published(self):
        slot = self.producer.claim()
        view = slot.gray
        with self.assertRaises(BufferError):
            slot.publish()
        with self.assertRaises(BufferError):
            self.producer.claim()
        with self.assertRaises(BufferError):
            self.producer.close()
        view[:] = 3
        del view
        self.assertEqual(slot.publish(), 1)
        with self.assertRaises(ValueError):
            slot.gray
        with self.assertRaises(ValueError):
            slot.publish()

    def test_an_image_of_another_shape_is_refused(self):
        with self.assertRaisesRegex(ValueError, "gray has shape"):
            self.producer.publish(numpy.zeros((48, 63), numpy.uint8))
        with self.assertRaisesRegex(ValueError, "float64"):
            self.producer.publish(numpy.zeros(SHAPE))
        self.assertEqual(self.producer.stats["dropped"], 2)
        self.assertEqual(self.producer.stats["published"], 0)

    def test_errors_say_what_is_wrong(self):
        with self.assertRaisesRegex(framebus.NoBusError, "there is no bus nowhere"):
            framebus.Consumer("nowhere")
        with self.assertRaisesRegex(framebus.InUseError, "is in use by pid"):
            framebus.Consumer(self.bus, self.consumer.index)
        with self.assertRaisesRegex(framebus.InUseError, "already has a producer"):
            framebus.Producer(64, 48, bus=self.bus)
        with self.assertRaisesRegex(framebus.Error, "has consumers 0 to 1, not 9"):
            framebus.Consumer(self.bus, 9)
        with self.assertRaisesRegex(ValueError, "not valid"):
            framebus.Consumer("Not A Name")
        self.consumer.close()
        with self.assertRaisesRegex(ValueError, "closed"):
            self.consumer.next(0)

    def test_time_outs_ends_and_interruptions_are_told_apart(self):
        self.assertIsNone(self.consumer.next(0.01))
        self.assertEqual(self.consumer.wait(0), "timeout")
        threading.Timer(0.05, self.consumer.interrupt).start()
        self.assertEqual(self.consumer.wait(), "interrupted")
        self.publish(5)
        self.assertEqual(self.consumer.wait(), "frame")
        self.producer.close()
        self.assertEqual([frame.source_frame for frame in self.consumer], [5])
        self.assertEqual(self.consumer.wait(), "ended")

    def test_an_interruption_reaches_a_consumer_that_is_behind(self):
        self.publish(1)
        self.consumer.interrupt()
        self.assertIsNone(self.consumer.next())
        self.assertEqual(self.consumer.next().source_frame, 1)
        self.publish(2)
        self.consumer.interrupt()

        async def take():
            return [frame.source_frame async for frame in self.consumer]

        self.assertEqual(asyncio.run(take()), [])
        self.assertEqual(self.consumer.next().source_frame, 2)

    def test_numbers_from_elsewhere_are_kept(self):
        image = numpy.zeros(SHAPE, numpy.uint8)
        self.assertEqual(self.producer.publish(image, sequence=10, origin=77), 10)
        frame = self.consumer.next()
        self.assertEqual((frame.sequence, frame.origin, frame.skipped, frame.missing), (10, 77, 0, 9))
        with self.assertRaisesRegex(ValueError, "is not above 10"):
            self.producer.publish(image, sequence=10)
        with self.producer.claim() as slot:
            self.assertEqual(slot.publish(sequence=12), 12)
        self.assertEqual(self.consumer.next().missing, 1)
        self.assertEqual(self.consumer.stats["missing"], 10)

    def test_views_are_made_without_a_lock(self):
        # What NumPy calls may let another thread go on, or run a finalizer, that asks for the same view: here it does both.
        program = (
            "import atexit, framebus, numpy, sys, threading\n"
            "asarray, ask, inside = numpy.asarray, None, []\n"
            "def slow(view):\n"
            "    if not inside:\n"
            "        inside.append(True)\n"
            "        other = threading.Thread(target=lambda: inside.append(ask().gray))\n"
            "        other.start()\n"
            "        other.join()\n"
            "        assert ask().gray is inside[1]\n"
            "    return asarray(view)\n"
            "numpy.asarray = slow\n"
            "producer = framebus.Producer(64, 48, bus=sys.argv[1] + '-2')\n"
            # NumPy keeps `slow`, and so all of this, until after the end.
            "atexit.register(producer.close)\n"
            "consumer = framebus.Consumer(sys.argv[1] + '-2')\n"
            "slot = producer.claim()\n"
            "ask = lambda: slot\n"
            "assert slot.gray is inside[1]\n"
            "inside.clear()\n"
            "assert slot.publish() == 1\n"
            "frame = consumer.next()\n"
            "ask = lambda: frame\n"
            "assert frame.gray is inside[1]\n"
        )
        subprocess.run([sys.executable, "-c", program, self.bus], check=True)

    def test_other_threads_run_while_one_waits(self):
        counted = 0
        waiter = threading.Thread(target=self.consumer.wait)
        waiter.start()
        deadline = time.monotonic() + 0.2
        while time.monotonic() < deadline:
            counted += 1
        self.publish(1)
        waiter.join()
        self.assertGreater(counted, 0)

    def test_control_c_ends_a_wait(self):
        program = (
            "import framebus, sys\n"
            "consumer = framebus.Consumer(sys.argv[1])\n"
            "print('waiting', flush=True)\n"
            "consumer.next()\n"
        )
        with subprocess.Popen(
            [sys.executable, "-c", program, self.bus],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as child:
            self.assertEqual(child.stdout.readline(), "waiting\n")
            child.send_signal(signal.SIGINT)
            _, errors = child.communicate()
        self.assertIn("KeyboardInterrupt", errors)
        self.assertEqual(child.returncode, -signal.SIGINT)

    def test_asyncio_takes_every_frame(self):
        consumer = framebus.Consumer(self.bus, every_frame=True)
        seen = []

        async def take():
            async for frame in consumer:
                seen.append(frame.source_frame)

        async def both():
            taker = asyncio.create_task(take())
            for value in range(20):
                self.publish(value)
                await asyncio.sleep(0.002)
            self.producer.close()
            await taker

        asyncio.run(both())
        stats = consumer.stats
        self.assertEqual(stats["taken"], len(seen))
        self.assertEqual(stats["taken"] + stats["skipped"], 20)
        consumer.close()
        self.assertEqual(seen[-1], 19)
        self.assertEqual(seen, sorted(set(seen)))

    def test_an_observer_sees_without_an_index(self):
        observer = framebus.Observer(self.bus)
        self.assertIsNone(observer.peek())
        self.publish(4)
        self.assertTrue((observer.peek() == 4).all())
        snapshot = observer.snapshot()
        self.assertEqual(snapshot["state"], "running")
        self.assertEqual(snapshot["consumers"][0]["language"], "py")
        self.assertEqual(framebus.Observer("nowhere").snapshot()["state"], "absent")

    def test_a_forked_child_gives_nothing_back(self):
        self.publish(1)
        frame = self.consumer.next()
        child = os.fork()
        if child == 0:
            del frame
            self.consumer.close()
            os._exit(0)
        os.waitpid(child, 0)
        for value in range(2, 20):
            self.publish(value)
        self.assertTrue((frame.gray == 1).all())

    def test_a_forked_childs_copies_are_errors(self):
        self.publish(1)
        frame = self.consumer.next()
        slot = self.producer.claim()
        observer = framebus.Observer(self.bus)
        uses = [
            self.consumer.next,
            self.consumer.acquire,
            lambda: self.consumer.wait(0),
            lambda: frame.gray,
            self.producer.claim,
            lambda: slot.gray,
            slot.publish,
            observer.snapshot,
            observer.peek,
        ]
        child = os.fork()
        if child == 0:
            wrong = 0
            for number, use in enumerate(uses):
                try:
                    use()
                    wrong |= 1 << number
                except framebus.OtherProcessError:
                    pass
            # It may have its own, and what it drops is not its parent's.
            own = framebus.Consumer(self.bus)
            own.close()
            frame.release()
            self.consumer.close()
            self.producer.close()
            os._exit(min(wrong, 255))
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)
        self.assertEqual(slot.publish(2), 2)
        for value in range(3, 20):
            self.publish(value)
        self.assertTrue((frame.gray == 1).all())
        self.assertEqual(self.consumer.next().gray[0, 0], 19)

    def test_multiprocessing_with_fork_takes_nothing_from_its_parent(self):
        self.publish(1)
        frame = self.consumer.next()
        context = multiprocessing.get_context("fork")
        with context.Pool(2) as pool:
            said = pool.map(use_in_a_worker, [self.bus] * 4)
        self.assertEqual(said, ["OtherProcessError"] * 4)
        for value in range(2, 20):
            self.publish(value)
        self.assertTrue((frame.gray == 1).all())
        self.assertEqual(self.consumer.next().gray[0, 0], 19)
        framebus.Consumer(self.bus, timeout=60).close()

    def test_a_segment_that_is_cut_short_is_an_error(self):
        self.publish(9)
        frame = self.consumer.next()
        view = frame.gray
        os.truncate(f"/dev/shm/framebus.{self.bus}", 0)
        self.assertEqual(view[0, 0], 0)
        for use in (lambda: frame.gray, lambda: self.consumer.wait(0), self.producer.claim):
            with self.assertRaisesRegex(framebus.CutShortError, "was cut short by somebody"):
                use()
        del view

    def test_pillow_and_opencv_read_the_view(self):
        import cv2
        from PIL import Image

        self.publish(50)
        frame = self.consumer.next()
        self.assertEqual(Image.fromarray(frame.gray).getpixel((3, 3)), 50)
        self.assertEqual(cv2.mean(frame.gray)[0], 50)
        frame.release()
        with self.producer.claim() as slot:
            cv2.cvtColor(numpy.full((*SHAPE, 3), 60, numpy.uint8), cv2.COLOR_BGR2GRAY, dst=slot.gray)
        self.assertTrue((self.consumer.next().gray == 60).all())

    def test_a_million_rounds_take_no_memory(self):
        rounds = int(os.environ.get("FRAMEBUS_ROUNDS", "1000000"))
        image = numpy.zeros(SHAPE, numpy.uint8)

        def run(count):
            for _ in range(count):
                with self.producer.claim():
                    pass
                self.consumer.acquire()

        self.producer.publish(image)
        self.assertEqual(self.consumer.acquire().gray[0, 0], 0)
        run(rounds // 10)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        run(rounds)
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        self.assertLess(after - before, 1024, "KiB more")


if __name__ == "__main__":
    unittest.main()
