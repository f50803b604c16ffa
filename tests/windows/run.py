"""Producers and consumers as Windows programs under Wine: who sees what when somebody ends, is killed, or comes twice.

usage: run.py WINE PROGRAMS KILLS   (bin/test-windows calls it; FRAMEBUS_DOTNET is where dotnet.exe is)
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

import command

WINE, PROGRAMS, KILLS = sys.argv[1], sys.argv[2], int(sys.argv[3])
PATIENCE = 120
# What a consumer says that comes while there is no producer, or before its index is free.
TOO_EARLY = ("there is no bus", "in use")
# The program of C#, which another runs.
COMMANDS = {"cs": [os.environ["FRAMEBUS_DOTNET"], os.path.join(PROGRAMS, "cs", "Conformance.dll")]}
os.environ.update(DOTNET_SYSTEM_GLOBALIZATION_INVARIANT="1", COMPlus_EnableDiagnostics="0", COMPlus_TieredCompilation="0")


class Started:
    """A program under Wine. What it says goes into files: a pipe would end only with Wine's own processes, which get the output
    of whoever starts them and keep it open."""

    def __init__(self, program, *arguments, stdin=subprocess.DEVNULL, stdout=None):
        self.words = [program, *map(str, arguments)]
        self.out, self.err = tempfile.TemporaryFile("w+"), tempfile.TemporaryFile("w+")
        program = COMMANDS.get(program, [os.path.join(PROGRAMS, program + ".exe")])
        line = [WINE, *program, *self.words[1:]]
        self.process = subprocess.Popen(line, stdin=stdin, stdout=stdout or self.out, stderr=self.err)

    def said(self):
        """Standard output and error so far."""
        return tuple(os.pread(file.fileno(), 1 << 20, 0).decode() for file in (self.out, self.err))

    def finish(self, expected=0):
        """What it says at its end, which has to come with this code, or with any: standard output and error."""
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.words} does not end; it said {self.said()}") from None
        out, err = self.said()
        # Seen once in some hundred runs of .NET: Wine dies in its own code when all is done. A fault of a program has another code.
        wine_died = self.words[0] == "cs" and code == -signal.SIGSEGV and out.rstrip().endswith("}")
        is_expected = expected is None or code == expected or wine_died
        assert is_expected and "panicked" not in err, f"{self.words} ended with {code}: {out}{err}"
        return out, err

    def end(self, expected=0):
        """What it says at its end: the last line, read as JSON, or without one its error."""
        out, err = self.finish(expected)
        return json.loads(out.splitlines()[-1]) if out.strip() else err

    def until(self, word):
        """Waits until it has said this."""
        due = time.monotonic() + PATIENCE
        while word not in self.said()[0]:
            assert self.process.poll() is None and time.monotonic() < due, f"{self.words} does not say {word}: {self.said()}"
            time.sleep(0.02)

    def kill(self):
        """As the task manager does: no code of the process runs any more."""
        self.process.kill()
        self.process.wait()


def whole(report):
    assert report["torn"] == 0 and report["backwards"] == 0, report
    return report


def settle(produced, consumers):
    """The consumers' reports at the end of the stream: every frame is taken or skipped, up to the last one."""
    sent = produced.end()
    assert sent["published"] > 0 and sent["starved"] == 0, sent
    reports = [whole(consumer.end()) for consumer in consumers]
    for got in reports:
        assert got["end"] == "ended" and got["last"] == sent["sequence"] and got["taken"] > 0, (got, sent)
        assert got["attached"] + got["taken"] + got["skipped"] == got["last"], got
    return reports


def matrix():
    print("== producers and consumers in Rust and in C, on frames that prove themselves whole", flush=True)
    for producer in ("rust", "c"):
        bus = f"matrix-{producer}"
        produced = Started(producer, "produce", bus, 160, 120, 60, 4, 2)
        consumers = [
            Started("rust", "consume", bus, 0, "newest", 60),
            Started("c", "consume", bus, 1, "every", 60),
            Started("c", "consume", bus, 2, "newest", 60),
            Started("rust", "consume", bus, 3, "slow", 60),
        ]
        slow = settle(produced, consumers)[-1]
        assert slow["skipped"] > 0, slow


def languages():
    print("== producers and consumers in C++ and in C#, beside Rust and C", flush=True)
    everybody = ("rust", "c", "cpp", "cs")
    for producer in everybody:
        bus = f"languages-{producer}"
        clients = [client for client in everybody if {client, producer} & {"cpp", "cs"}]
        produced = Started(producer, "produce", bus, 160, 120, 30, len(clients), 2)
        modes = ("newest", "every")
        consumers = [Started(client, "consume", bus, index, modes[index % 2], 60) for index, client in enumerate(clients)]
        settle(produced, consumers)
    for producer in ("cpp", "cs"):
        produced = Started(producer, "produce-planes", "planes", 4, 40)
        consumers = [Started(client, "consume-planes", "planes", index) for index, client in enumerate(everybody)]
        assert produced.end()["published"] == 40
        for consumer in consumers:
            got = consumer.end()
            assert got["taken"] > 20 and got["wrong"] == 0, (consumer.words, got)


def planes():
    print("== planes and metadata", flush=True)
    for producer in ("rust", "c"):
        produced = Started(producer, "produce-planes", "planes", 2, 40)
        consumers = [Started(client, "consume-planes", "planes", index) for index, client in enumerate(("rust", "c"))]
        assert produced.end()["published"] == 40
        for consumer in consumers:
            got = consumer.end()
            # Who is slow to attach begins later.
            assert got["taken"] > 20 and got["wrong"] == 0, got


