"""One end of the conformance test: see crates/capi/tests/clients/conformance.rs. usage: as clients/c/tests/conformance.c"""

import json
import signal
import sys
import time

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


if __name__ == "__main__":
    try:
        {"produce": produce, "consume": consume}[sys.argv[1]](*sys.argv[2:])
    except framebus.Error as error:
        sys.exit(str(error))
