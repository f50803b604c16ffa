"""CPU of a whole chain a camera's frame: framebus with three Python consumers that read every pixel, and one program with
cv2.VideoCapture and cvtColor that reads every pixel three times, or once, and shares nothing; for bin/bench.

Both have the same source, which three plain programs could not have if it were a camera: Motion JPEG over HTTP at 30 fps, as
an IP camera sends it, and the same in a raw film (Y4M, 4:2:0), as an NV12 camera gives it. The server's CPU does not count.
usage: chain.py FRAMEBUS [SECONDS] [ROUNDS]"""

import multiprocessing
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time

import cv2
import numpy

import framebus

FRAMEBUS = sys.argv[1]
SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 10
ROUNDS = int(sys.argv[3]) if len(sys.argv) > 3 else 5
FPS, READERS, WARM = 30, 3, 2
SIZES = ((640, 480), (1920, 1080))
context = multiprocessing.get_context("spawn")


def scene(width, height, count):
    """A street of noise that moves by, with as much detail as a camera's picture has."""
    random = numpy.random.default_rng(1)
    coarse = random.integers(0, 255, (height // 16 + 8, width // 8, 3), numpy.uint8)
    street = cv2.resize(coarse, (2 * width, height), interpolation=cv2.INTER_CUBIC)
    street = cv2.add(street, random.integers(0, 12, street.shape, numpy.uint8))
    for at in range(count):
        yield numpy.ascontiguousarray(street[:, at * 8 : at * 8 + width])


def jpegs(width, height):
    """As USB and IP cameras encode: 4:2:2, middling quality."""
    how = [cv2.IMWRITE_JPEG_QUALITY, 80, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422]
    return [cv2.imencode(".jpg", bgr, how)[1].tobytes() for bgr in scene(width, height, 30)]


def film(path, width, height):
    with open(path, "wb") as file:
        file.write(f"YUV4MPEG2 W{width} H{height} F{FPS}:1 Ip A1:1 C420jpeg XCOLORRANGE=LIMITED\n".encode())
        for bgr in scene(width, height, 30):
            file.write(b"FRAME\n" + cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_I420).tobytes())


def serve(pictures, port):
    """A camera: every client has every picture, at its time."""

    def stream(client):
        try:
            client.recv(4096)
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n")
            due = time.monotonic()
            at = 0
            while True:
                picture = pictures[at % len(pictures)]
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
                client.sendall(head.encode() + picture + b"\r\n")
                at += 1
                due += 1 / FPS
                time.sleep(max(0, due - time.monotonic()))
        except OSError:
            pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port.value = listener.getsockname()[1]
        while True:
            threading.Thread(target=stream, args=(listener.accept()[0],), daemon=True).start()


def consume(bus, index, frames):
    consumer = framebus.Consumer(bus, index, timeout=None)
    for frame in consumer:
        frame.gray.max()
        frames[index] += 1


def plain(source, times, frames):
    """What a program is that has the camera to itself. On one thread, which costs OpenCV no more CPU than two."""
    cv2.setNumThreads(1)
    due = time.monotonic()
    while True:
        capture = cv2.VideoCapture(source, cv2.CAP_FFMPEG)
        while True:
            good, bgr = capture.read()
            if not good:
                break
            gray = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)
            for _ in range(times):
                gray.max()
            frames[0] += 1
            if not source.startswith("http:"):
                due = max(due + 1 / FPS, time.monotonic() - 1)
                time.sleep(max(0, due - time.monotonic()))


def cpu(pid):
    """All of a process's threads so far, in seconds (Linux: the number of its clock)."""
    return time.clock_gettime((~pid << 3) | 2)


def measure(pids, frames):
    """CPU a frame in ms of all these together, of as many frames as the first reader has had."""
    end = time.monotonic() + 30
    while not all(frames) and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(WARM)
    before, had = sum(map(cpu, pids)), list(frames)
    time.sleep(SECONDS)
    spent, had = sum(map(cpu, pids)) - before, [now - then for now, then in zip(frames, had)]
    if min(had) < 0.9 * SECONDS * FPS:
        print(f"  (of {SECONDS * FPS:.0f} frames, readers had {', '.join(map(str, had))})")
    return 1000 * spent / max(had)


def shared(source):
    bus = f"chain-{os.getpid()}"
    options = ["--loop"] if source.endswith(".y4m") else []
    producer = subprocess.Popen([FRAMEBUS, "produce", source, "--bus", bus, *options], stderr=subprocess.DEVNULL)
    frames = context.Array("Q", READERS, lock=False)
    readers = [context.Process(target=consume, args=(bus, index, frames), daemon=True) for index in range(READERS)]
    for reader in readers:
        reader.start()
    try:
        return measure([producer.pid, *(reader.pid for reader in readers)], frames)
    finally:
        for reader in readers:
            reader.kill()
            reader.join()
        producer.terminate()
        producer.wait()


def alone(source, times):
    frames = context.Array("Q", 1, lock=False)
    program = context.Process(target=plain, args=(source, times, frames), daemon=True)
    program.start()
    try:
        return measure([program.pid], frames)
    finally:
        program.kill()
        program.join()


def median(values):
    return sorted(values)[len(values) // 2]


def compare(name, source):
    rounds = []
    for _ in range(ROUNDS):
        rounds.append((shared(source), alone(source, READERS), alone(source, 1)))
    thrice = median([ours / theirs for ours, theirs, _ in rounds])
    once = median([ours / theirs for ours, _, theirs in rounds])
    ms = [median(column) for column in zip(*rounds)]
    verdict = "ok" if thrice < 1 else "MISSED"
    print(f"  {name:<30} {thrice:.2f} of a program with three readers' work   aim 1.00    {verdict}")
    print(f"  {'':<30} {once:.2f} of a program with one's   ({ms[0]:.2f}, {ms[1]:.2f} and {ms[2]:.2f} ms CPU a frame)", flush=True)


def main():
    print("\nThe whole chain, CPU a frame: capture, bus, three Python readers, against VideoCapture and cvtColor in one program")
    with tempfile.TemporaryDirectory() as directory:
        os.environ["FRAMEBUS_RUNTIME_DIR"] = directory
        for width, height in SIZES:
            port = context.Value("i", 0)
            camera = context.Process(target=serve, args=(jpegs(width, height), port), daemon=True)
            camera.start()
            while not port.value:
                time.sleep(0.05)
            compare(f"Motion JPEG, {width}x{height}", f"http://127.0.0.1:{port.value}/")
            camera.kill()
            camera.join()
        for width, height in SIZES:
            path = f"{directory}/film.y4m"
            film(path, width, height)
            compare(f"raw film 4:2:0, {width}x{height}", path)


if __name__ == "__main__":
    main()
