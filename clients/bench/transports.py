"""Frames a second of a Python consumer that reads every pixel: framebus, multiprocessing.Queue, a Unix socket; for
bin/bench-clients. The other process sends as fast as it can. usage: transports.py WIDTH HEIGHT SECONDS"""

import multiprocessing
import os
import queue
import socket
import sys
import time

import numpy

import framebus

WIDTH, HEIGHT, SECONDS = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
BUS = f"transports-{os.getpid()}"


def picture():
    return numpy.random.default_rng(1).integers(0, 255, (HEIGHT, WIDTH), numpy.uint8)


def framebus_producer(bus, ready, stop):
    image = picture()
    with framebus.Producer(WIDTH, HEIGHT, bus=bus, consumers=1) as producer:
        ready.set()
        while not stop.is_set():
            producer.publish(image)


def queue_producer(frames, ready, stop):
    image = picture()
    ready.set()
    while not stop.is_set():
        try:
            frames.put(image, timeout=0.1)
        except queue.Full:
            pass
    frames.cancel_join_thread()


def socket_producer(path, ready, stop):
    image = picture()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        ready.set()
        connection, _ = listener.accept()
        try:
            while not stop.is_set():
                connection.sendall(image)
        except OSError:
            pass


def count(take):
    """Takes frames until the time is over, and reads every pixel of each."""
    taken, begun = 0, time.monotonic()
    while time.monotonic() < begun + SECONDS:
        take()
        taken += 1
    return taken / (time.monotonic() - begun)


def over(producer, *arguments):
    """Starts a producer in another process and returns it with its stop."""
    ready, stop = context.Event(), context.Event()
    process = context.Process(target=producer, args=(*arguments, ready, stop), daemon=True)
    process.start()
    ready.wait()
    return process, stop


def by_framebus():
    process, stop = over(framebus_producer, BUS)
    with framebus.Consumer(BUS, timeout=None) as consumer:
        rate = count(lambda: consumer.next().gray.max())
    stop.set()
    process.join()
    return rate


def by_queue():
    frames = context.Queue(4)
    process, stop = over(queue_producer, frames)
    rate = count(lambda: frames.get().max())
    stop.set()
    process.join()
    return rate


def by_socket():
    path = f"/tmp/{BUS}.socket"
    process, stop = over(socket_producer, path)
    image = numpy.empty((HEIGHT, WIDTH), numpy.uint8)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        into = memoryview(image).cast("B")

        def take():
            have = 0
            while have < len(into):
                have += connection.recv_into(into[have:])
            image.max()

        rate = count(take)
        stop.set()
    process.join()
    os.unlink(path)
    return rate


if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    print(f"{by_framebus():.0f} {by_queue():.0f} {by_socket():.0f}")
