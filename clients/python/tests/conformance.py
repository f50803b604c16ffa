"""One end of the conformance test: see crates/capi/tests/clients/conformance.rs. usage: as clients/c/tests/conformance.c"""

import json
import signal
import sys
import time

import numpy

import framebus


def produce(bus, width, height, fps, consumers, seconds):
    width, height, fps, consumers = int(width), int(height), float(fps), int(consumers)
    pattern = framebus.Pattern(width, height)
    with framebus.Producer(width, height, bus=bus, consumers=consumers, color=True) as producer:
        while producer.stats["connected"] < consumers:
            time.sleep(0.002)
        begun, number = time.monotonic(), 0
        while time.monotonic() < begun + float(seconds):
            captured = time.monotonic_ns()
            gray, bgr = pattern.draw(number)
            producer.publish(gray, bgr, source_frame=number, capture_ns=captured)
            number += 1
            time.sleep(max(0.0, begun + number / fps - time.monotonic()))
        stats = producer.stats
    print(json.dumps({key: stats[key] for key in ("published", "sequence", "starved")}))


def whole(frame):
    try:
        number = framebus.verify_pattern(frame.gray)
    except ValueError:
        return False
    return number == frame.source_frame and (frame.bgr[0, 8] == frame.gray[0, 8]).all()


def consume(bus, index, mode, timeout):
    consumer = framebus.Consumer(
        bus, int(index), name="conformance", every_frame=mode == "every", timeout=float(timeout)
    )
    torn = backwards = last = 0
    end = "ended"
    try:
        for frame in consumer:
            torn += not whole(frame)
            backwards += frame.sequence <= last
            last = frame.sequence
            if mode == "hold":
                print("holding", last, flush=True)
                signal.pause()
    except framebus.ProducerLostError:
        end = "lost"
    stats = consumer.stats
    print(
        json.dumps(
            {
                "attached": stats["attach_sequence"],
                "taken": stats["taken"],
                "skipped": stats["skipped"],
                "last": stats["last_sequence"],
                "torn": torn,
                "backwards": backwards,
                "end": end,
            }
        )
    )


# As in clients/c/tests/conformance.c.
PLANES = ["gray", "bgr", "nv12", "gray/2", "meta"]


def bytes_of(length, index, number):
    return (numpy.arange(length) % 251 + 31 * index + number).astype(numpy.uint8)


def metadata_of(number):
    return b"frame %d" % number + b"x" * (number % 7)


def write(slot, number):
    for index, name in enumerate(slot.planes):
        if name != "meta":
            image = slot.plane(name)
            image[...] = bytes_of(image.size, index, number).reshape(image.shape)


def produce_planes(bus, consumers, frames):
    consumers, frames = int(consumers), int(frames)
    with framebus.Producer(64, 48, bus=bus, consumers=consumers, history=frames, planes=PLANES) as producer:
        while producer.stats["connected"] < consumers:
            time.sleep(0.002)
        for number in range(frames):
            time.sleep(0.02)
            slot = producer.claim()
            write(slot, number)
            slot.publish(number, metadata=metadata_of(number))
    print(json.dumps({"published": frames}))


def consume_planes(bus, index):
    consumer = framebus.Consumer(bus, int(index), every_frame=True, timeout=60.0, needs=PLANES)
    taken = wrong = 0
    names = ()
    for frame in consumer:
        taken, names, number = taken + 1, frame.planes, frame.source_frame
        wrong += frame.metadata != metadata_of(number) or frame.plane("meta").tobytes() != frame.metadata
        for index, name in enumerate(names[:-1]):
            flat = frame.plane(name).reshape(-1)
            wrong += int((flat != bytes_of(flat.size, index, number)).sum())
            del flat
        wrong += frame.plane("GREY") is not frame.gray or frame.plane("bgr") is not frame.bgr
        wrong += frame.plane("nv12").shape != (72, 64) or frame.plane("gray/2").shape != (24, 32)
    print(json.dumps({"taken": taken, "wrong": int(wrong), "planes": " ".join(names)}))


COMMANDS = {
    "produce": produce,
    "consume": consume,
    "produce-planes": produce_planes,
    "consume-planes": consume_planes,
}

if __name__ == "__main__":
    try:
        COMMANDS[sys.argv[1]](*sys.argv[2:])
    except framebus.Error as error:
        sys.exit(str(error))
