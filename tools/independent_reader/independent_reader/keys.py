"""FORMAT.md, 6 and 7: the recovery key, key slots, and what grows from a seed."""

import base64
from dataclasses import dataclass

import nacl.bindings
import nacl.pwhash

from .primitives import Corrupt, crc32c, hkdf, open_aead, open_box, transcript

PREFIX = "perdure-1-"


class WrongKey(Exception):
    """The password or recovery key does not fit."""


@dataclass
class OwnerKeys:
    seed: bytes
    opening: bytes
    sealing_key: bytes
    verify_key: bytes


def owner_keys(repository, seed):
    opening = hkdf(seed, repository, transcript("perdure owner open v1"))
    signing = hkdf(seed, repository, transcript("perdure owner sign v1"))
    return OwnerKeys(seed, opening, nacl.bindings.crypto_scalarmult_base(opening),
                     nacl.bindings.crypto_sign_seed_keypair(signing)[0])


def index_key(repository, seed, domain, generation):
    return hkdf(seed, repository, transcript("perdure domain v1", "index", domain, generation))


def dedup_secret(repository, seed, domain, generation):
    return hkdf(seed, repository, transcript("perdure domain v1", "dedup", domain, generation))


def dedup_key(repository, secret, purpose):
    return hkdf(secret, repository, transcript("perdure dedup v1", purpose))


def leaf_table_key(repository, index):
    return hkdf(index, repository, transcript("perdure block leaves v1"))


def pack_key(repository, secret, pack, purpose):
    return hkdf(secret, repository,
                transcript("perdure pack v1", purpose, pack.session.writer, pack.session.number, pack.pack))


def unwrap_slot(repository, slot, passphrase):
    """The seed, or None if the slot takes another passphrase."""
    if not (slot.argon2_passes <= 64 and slot.argon2_memory_kib <= 4 << 20):
        raise Corrupt("a key slot asks for too much")
    root = nacl.pwhash.argon2id.kdf(32, passphrase, slot.salt, slot.argon2_passes, slot.argon2_memory_kib * 1024)
    wrap, commitment = (hkdf(root, repository, transcript("perdure slot v1", p)) for p in ("wrap", "commitment"))
    if commitment != slot.commitment:
        return None
    aad = transcript("perdure slot aad v1", repository, slot.id, slot.seed_epoch)
    return open_aead(slot.cipher, wrap, slot.nonce, aad, slot.wrapped_seed)


def looks_like_recovery_key(text):
    return text.strip().lower().startswith(PREFIX)


def seed_of_recovery_key(text):
    letters = "".join(text.strip().lower()[len(PREFIX) :].replace("-", "").split())
    try:
        raw = base64.b32decode(letters.upper())
    except ValueError:
        raise WrongKey("the recovery key is mistyped") from None
    if len(raw) != 35 or crc32c(PREFIX.encode() + raw[:32]).to_bytes(4, "little")[:3] != raw[32:]:
        raise WrongKey("the recovery key is mistyped")
    return raw[:32]


def open_session_secret(repository, owners, session, box):
    for owner in owners:
        inside = open_box(owner.opening, box)
        if inside is None:
            continue
        place = repository + session.writer.to_bytes(4, "little") + session.number.to_bytes(8, "little")
        if len(inside) != 68 or inside[:32] != b"PSS1" + place:
            raise Corrupt(f"the sealed secret of session {session} belongs elsewhere")
        return inside[36:]
    raise Corrupt(f"the sealed secret of session {session} does not open")
