"""FORMAT.md, 1: hashes, ciphers, transcripts, and reading of packed bytes."""

from dataclasses import dataclass

import nacl.bindings
import nacl.exceptions
import nacl.public
import zstandard
from blake3 import blake3
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class Corrupt(Exception):
    """Stored bytes that cannot be believed."""


class Unsupported(Exception):
    """Made by a newer program."""


def digest(data):
    return blake3(data).digest()


def keyed_hash(key, data):
    return blake3(data, key=key).digest()


def hkdf(key, salt, info):
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=salt, info=info).derive(key)


def u64(value):
    return value.to_bytes(8, "little")


def transcript(*parts):
    """Text and bytes with their length before them, numbers bare."""
    out = b""
    for part in parts:
        if isinstance(part, int):
            out += u64(part)
            continue
        raw = part.encode() if isinstance(part, str) else part
        out += u64(len(raw)) + raw
    return out


def _crc_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_CRC = _crc_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc >> 8) ^ _CRC[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def synthetic_nonce(key, aad, plaintext):
    return keyed_hash(key, u64(len(aad)) + aad + plaintext)[:12]


def open_aead(cipher, key, nonce, aad, sealed):
    if cipher not in (1, 2):
        raise Corrupt("unknown cipher")
    try:
        return {1: AESGCM, 2: ChaCha20Poly1305}[cipher](key).decrypt(nonce, sealed, aad)
    except InvalidTag:
        raise Corrupt("does not authenticate") from None


def verify_signature(key, text, signature):
    try:
        nacl.bindings.crypto_sign_open(signature + text, key)
        return True
    except (nacl.exceptions.BadSignatureError, nacl.exceptions.ValueError, ValueError):
        return False


def open_box(secret, box):
    """A sealed box, or None if it is not for this key."""
    try:
        return nacl.public.SealedBox(nacl.public.PrivateKey(secret)).decrypt(box)
    except (nacl.exceptions.CryptoError, nacl.exceptions.ValueError):
        return None


def decode(codec, data, length):
    """The content of `data` in a codec; it must have `length` bytes."""
    if codec == 0:
        raw = data
    elif codec == 1:
        parameters = zstandard.get_frame_parameters(data)
        if parameters.content_size != length or parameters.dict_id != 0:
            raise Corrupt("zstd frame does not state the right length")
        try:
            decoder = zstandard.ZstdDecompressor(max_window_size=1 << 31).decompressobj()
            raw = decoder.decompress(data)
        except zstandard.ZstdError as error:
            raise Corrupt(f"zstd frame: {error}") from None
        if not decoder.eof or decoder.unused_data:
            raise Corrupt("not exactly one zstd frame")
    else:
        raise Corrupt("unknown codec")
    if len(raw) != length:
        raise Corrupt("content has another length than stated")
    return raw


class Reader:
    """Bounds-checked reading; Corrupt past the end."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, count):
        if count > len(self.data) - self.at:
            raise Corrupt("cut short")
        self.at += count
        return self.data[self.at - count : self.at]

    def u8(self):
        return self.take(1)[0]

    def u32(self):
        return int.from_bytes(self.take(4), "little")

    def u64(self):
        return int.from_bytes(self.take(8), "little")

    def varint(self):
        value = 0
        for i in range(10):
            byte = self.u8()
            value |= (byte & 0x7F) << (7 * i)
            if byte < 0x80:
                if (i > 0 and byte == 0) or value >> 64:
                    break
                return value
        raise Corrupt("a varint is not in its shortest form")

    def svarint(self):
        coded = self.varint()
        return (coded >> 1) ^ -(coded & 1)

    def sized(self):
        return self.take(self.varint())

    def column(self):
        return Reader(self.sized())

    def done(self):
        if self.at != len(self.data):
            raise Corrupt("has bytes left over")


@dataclass(frozen=True, order=True)
class Session:
    writer: int
    number: int

    def __str__(self):
        return f"{self.writer:x}-{self.number:x}"

    def path(self):
        return f"{self.writer:08x}/{self.number:016x}"


@dataclass(frozen=True, order=True)
class BirthPack:
    session: Session
    pack: bytes


@dataclass(frozen=True, order=True)
class Address:
    """A block's name for life."""

    pack: BirthPack
    slot: int


def read_birth_pack(reader):
    writer, number = reader.varint(), reader.varint()
    return BirthPack(Session(writer, number), reader.take(16))


def read_address(data):
    reader = Reader(data)
    address = Address(read_birth_pack(reader), reader.varint())
    reader.done()
    return address
