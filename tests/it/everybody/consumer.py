# Takes frames and proves each of them whole, until SIGTERM or SIGINT; attaches again when the producer has gone.
import json
import os
import signal
import sys
import time

import framebus


def end(*_):
    # At once: what is being written may not be written twice.
    os._exit(0)


proved, last, then = 0, 0, 0
signal.signal(signal.SIGTERM, end)
signal.signal(signal.SIGINT, end)
while True:
    try:
        with framebus.Consumer(name="python", timeout=0.2, resume_from=last or None) as consumer:
            for frame in consumer:
                try:
                    number = framebus.verify_pattern(frame.gray)
                except ValueError as error:
                    number = error
                if number != frame.source_frame:
                    print("torn:", frame.sequence, number, file=sys.stderr, flush=True)
                sequence, now = frame.sequence, frame.publish_ns
                if sequence <= last:
                    print("backwards:", last, then, sequence, now, file=sys.stderr, flush=True)
                last, then = sequence, now
                proved += 1
                if proved % 5 == 0:
                    print(json.dumps({"proved": proved}), flush=True)
    except framebus.Error:
        time.sleep(0.005)