def deaths():
    print("== who is killed, and what the others see", flush=True)
    bus = "deaths"
    produced = Started("rust", "produce", bus, 64, 48, 100, 2, 600)
    holder = Started("c", "consume", bus, 0, "hold", 60)
    other = Started("rust", "consume", bus, 1, "newest", 60)
    holder.until("holding")
    refused = Started("rust", "consume", bus, 0, "newest", 1).end(1)
    assert "consumer 0" in refused and "in use" in refused, refused
    second = Started("rust", "produce", bus, 64, 48, 100, 2, 1).end(1)
    assert "already has a producer" in second or "in use" in second, second
    # A consumer that dies with a frame: its index is free at once, and its frame.
    holder.kill()
    after = Started("c", "consume", bus, 0, "newest", 60)
    time.sleep(2)
    # A producer that dies: its consumers are told that it was lost.
    produced.kill()
    for consumer in (after, other):
        got = whole(consumer.end())
        assert got["end"] == "lost" and got["taken"] > 0, got
    # The next one has the bus without a hand being lifted.
    produced = Started("rust", "produce", bus, 64, 48, 100, 1, 1)
    got = whole(Started("rust", "consume", bus, 0, "newest", 60).end())
    assert got["end"] == "ended", got
    produced.end()


def sample():
    print("== programs as the sample's, on what --seed shares", flush=True)
    bus, prefix = "sample", f"fb{os.getpid()}-"
    produced = [Started("rust", "produce", name, 64, 48, 60, 1, 600) for name in (bus, "other")]
    words = ("consume", "--json", "--seed", 2, "--seed-prefix", prefix)
    share = lambda seconds, bus=bus: Started("framebus", *words, "--bus", bus, "--duration", f"{seconds}s")
    program = lambda *words: Started("program", prefix, *words)
    sharing = share(600)
    fast, slow = program(0, 0, 60), program(1, 60, 12)
    for started, taken in ((fast, 60), (slow, 12)):
        assert whole(started.end())["taken"] == taken
    second = share(1, "other").end(2)
    assert "SharedMemory is in use" in second, second
    # Programs that die with an image, with the mutex: more often than there are images.
    good = program(0, 0, 100)
    for mode in ("hold", "lock", "hold", "hold", "lock", "hold"):
        bad = program(1, 0, 1, mode)
        bad.until("holding")
        bad.kill()
    assert whole(good.end())["taken"] == 100
    # Killed, with a program that has everything open: the next one goes on with it.
    staying = program(0, 0, 60, "stay")
    other = program(1, 0, 1, "hold")
    other.until("holding")
    other.kill()
    sharing.kill()
    sharing = share(30)
    got = whole(staying.end())
    assert got["taken"] == 60 and got["begun_again"] > 0, got
    # Dies with the mutex and is told as such; that the last one ends by itself.
    bad = program(1, 0, 1, "lock")
    bad.until("holding")
    bad.kill()
    said = sharing.end()["seed"]
    assert said["copied"] > 0 and said["abandoned"] == 1 and said["triggered"] > 0, said
    assert said["given_back"] > 0, said
    for producer in produced:
        producer.kill()
    Started("framebus", "gc").finish()


def chaos():
    seed = int(os.environ.get("FRAMEBUS_CHAOS_SEED", random.randrange(1 << 32)))
    print(f"== {KILLS} random kills (FRAMEBUS_CHAOS_SEED={seed})", flush=True)
    dice = random.Random(seed)
    bus = "chaos"
    producer = lambda: Started("rust", "produce", bus, 64, 48, 200, 3, 3600)
    kinds = [("rust", "newest"), ("c", "every"), ("rust", "slow")]
    consumer = lambda index: Started(kinds[index][0], "consume", bus, index, kinds[index][1], 60)
    everybody = [producer()] + [consumer(index) for index in range(3)]
    kills, ends, taken, due = 0, 0, 0, time.monotonic() + 60 + 3 * KILLS
    while kills < KILLS:
        assert time.monotonic() < due, f"only {kills} kills: somebody hangs"
        time.sleep(dice.uniform(0.0, 0.15))
        # The producer less often: every consumer starts again with it.
        victim = dice.choice([0, 1, 1, 1, 2, 2, 2, 3, 3, 3])
        for place, started in enumerate(everybody):
            if started.process.poll() is not None:
                if place == 0:
                    raise AssertionError(f"the producer has ended: {started.said()}")
                if started.process.returncode == 0:
                    got = whole(started.end())
                    assert got["end"] in ("lost", "ended"), got
                    ends, taken = ends + 1, taken + got["taken"]
                else:
                    said = started.end(1)
                    assert any(reason in said for reason in TOO_EARLY), said
                everybody[place] = consumer(place - 1)
        everybody[victim].kill()
        kills += 1
        everybody[victim] = producer() if victim == 0 else consumer(victim - 1)
    for process in everybody:
        process.kill()
    print(f"{kills} kills; {ends} consumers saw their producer go, after {taken} frames", flush=True)
    produced = Started("rust", "produce", bus, 64, 48, 100, 3, 1)
    consumers = [consumer(index) for index in range(3)]
    sent = produced.end()
    assert sent["published"] > 0 and sent["starved"] == 0, sent
    for process in consumers:
        got = whole(process.end())
        assert got["end"] == "ended" and got["last"] == sent["sequence"], (got, sent)


# Keeps Wine's own processes, so that not every program starts them anew.
keeper = Started("c", "produce", "keeper", 64, 48, 1, 1, 1)
try:
    Started("c", "consume", "nobody", 0, "newest", 1).end(1)
    matrix()
    planes()
    languages()
    deaths()
    command.everything(Started)
    sample()
    chaos()
finally:
    keeper.kill()
