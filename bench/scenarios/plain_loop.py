#!/usr/bin/env python3
"""What a plain parallel PUT or GET loop over the same server takes: the limit for the rows over S3.

    plain_loop.py put|get PORT BUCKET PREFIX BYTES OBJECT_BYTES STREAMS

Puts (or gets again) BYTES in objects of OBJECT_BYTES, STREAMS at a time, each on one kept connection, and
prints the seconds it took. The cheapest requests there are: payloads are not signed, contents (zeros) are
not looked at, and a CRC32C goes with each object, since a server adds a checksum of its own, and a dearer
one, where there is none. Credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
"""

import base64
import hashlib
import hmac
import os
import socket
import sys
import threading
import time

REGION = "us-east-1"
PIECE = 1 << 20


def crc32c_of_zeros(count: int) -> str:
    """As x-amz-checksum-crc32c has it: the state runs through `count` zero bytes, by squaring the matrix of
    what one of them does."""
    def times(matrix: list[int], state: int) -> int:
        result = 0
        for bit, column in enumerate(matrix):
            if state >> bit & 1:
                result ^= column
        return result

    def squared(matrix: list[int]) -> list[int]:
        return [times(matrix, column) for column in matrix]

    matrix = [0x82F63B78] + [1 << bit for bit in range(31)]  # one zero bit
    for _ in range(3):
        matrix = squared(matrix)
    state = 0xFFFFFFFF
    while count:
        if count & 1:
            state = times(matrix, state)
        matrix, count = squared(matrix), count >> 1
    return base64.b64encode((state ^ 0xFFFFFFFF).to_bytes(4, "big")).decode()


def signed(method: str, host: str, path: str, checksum: str) -> dict[str, str]:
    """The headers of a request whose payload is not signed."""
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    scope = f"{now[:8]}/{REGION}/s3/aws4_request"
    headers = {"host": host, **({"x-amz-checksum-crc32c": checksum} if checksum else {}),
               "x-amz-content-sha256": "UNSIGNED-PAYLOAD", "x-amz-date": now}
    names = ";".join(headers)
    canonical = "\n".join([method, path, "", *(f"{name}:{value}" for name, value in headers.items()), "", names,
                           "UNSIGNED-PAYLOAD"])
    to_sign = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = b"AWS4" + os.environ["AWS_SECRET_ACCESS_KEY"].encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    headers["authorization"] = (f"AWS4-HMAC-SHA256 Credential={os.environ['AWS_ACCESS_KEY_ID']}/{scope}, "
                                f"SignedHeaders={names}, "
                                f"Signature={hmac.new(key, to_sign.encode(), 'sha256').hexdigest()}")
    return headers


class Stream:
    """One kept connection."""

    def __init__(self, port: int) -> None:
        self.host = f"127.0.0.1:{port}"
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray(PIECE)

    def send(self, method: str, path: str, body: memoryview, checksum: str = "") -> None:
        headers = signed(method, self.host, path, checksum) | {"content-length": str(len(body))}
        head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.socket.sendall(head.encode() + b"\r\n")
        if body:
            self.socket.sendall(body)

    def receive(self) -> int:
        """Reads one answer; the bytes of its body."""
        received = b""
        while b"\r\n\r\n" not in received:
            piece = self.socket.recv(PIECE)
            if not piece:
                raise ConnectionError("the server closed the connection")
            received += piece
        head, _, rest = received.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        if lines[0].split()[1] != "200":
            raise ConnectionError(f"{lines[0]}: {rest[:500]!r}")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:])
        left = length = int(headers["content-length"])
        left -= len(rest)
        while left > 0:
            count = self.socket.recv_into(self.buffer, min(PIECE, left))
            if count == 0:
                raise ConnectionError("the server closed the connection")
            left -= count
        return length


def main() -> int:
    what, port, bucket, prefix = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
    total, each, streams = (int(word) for word in sys.argv[5:8])
    sizes = [each] * (total // each) + ([total % each] if total % each else [])
    content = memoryview(bytes(each)) if what == "put" else memoryview(b"")
    checksums = {size: crc32c_of_zeros(size) for size in set(sizes)}
    work, lock, failures = list(enumerate(sizes)), threading.Lock(), []

    def run() -> None:
        try:
            stream = Stream(port)
            while True:
                with lock:
                    if not work or failures:
                        return
                    number, size = work.pop()
                path = f"/{bucket}/{prefix}/{number:05d}"
                if what == "put":
                    stream.send("PUT", path, content[:size], checksums[size])
                    stream.receive()
                else:
                    stream.send("GET", path, content)
                    if stream.receive() != size:
                        raise ConnectionError(f"{path} has another size")
        except (OSError, ValueError, LookupError) as failure:
            failures.append(failure)

    begun = time.monotonic()
    threads = [threading.Thread(target=run) for _ in range(streams)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - begun
    if failures:
        print(f"plain loop: {failures[0]}", file=sys.stderr)
        return 1
    print(f"{seconds:.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
