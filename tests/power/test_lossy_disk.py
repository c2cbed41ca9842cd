"""The disk that loses power, driven by an NBD client of its own: the proof of the other test's tool."""

import os
import pathlib
import random
import socket
import struct
import tempfile
import unittest

from lossy_disk import (ANSWER_MAGIC, DISCONNECT, FLAG_FUA, FLUSH, OPTION_GO, READ, REQUEST_MAGIC,
                        SECTOR, WRITE, DiskServer, LossyDisk, take_bytes)

SIZE = 1 << 20
OLD, NEW, NEWER = b"o" * 4096, b"n" * 4096, b"N" * 4096


class Client:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.stream = self.socket.makefile("rwb")
        take_bytes(self.stream, 18)
        self.send(struct.pack(">I", 3), b"IHAVEOPT", struct.pack(">II", 8, 0))  # structured replies
        self.refused = struct.unpack(">QIII", take_bytes(self.stream, 20))[2] >> 31
        self.send(b"IHAVEOPT", struct.pack(">IIIH", OPTION_GO, 6, 0, 0))
        self.size = None
        while True:
            _, _, kind, length = struct.unpack(">QIII", take_bytes(self.stream, 20))
            data = take_bytes(self.stream, length)
            if kind == 1:
                break
            if struct.unpack(">H", data[:2])[0] == 0:
                self.size = struct.unpack(">Q", data[2:10])[0]

    def send(self, *parts):
        self.stream.write(b"".join(parts))
        self.stream.flush()

    def ask(self, kind, offset=0, data=b"", length=None, flags=0):
        length = len(data) if length is None else length
        self.send(struct.pack(">IHHQQI", REQUEST_MAGIC, flags, kind, 77, offset, length), data)
        if kind == DISCONNECT:
            return None
        magic, error, handle = struct.unpack(">IIQ", take_bytes(self.stream, 16))
        assert (magic, error, handle) == (ANSWER_MAGIC, 0, 77)
        return take_bytes(self.stream, length) if kind == READ else None

    def close(self):
        self.stream.close()
        self.socket.close()


class LossyDiskTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.image = pathlib.Path(folder.name) / "image"
        self.image.write_bytes(OLD * (SIZE // len(OLD)))
        self.socket = pathlib.Path(folder.name) / "socket"

    def start(self, **options):
        self.disk = LossyDisk(self.image, **options)
        self.server = DiskServer(self.disk, self.socket)
        self.client = Client(self.socket)
        self.addCleanup(self.stop)

    def stop(self):
        self.server.cut_power()
        self.client.close()
        self.server.close()

    def after_the_cut(self, share=0, seed=1):
        self.stop()
        self.lost = self.disk.lose_power(random.Random(seed), share)
        return self.image.read_bytes()

    def test_what_was_written_is_read_before_and_after_a_flush(self):
        self.start()
        self.assertEqual((self.client.size, self.client.refused), (SIZE, 1))
        self.client.ask(WRITE, 4096, NEW)
        both = self.client.ask(READ, 2048, length=4096)
        self.assertEqual(both, OLD[:2048] + NEW[:2048])
        self.client.ask(FLUSH)
        self.assertEqual(self.client.ask(READ, 2048, length=4096), both)

    def test_what_was_flushed_outlives_the_cut_and_nothing_else_must(self):
        self.start()
        self.client.ask(WRITE, 0, NEW)
        self.client.ask(FLUSH)
        self.client.ask(WRITE, 0, NEWER)
        self.client.ask(WRITE, 4096, NEW)
        self.assertEqual(self.after_the_cut()[:8192], NEW + OLD)
        self.assertGreaterEqual(self.lost, 2)

    def test_a_write_with_fua_stays_over_an_older_one_that_a_flush_brings(self):
        self.start()
        self.client.ask(WRITE, 0, NEW)
        self.client.ask(WRITE, 0, NEWER, flags=FLAG_FUA)
        self.assertEqual(self.after_the_cut(share=1)[:4096], NEWER)

    def test_a_write_with_fua_needs_no_flush(self):
        self.start()
        self.client.ask(WRITE, 0, NEW, flags=FLAG_FUA)
        self.assertEqual(self.after_the_cut()[:4096], NEW)

    def test_writes_are_lost_in_any_order_and_by_the_sector(self):
        seen, torn = set(), False
        for seed in range(60):
            self.start()
            self.client.ask(WRITE, 0, NEW)
            self.client.ask(WRITE, 4096, NEW)
            left = self.after_the_cut(share=0.5, seed=seed)[:8192]
            seen.add((left[:4096] == NEW, left[4096:] == NEW))
            torn = torn or len({left[at:at + 1] for at in range(0, 4096, SECTOR)}) == 2
            self.image.write_bytes(OLD * (SIZE // len(OLD)))
            os.unlink(self.socket)
        self.assertEqual(len(seen), 4)
        self.assertTrue(torn)

    def test_the_power_goes_at_the_change_that_was_named(self):
        self.start()
        self.server.cut_power_at_change(2)
        self.client.ask(WRITE, 0, NEW)
        self.client.socket.settimeout(0.2)
        with self.assertRaises(OSError):
            self.client.ask(FLUSH)
        self.assertTrue(self.server.power_is_off.is_set())
        self.assertEqual(self.after_the_cut()[:4096], NEW)

    def test_one_that_ignores_flushes_loses_what_was_flushed(self):
        self.start(ignores_flushes=True)
        self.client.ask(WRITE, 0, NEW, flags=FLAG_FUA)
        self.client.ask(FLUSH)
        self.assertEqual(self.client.ask(READ, 0, length=4096), NEW)
        self.assertEqual(self.after_the_cut()[:4096], OLD)


if __name__ == "__main__":
    unittest.main()
