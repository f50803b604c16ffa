"""What taking and releasing a frame costs in Python: for bin/bench-clients. Prints nanoseconds a frame: alone, and with
its NumPy view."""

import os
import statistics
import time

import framebus

BATCH = 60  # frames that are published before they are taken, so that the clock is read only around many


def cost(with_view):
    bus = f"cost-py-{os.getpid()}"
    costs = []
    with framebus.Producer(64, 48, bus=bus, consumers=1, history=BATCH) as producer:
        with framebus.Consumer(bus, every_frame=True) as consumer:
            for _ in range(2000):
                for _ in range(BATCH):
                    producer.claim().publish()
                begun = time.perf_counter_ns()
                if with_view:
                    for _ in range(BATCH):
                        frame = consumer.acquire()
                        frame.gray
                        frame.release()
                else:
                    for _ in range(BATCH):
                        consumer.acquire().release()
                costs.append((time.perf_counter_ns() - begun) / BATCH)
    return statistics.median(costs)


print(f"{cost(False):.0f} {cost(True):.0f}")
