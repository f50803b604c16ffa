"""Every format of the driver's, against the same picture as RGB."""

import json
import os
import select

from common import run, start, v4l2

SIZE = (320, 180)
# Bits of the worst colour, for formats that cannot tell all shades: what one step may make of gray.
COARSE = {"RGB1": 30, "R444": 10, "12": 10, "O": 6, "15": 6, "P": 6, "R": 6, "Q": 6, "BGRH": 4}
# Those whose planes have memory of their own, and one of each kind that has not.
MULTI_PLANAR = "NM12 NM21 NM16 NM61 YM12 YM21 YM16 YM61 YM24 YM42 NV12 YUYV GREY RGB3".split()


class Pictures:
    """Gray pictures by way of a bus: one consumer, and a producer for each, which ends with its first frame."""

    def __init__(self, device):
        self.device, self.bus = device, f"format{os.path.basename(device)}"
        self.consumer = start("consume", "--bus", self.bus, "-i", 0, "-o", "-", "--format", "raw", "--follow", text=False)

    def take(self, fourcc):
        size = "{}x{}".format(*SIZE)
        code, _, errors = run("produce", self.device, "--bus", self.bus, "--size", size, "--fourcc", fourcc, "--count", 1,
                              "--wait-consumers", 1)
        assert code == 0, errors
        gray, wanted = b"", SIZE[0] * SIZE[1]
        while len(gray) < wanted and select.select([self.consumer.stdout], [], [], 20)[0]:
            more = os.read(self.consumer.stdout.fileno(), wanted - len(gray))
            if not more:
                break
            gray += more
        return gray


# Gray formats: vivid weighs colours by BT.709 for them, as a sensor has weights of its own.
GRAY = ("GREY", "Y10", "Y12", "Y16", "Y16-BE")


def references(device):
    """The same picture as RGB, by the driver's own tool, and gray by OpenCV's formula and by BT.709's."""
    path = "/tmp/reference.raw"
    width, height = SIZE
    v4l2(device, f"--set-fmt-video=width={width},height={height},pixelformat=RGB3", "--stream-mmap", "--stream-count=1",
         f"--stream-to={path}")
    with open(path, "rb") as file:
        rgb = file.read()
    assert len(rgb) == 3 * width * height, len(rgb)
    pixels = list(zip(rgb[::3], rgb[1::3], rgb[2::3]))
    known = {(r, g, b): ((9798 * r + 19235 * g + 3735 * b + 16384) >> 15, (2126 * r + 7152 * g + 722 * b + 5000) // 10000)
             for r, g, b in set(pixels)}
    return bytes(known[pixel][0] for pixel in pixels), bytes(known[pixel][1] for pixel in pixels)


def tolerance(fourcc):
    ends = [bits for end, bits in COARSE.items() if fourcc.endswith(end) and fourcc[0] in "RBAXG"]
    return max(ends, default=2)


def edges(gray):
    """Where luma changes: chroma that several pixels share says nothing of those."""
    return sum(a != b for a, b in zip(gray, gray[1:]))


def of(device, least, only=None):
    def test():
        known = json.loads(run("cameras", device, "--json")[1])["cameras"][0]["formats"]
        names = [one["fourcc"] for one in known if one["native"]]
        names = [name for name in names if only is None or name in only]
        of_colours, of_gray = references(device)
        assert edges(of_colours) > 100
        wrong = []
        pictures = Pictures(device)
        for name in names:
            gray = pictures.take(name)
            expected = of_gray if name in GRAY else of_colours
            if len(gray) != len(expected):
                wrong.append(f"{name}: {len(gray)} bytes")
                continue
            off = max(abs(a - b) for a, b in set(zip(gray, expected)))
            if off > tolerance(name):
                wrong.append(f"{name}: off by {off}")
        assert not wrong, "; ".join(wrong)
        assert len(names) >= least, f"only {len(names)}"
        return f"{len(names)} formats: {' '.join(names)}"

    return test
