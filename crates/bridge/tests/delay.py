"""Passes a TCP connection on, each byte later: delay.py LISTEN CONNECT SECONDS (one way)."""
import socket, sys, threading, time
from collections import deque


def address(text):
    host, port = text.rsplit(":", 1)
    return host, int(port)


def carry(source, target, delay):
    """What has come waits its time; as much of it as a link of that length would hold is read ahead."""
    waiting, more = deque(), threading.Condition()

    def write():
        while True:
            with more:
                while not waiting:
                    more.wait()
                due, data = waiting[0]
            time.sleep(max(0.0, due - time.monotonic()))
            with more:
                waiting.popleft()
            try:
                if not data:
                    target.shutdown(socket.SHUT_WR)
                    return
                target.sendall(data)
            except OSError:
                source.close()
                return

    threading.Thread(target=write, daemon=True).start()
    while True:
        try:
            data = source.recv(1 << 16)
        except OSError:
            data = b""
        with more:
            waiting.append((time.monotonic() + delay, data))
            more.notify()
        if not data:
            return


listen, connect, delay = address(sys.argv[1]), address(sys.argv[2]), float(sys.argv[3])
server = socket.create_server(listen)
while True:
    near, _ = server.accept()
    try:
        far = socket.create_connection(connect)
    except OSError:
        near.close()
        continue
    for one, other in ((near, far), (far, near)):
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=carry, args=(one, other, delay), daemon=True).start()
