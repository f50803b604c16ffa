"""One of the sample's programs, written from docs/layout.md: it takes frames that `framebus consume --seed` shares.

usage: program.py PREFIX NUMBER WORK_MS FRAMES [stay | hold | lock]

It reads FRAMES frames of the test pattern through pipe NUMBER, works on each for WORK_MS and says in a line of JSON whether they
were whole, before and after that. `stay`: opens the pipe again when the other side is gone, and counts its frames from there. `hold`:
says so, and keeps the first frame. `lock`: the same, and keeps the mutex as well.
"""

import fcntl
import json
import mmap
import struct
import sys
import time

PREFIX, NUMBER, WORK, FRAMES = sys.argv[1], sys.argv[2], float(sys.argv[3]) / 1000, int(sys.argv[4])
MODE = sys.argv[5] if len(sys.argv) > 5 else ""
NEWEST, USERS = 17, 18


def when_there(path, mode, **how):
    due = time.monotonic() + 60
    while True:
        try:
            return open(path, mode, **how)
        except FileNotFoundError:
            if time.monotonic() > due:
                raise
            time.sleep(0.01)


def open_pipe():
    # Waits until somebody writes there.
    return when_there(f"/tmp/{PREFIX}pipe{NUMBER}", "rb", buffering=0)


class Mutex:
    """The named mutex ARMutex."""

    file = None

    def __enter__(self):
        fcntl.flock(self.file, fcntl.LOCK_EX)

    def __exit__(self, *_):
        fcntl.flock(self.file, fcntl.LOCK_UN)


def frame_number(width, height, gray):
    """The number of a whole frame of the pattern; None of a torn one."""
    word, size = (1 << 64) - 1, width << 32 | height
    fnv = lambda total, value: (product := (total ^ value) * 0x100000001B3 & word) ^ product >> 32
    magic, number, stamped = struct.unpack_from("<8sQQ", gray)
    pixels = gray[24:]
    whole = len(pixels) // 256 * 256
    lanes = [0x811C9DC5] * 64
    for at, value in enumerate(struct.unpack(f"<{whole // 4}I", pixels[:whole])):
        product = (lanes[at % 64] ^ value) * 0x9E3779B1 & 0xFFFFFFFF
        lanes[at % 64] = product << 15 & 0xFFFFFFFF | product >> 17
    total = fnv(fnv(0xCBF29CE484222325, size), number)
    for value in [*lanes, *pixels[whole:]]:
        total = fnv(total, value)
    return number if (magic, stamped) == (b"FRAMEBUS", total) else None


pipe = open_pipe()
file = when_there(f"/dev/shm/{PREFIX}SharedMemory", "r+b")
memory = mmap.mmap(file.fileno(), 0)
mutex = Mutex()
mutex.file = when_there(f"/tmp/{PREFIX}ARMutex.lock", "r+b")
height, width, bgr_step, gray_step, count, _ = struct.unpack_from("<iiiiBB", memory)
assert (bgr_step, gray_step) == (3 * width, width) and len(memory) == USERS + count + (3 + count) * width * height
bgr_at = USERS + count
gray_at = bgr_at + 3 * width * height

taken, torn, backwards, last, begun_again = 0, 0, 0, -1, 0
while taken < FRAMES or (MODE == "stay" and not begun_again):
    if not pipe.read(1):
        if MODE != "stay":
            break
        pipe.close()
        pipe = open_pipe()
        begun_again += 1
        taken = 0
        continue
    with mutex:
        newest = memory[NEWEST]
        memory[USERS + newest] += 1
        if MODE == "lock":
            print("holding", flush=True)
            time.sleep(1000)
    if MODE == "hold":
        print("holding", flush=True)
        time.sleep(1000)
    image = gray_at + newest * width * height
    number = frame_number(width, height, memory[image : image + width * height])
    time.sleep(WORK)
    torn += number is None or number != frame_number(width, height, memory[image : image + width * height])
    # The bars are above the ramp: of the first rows, which have the stamp in gray, the colours are those shades.
    shades = memory[bgr_at : bgr_at + 3 * 8]
    torn += shades != b"".join(bytes([letter]) * 3 for letter in b"FRAMEBUS")
    with mutex:
        memory[USERS + newest] -= 1
    if number is not None:
        backwards += number < last
        last = number
    taken += 1

print(json.dumps({"taken": taken, "torn": torn, "backwards": backwards, "last": last, "begun_again": begun_again}))
