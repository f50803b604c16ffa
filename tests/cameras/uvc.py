"""A USB camera with Motion JPEG, for the kernel's own driver of such cameras (uvcvideo): the device's side of USB/IP over a pair
of sockets, whose other end the kernel's virtual port has (vhci_hcd). USB Video Class 1.0, one bulk endpoint."""

import collections
import socket
import struct
import threading
import time

PORTS = "/sys/devices/platform/vhci_hcd.0"
HIGH_SPEED = 3
WIDTH, HEIGHT = 640, 480
INTERVALS = {1: 333333, 2: 2000000}  # in 100 ns: Motion JPEG has 30 fps, YUYV only 5
PAYLOAD = 16384
SUBMIT, UNLINK, SUBMITTED, UNLINKED = 1, 2, 3, 4
STALL, RESET = -32, -104


def described(kind, *parts):
    body = bytes([kind]) + b"".join(bytes([part]) if isinstance(part, int) else part for part in parts)
    return bytes([len(body) + 1]) + body


def u16(value):
    return struct.pack("<H", value)


def u32(value):
    return struct.pack("<I", value)


def frame(subtype, interval, size):
    rate = size * 8 * 30
    return described(0x24, subtype, 1, 0, u16(WIDTH), u16(HEIGHT), u32(rate), u32(rate), u32(size), u32(interval), 1, u32(interval))


def configuration():
    size = WIDTH * HEIGHT * 2
    units = (
        described(0x24, 0x02, 1, u16(0x0201), 0, 0, u16(0), u16(0), u16(0), 3, bytes(3))  # a camera
        + described(0x24, 0x05, 2, 1, u16(0), 2, u16(1), 0)  # with a brightness
        + described(0x24, 0x03, 3, u16(0x0101), 0, 2, 0)
    )
    control = described(0x24, 0x01, u16(0x0100), u16(13 + len(units)), u32(6000000), 1, 1) + units
    yuyv = b"YUY2\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"
    formats = (
        described(0x24, 0x06, 1, 1, 0, 1, 0, 0, 0, 0)
        + frame(0x07, INTERVALS[1], size)
        + described(0x24, 0x04, 2, 1, yuyv, 16, 1, 0, 0, 0, 0)
        + frame(0x05, INTERVALS[2], size)
        + described(0x24, 0x0D, 1, 1, 4)
    )
    stream = described(0x24, 0x01, 2, u16(15 + len(formats)), 0x81, 0, 3, 0, 0, 0, 1, 0, 0) + formats
    rest = (
        described(0x0B, 0, 2, 0x0E, 3, 0, 0)
        + described(0x04, 0, 0, 0, 0x0E, 1, 0, 0)
        + control
        + described(0x04, 1, 0, 1, 0x0E, 2, 0, 0)
        + stream
        + described(0x05, 0x81, 2, u16(512), 0)
    )
    return described(0x02, u16(9 + len(rest)), 2, 1, 0, 0x80, 50) + rest


