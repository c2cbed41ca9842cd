"""FORMAT.md, 3: framed records, sealed and signed."""

from dataclasses import dataclass

from google.protobuf.message import DecodeError

from .primitives import Corrupt, Reader, Unsupported, crc32c, digest, hkdf, open_aead, transcript, verify_signature
from .schema import messages

CONFIG, EPOCH, KEY_SLOT, ENROLMENT, LOG_ENTRY, POINT, POINT_BODY, INDEX = range(1, 9)
MANIFEST, FATE, IMPORT = 11, 16, 19
CLEAR, INDEX_KEY, SESSION = range(3)
OWNER, WRITER, MAINTAINER, VERIFIER = range(1, 5)

HEADER, TRAILER = 36, 4


@dataclass
class Record:
    """An opened record and where it lay."""

    body: bytes
    role: int
    signer: int
    epoch: int
    signature: bytes
    previous_owner_signature: bytes
    name: str
    type: int
    size: int  # of the frame

    def signed_text(self, repository):
        return transcript("perdure signature v1", repository, self.type, self.name, self.role, self.signer, self.epoch,
                          digest(self.body))

    def signed_by(self, repository, key):
        return self.role != 0 and verify_signature(key, self.signed_text(repository), self.signature)


def parse(message, data):
    try:
        return message.FromString(data)
    except DecodeError:
        raise Corrupt(f"not a {message.DESCRIPTOR.name} message") from None


def open_record(data, name, kind, sealing, repository=b"", key_of=None, alone=True):
    """`key_of(domain, generation)` gives the base key of a sealed record."""
    reader = Reader(data)
    if reader.take(4) != b"PRDR":
        raise Corrupt("not a record")
    if (version := reader.u8()) != 1:
        raise Unsupported(f"{name}: format version {version}")
    found_kind, found_sealing, cipher = reader.u8(), reader.u8(), reader.u8()
    domain, generation, length = reader.u32(), reader.u32(), reader.u64()
    nonce = reader.take(12)
    payload = reader.take(length)
    if reader.u32() != crc32c(data[: HEADER + length]):
        raise Corrupt("fails its checksum")
    if alone:
        reader.done()
    if (found_kind, found_sealing) != (kind, sealing):
        raise Corrupt("is a record of another type or sealing")
    if sealing != CLEAR:
        info = transcript("perdure record v1", "seal", kind, name)
        aad = transcript("perdure aad v1", repository, kind, name, 1, data[:24])
        payload = open_aead(cipher, hkdf(key_of(domain, generation), repository, info), nonce, aad, payload)
    signed = parse(messages.SignedRecord, payload)
    return Record(signed.body, signed.role, signed.signer, signed.epoch, signed.signature,
                  signed.previous_owner_signature, name, kind, HEADER + length + TRAILER)
