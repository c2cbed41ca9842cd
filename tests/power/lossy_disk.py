"""A disk with a volatile write cache, served over NBD, whose power can be cut.

What was flushed, or written with FUA, stays. Of the other writes any may be lost, in whole or by the
sector, whatever came after them: a drive may empty its cache in any order. QEMU's own cache modes
cannot show this, as the page cache of the host outlives a killed QEMU.
"""

import contextlib
import os
import socket
import struct
import threading
from typing import NamedTuple

SECTOR = 512

# The NBD protocol, as far as QEMU and the test of this file speak it: fixed newstyle, one export.
INIT_MAGIC, OPTION_MAGIC, REPLY_MAGIC = b"NBDMAGIC", b"IHAVEOPT", 0x0003E889045565A9
REQUEST_MAGIC, ANSWER_MAGIC = 0x25609513, 0x67446698
FIXED_NEWSTYLE, NO_ZEROES = 1, 2
OPTION_ABORT, OPTION_INFO, OPTION_GO = 2, 6, 7
REPLY_ACK, REPLY_INFO, REPLY_UNSUPPORTED = 1, 3, (1 << 31) + 1
INFO_EXPORT, INFO_BLOCK_SIZE = 0, 3
READ, WRITE, DISCONNECT, FLUSH = 0, 1, 2, 3
FLAG_FUA = 1
HAS_FLAGS, SEND_FLUSH, SEND_FUA = 1, 4, 8
LARGEST = 32 << 20


class Write(NamedTuple):
    offset: int
    data: bytes
    lasting: bool  # with FUA: on the disk although no flush came

    def sectors(self):
        for at in range(0, len(self.data), SECTOR):
            yield Write(self.offset + at, self.data[at:at + SECTOR], self.lasting)


class LossyDisk:
    """An image file that holds what is durable, and the writes that are not."""

    def __init__(self, image, ignores_flushes=False):
        self.file = os.open(image, os.O_RDWR)
        self.size = os.fstat(self.file).st_size
        self.ignores_flushes = ignores_flushes
        self.unflushed = []  # in the order of their arrival
        self.newest = {}  # offset of a sector -> what unflushed writes made of it

    def read(self, offset, length):
        data = bytearray(os.pread(self.file, length, offset))
        if self.newest:
            for at in range(offset, offset + length, SECTOR):
                if at in self.newest:
                    data[at - offset:at - offset + SECTOR] = self.newest[at]
        return bytes(data)

    def write(self, offset, data, lasting=False):
        write = Write(offset, data, lasting and not self.ignores_flushes)
        self.unflushed.append(write)
        for sector in write.sectors():
            self.newest[sector.offset] = sector.data

    def flush(self):
        if self.ignores_flushes:
            return
        for write in self.unflushed:
            os.pwrite(self.file, write.data, write.offset)
        self.forget()

    def forget(self):
        self.unflushed, self.newest = [], {}

    def lose_power(self, random, share=None):
        """Keeps about `share` of what was not flushed, drawn if not given. How many parts are lost."""
        if share is None:
            share = random.choice([0, 0, 0.1, 0.5, 0.9, 1])
        torn = random.random() < 0.5
        lost = 0
        for write in self.unflushed:
            for part in write.sectors() if torn else [write]:
                if part.lasting or random.random() < share:
                    os.pwrite(self.file, part.data, part.offset)
                else:
                    lost += 1
        self.forget()
        os.close(self.file)
        return lost


class PowerIsOff(Exception):
    pass


class DiskServer:
    """Serves a LossyDisk to one client at a unix socket until the power is cut.

    The cut is a moment between two requests: nothing is taken or answered after it.
    """

    def __init__(self, disk, path):
        self.disk = disk
        self.lock = threading.Lock()
        self.power_is_off = threading.Event()
        self.changes = 0  # writes and flushes so far
        self.last_change = None  # the one at which the power goes
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(1)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def cut_power(self):
        with self.lock:
            self.power_is_off.set()

    def cut_power_at_change(self, number):
        """That one arrives, and its answer never leaves."""
        with self.lock:
            self.last_change = number

    def close(self):
        """When the client is gone."""
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()

    def serve(self):
        try:
            connection, _ = self.listener.accept()
        except OSError:
            return
        with connection, connection.makefile("rwb") as stream:
            try:
                if self.negotiate(stream):
                    while self.answer_request(stream):
                        pass
            except (OSError, EOFError, PowerIsOff):
                pass
            # Until it is gone: one that saw the line go down could report that as an error of the disk.
            with contextlib.suppress(OSError):
                while stream.read1():
                    pass

    # ------------------------------------------------------------------------------ protocol

    @staticmethod
    def take(stream, layout):
        size = struct.calcsize(layout)
        return struct.unpack(layout, take_bytes(stream, size))

    @staticmethod
    def send(stream, *parts):
        stream.write(b"".join(parts))
        stream.flush()

    def negotiate(self, stream):
        """True when the client goes on to reading and writing."""
        self.send(stream, INIT_MAGIC, OPTION_MAGIC, struct.pack(">H", FIXED_NEWSTYLE | NO_ZEROES))
        self.take(stream, ">I")
        while True:
            _, option, length = self.take(stream, ">8sII")
            take_bytes(stream, length)
            if option in (OPTION_GO, OPTION_INFO):
                flags = HAS_FLAGS | SEND_FLUSH | SEND_FUA
                export = struct.pack(">HQH", INFO_EXPORT, self.disk.size, flags)
                sizes = struct.pack(">HIII", INFO_BLOCK_SIZE, SECTOR, 4096, LARGEST)
                self.send(stream, *(self.reply(option, kind, data) for kind, data in (
                    (REPLY_INFO, export), (REPLY_INFO, sizes), (REPLY_ACK, b""))))
                if option == OPTION_GO:
                    return True
            elif option == OPTION_ABORT:
                self.send(stream, self.reply(option, REPLY_ACK))
                return False
            else:
                self.send(stream, self.reply(option, REPLY_UNSUPPORTED))

    @staticmethod
    def reply(option, kind, data=b""):
        return struct.pack(">QIII", REPLY_MAGIC, option, kind, len(data)) + data

    def answer_request(self, stream):
        magic, flags, kind, handle, offset, length = self.take(stream, ">IHHQQI")
        if magic != REQUEST_MAGIC:
            raise EOFError("not a request")
        if kind == DISCONNECT:
            return False
        data = take_bytes(stream, length) if kind == WRITE else b""
        with self.lock:
            if self.power_is_off.is_set():
                raise PowerIsOff
            answer = self.do(kind, flags, offset, length, data)
            if self.changes == self.last_change:
                self.power_is_off.set()
                raise PowerIsOff
        self.send(stream, struct.pack(">IIQ", ANSWER_MAGIC, 0, handle), answer)
        return True

    def do(self, kind, flags, offset, length, data):
        if kind == READ:
            return self.disk.read(offset, length)
        self.changes += 1
        if kind == WRITE:
            self.disk.write(offset, data, lasting=bool(flags & FLAG_FUA))
        elif kind == FLUSH:
            self.disk.flush()
        else:
            raise EOFError(f"request {kind} was not offered")
        return b""


def take_bytes(stream, length):
    data = stream.read(length)
    if len(data) != length:
        raise EOFError
    return data
