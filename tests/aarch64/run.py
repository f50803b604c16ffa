"""Programs for 64-bit ARM under qemu, and this machine's beside them: three rates at once, and conformance in both directions.

usage: run.py NAME=COMMAND…   (bin/test-aarch64 calls it; the names are those that are used below)
"""

import json
import os
import shlex
import subprocess
import sys
import tempfile

PROGRAMS = dict(argument.split("=", 1) for argument in sys.argv[1:])
PATIENCE = 240
TIMEOUT = "2m"
STARTED = []


class Started:
    """A program; what it says goes into files, so that nobody has to read for it to go on."""

    def __init__(self, name, *arguments):
        self.words = [*shlex.split(PROGRAMS[name]), *map(str, arguments)]
        self.name, self.out, self.err = name, tempfile.TemporaryFile("w+"), tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(self.words, stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.err)
        STARTED.append(self)

    def end(self, expected=0):
        """The lines of JSON that it has said at its end, which has to come."""
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.words} does not end") from None
        out, err = (os.pread(file.fileno(), 1 << 20, 0).decode() for file in (self.out, self.err))
        assert code == expected, f"{self.words} ended with {code}: {out}{err}"
        return [json.loads(line) for line in out.splitlines()]

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def three_rates():
    print("== three consumers at three rates at once", flush=True)
    produced = Started("arm-command", "produce", "pattern", "--size", "160x120", "--fps", 15, "--history", 30)
    count = 45
    wanted = {
        "newest": Started("arm-command", "consume", "-i", 0, "--count", count, "--timeout", TIMEOUT, "--json"),
        "every": Started("arm-command", "consume", "-i", 1, "--every-frame", "--count", count, "--timeout", TIMEOUT, "--json"),
        "slow": Started("arm-command", "consume", "-i", 2, "--max-fps", 3, "--count", count // 5, "--timeout", TIMEOUT, "--json"),
    }
    taken = {rate: consumer.end() for rate, consumer in wanted.items()}
    produced.process.terminate()
    produced.end(143)
    for rate, frames in taken.items():
        sequences = [frame["sequence"] for frame in frames]
        assert len(frames) == (count // 5 if rate == "slow" else count), (rate, frames)
        assert sequences == sorted(set(sequences)), (rate, sequences)
        # What lies between two frames is what the later one says that was skipped.
        gaps = [later - earlier - 1 for earlier, later in zip(sequences, sequences[1:])]
        assert gaps == [frame["skipped"] for frame in frames[1:]], (rate, frames)
        assert all((frame["width"], frame["height"]) == (160, 120) for frame in frames), (rate, frames)
    assert not sum(frame["skipped"] for frame in taken["every"][1:]), taken["every"]
    assert all(frame["skipped"] > 0 for frame in taken["slow"][1:]), taken["slow"]


def conformance():
    clients = [name for name in PROGRAMS if not name.endswith("-command")]
    print(f"== conformance, on frames that prove themselves whole: {', '.join(clients)}", flush=True)
    for producer in clients:
        bus = f"{os.environ['FRAMEBUS_BUS']}-{producer}"
        modes = ["newest", "every"]
        produced = Started(producer, "produce", bus, 64, 48, 15, len(clients), 2)
        consumers = [
            Started(client, "consume", bus, index, modes[index % 2], PATIENCE) for index, client in enumerate(clients)
        ]
        [sent] = produced.end()
        assert sent["published"] > 0 and sent["starved"] == 0, sent
        for consumer in consumers:
            [got] = consumer.end()
            about = (producer, consumer.name, got, sent)
            assert got["torn"] == got["backwards"] == 0 and got["taken"] > 0, about
            assert got["end"] == "ended" and got["last"] == sent["sequence"], about
            assert got["attached"] + got["taken"] + got["skipped"] == got["last"], about
    print("== planes and metadata", flush=True)
    for producer in clients:
        bus = f"{os.environ['FRAMEBUS_BUS']}-{producer}"
        produced = Started(producer, "produce-planes", bus, len(clients), 20)
        consumers = [Started(client, "consume-planes", bus, index) for index, client in enumerate(clients)]
        [sent] = produced.end()
        for consumer in consumers:
            [got] = consumer.end()
            about = (producer, consumer.name, got)
            # Who is slow to attach begins later, but finds what the history has.
            assert sent["published"] == 20 and got["taken"] > 10 and got["wrong"] == 0, about


try:
    three_rates()
    conformance()
finally:
    for program in STARTED:
        program.stop()
