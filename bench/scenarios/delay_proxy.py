#!/usr/bin/env python3
"""A TCP proxy that puts latency in front of a server on this machine, for the rows over S3.

    delay_proxy.py LISTEN_PORT SERVER_PORT MILLISECONDS

The first byte of every answer is held back by that long, and so is the first byte that goes to the
server on a new connection, for its handshake. An answer begins where bytes come from the server after
bytes went to it: HTTP/1.1 without pipelining, which is what all the tools speak. Nothing else is held
back, and no byte passes through this program's memory: bytes are moved between the sockets by splice(2),
one thread a direction, so that it carries more than the server gives.
"""

import fcntl
import os
import socket
import sys
import threading
import time

PIPE_BYTES = 1 << 20  # what one splice can carry


def pipe() -> tuple[int, int]:
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    return reading, writing


class Turn:
    """Whose turn it is on one connection."""

    def __init__(self) -> None:
        self.asked = False  # bytes went to the server since it last answered


def move(source: socket.socket, target: socket.socket, before) -> None:
    """All bytes of one direction; `before` runs ahead of each piece that goes out."""
    reading, writing = pipe()
    try:
        while count := os.splice(source.fileno(), writing, PIPE_BYTES):
            before()
            while count:
                count -= os.splice(reading, target.fileno(), count)
    except OSError:
        pass  # one side went away: the other is told below
    finally:
        for end in (reading, writing):
            os.close(end)
        for side, how in ((target, socket.SHUT_WR), (source, socket.SHUT_RD)):
            try:
                side.shutdown(how)
            except OSError:
                pass


def serve(client: socket.socket, server_port: int, delay: float) -> None:
    turn, opened = Turn(), time.monotonic()
    with client, socket.create_connection(("127.0.0.1", server_port)) as server:
        for side in (client, server):
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def to_server() -> None:
            wait = opened + delay - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            turn.asked = True

        def to_client() -> None:
            if turn.asked:
                turn.asked = False
                time.sleep(delay)

        sending = threading.Thread(target=move, args=(client, server, to_server), daemon=True)
        sending.start()
        move(server, client, to_client)
        sending.join()


def main() -> None:
    listen_port, server_port, delay = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]) / 1000
    threading.stack_size(256 << 10)
    with socket.create_server(("127.0.0.1", listen_port), backlog=256) as listening:
        while True:
            client, _ = listening.accept()
            threading.Thread(target=serve, args=(client, server_port, delay), daemon=True).start()


if __name__ == "__main__":
    main()