class Camera:
    def __init__(self, pictures, port=0, serial="0001"):
        self.pictures, self.serial = pictures, serial
        self.brightness = 10
        self.spoil = []  # what is done to the next pictures: "half", "flagged"
        self.setting = (1, INTERVALS[1])
        self.waiting = collections.deque()
        self.changed = threading.Condition()
        self.gone = False
        self.ours, theirs = socket.socketpair()
        with theirs, open(f"{PORTS}/attach", "w") as attach:
            attach.write(f"{port} {theirs.fileno()} {0x10000 + port + 2} {HIGH_SPEED}")
        for work in (self.answer, self.send):
            threading.Thread(target=work, daemon=True).start()

    def unplug(self):
        with self.changed:
            if self.gone:
                return
            self.gone = True
            self.changed.notify_all()
        self.ours.shutdown(socket.SHUT_RDWR)

    def receive(self, count):
        data = b""
        while len(data) < count:
            more = self.ours.recv(count - len(data))
            if not more:
                raise OSError("unplugged")
            data += more
        return data

    def reply(self, number, status, length, data=b""):
        head = struct.pack(">5I5i8x", SUBMITTED, number, 0, 0, 0, status, length, 0, 0, 0)
        self.ours.sendall(head + data)

    def answer(self):
        """Takes what the kernel wants: controls are answered, places for pictures are kept."""
        try:
            while True:
                head = self.receive(48)
                command, number, _, incoming, endpoint = struct.unpack(">5I", head[:20])
                with self.changed:
                    if command == UNLINK:
                        (victim,) = struct.unpack(">I", head[20:24])
                        found = [place for place in self.waiting if place[0] == victim]
                        for place in found:
                            self.waiting.remove(place)
                        status = RESET if found else 0
                        self.ours.sendall(struct.pack(">5Ii24x", UNLINKED, number, 0, 0, 0, status))
                        continue
                    (length,) = struct.unpack(">i", head[24:28])
                    if endpoint:
                        self.waiting.append((number, length))
                        self.changed.notify_all()
                        continue
                    data = b"" if incoming else self.receive(length)
                    answer = self.control(head[40:48], data)
                    if answer is None:
                        self.reply(number, STALL, 0)
                    elif incoming:
                        self.reply(number, 0, len(answer[:length]), answer[:length])
                    else:
                        self.reply(number, 0, len(data))
        except OSError:
            pass

    def control(self, setup, data):
        kind, request, value, index, _ = struct.unpack("<BBHHH", setup)
        if kind & 0x60 == 0:
            return self.standard(request, value)
        selector, entity = value >> 8, index >> 8
        if index & 0xFF == 1 and selector in (1, 2):
            return self.stream_control(request, data)
        if entity == 2 and selector == 2:
            if request == 0x01:
                (self.brightness,) = struct.unpack("<h", data)
                return b""
            values = {0x81: self.brightness, 0x82: 0, 0x83: 100, 0x84: 1, 0x85: 2, 0x87: 10}
            return b"\x03" if request == 0x86 else struct.pack("<h", values[request])
        return None

    def standard(self, request, value):
        if request == 6:
            texts = {0: b"\x09\x04", 1: "framebus".encode("utf-16-le"), 2: "Lab Camera".encode("utf-16-le"),
                     3: self.serial.encode("utf-16-le")}
            if value >> 8 == 1:
                return described(0x01, u16(0x0200), 0xEF, 2, 1, 64, u16(0x1D6B), u16(0x0102), u16(1), 1, 2, 3, 1)
            if value >> 8 == 2:
                return configuration()
            if value >> 8 == 3 and value & 0xFF in texts:
                return described(0x03, texts[value & 0xFF])
            return None
        return b"\x00\x00" if request == 0 else b""

    def stream_control(self, request, data):
        if request == 0x01:
            self.setting = (data[2] if data[2] in INTERVALS else 1, INTERVALS.get(data[2], INTERVALS[1]))
            return b""
        if request == 0x85:
            return u16(26)
        if request == 0x86:
            return b"\x03"
        form, interval = self.setting
        return struct.pack("<HBBIHHHHHII", 1, form, 1, interval, 0, 0, 0, 0, 0, WIDTH * HEIGHT * 2, PAYLOAD)

    def send(self):
        """Sends a picture when it is due, if there is a place for it; in pieces, each with a head of two bytes."""
        count, toggle, due = 0, 0, time.monotonic()
        try:
            while not self.gone:
                form, interval = self.setting
                due = max(due + interval / 1e7, time.monotonic() - 0.1)
                time.sleep(max(0, due - time.monotonic()))
                if not self.waiting:
                    continue
                data = self.pictures[count % len(self.pictures)] if form == 1 else bytes(2 * WIDTH * HEIGHT)
                how = self.spoil.pop(0) if self.spoil else None
                if how == "half":
                    data = data[: len(data) // 2]
                count, toggle = count + 1, toggle ^ 1
                while data:
                    with self.changed:
                        if not self.changed.wait_for(lambda: self.waiting or self.gone, 1) or self.gone:
                            break
                        number, length = self.waiting.popleft()
                        piece, data = data[: length - 2], data[length - 2 :]
                        flags = 0x80 | toggle | (0 if data else 2) | (0x40 if how == "flagged" else 0)
                        self.reply(number, 0, len(piece) + 2, bytes([2, flags]) + piece)
        except OSError:
            pass
