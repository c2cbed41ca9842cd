"""FORMAT.md, 10, 11 and 21: where blocks lie, and opening them."""

import os
from collections import OrderedDict
from dataclasses import dataclass

from . import keys
from .primitives import (Address, BirthPack, Corrupt, Reader, Session, decode, digest, keyed_hash, open_aead,
                         transcript, u64)
from .records import INDEX, INDEX_KEY, MANIFEST, open_record, parse
from .schema import messages

BLOCK_HEADER = 104
MAX_RAW = 1 << 20
CACHED_BLOCKS = 64


@dataclass
class Slot:
    offset: int
    sealed: int
    raw: int
    birth: Address
    leaves: list | None  # (id, length); None: not known


@dataclass
class Pack:
    name: str
    kind: int
    slots: list
    box: bytes  # the session's sealed secret, from the header
    commitment: bytes  # from the manifest; b"" if it is lost


def read_slots(data, own, births):
    reader, slots, end = Reader(data), [], 0
    counts = []
    for i in range(reader.varint()):
        offset = end + reader.varint()
        sealed, raw, leaves, birth = (reader.varint() for _ in range(4))
        address = Address(births[birth - 1], reader.varint()) if 0 < birth <= len(births) else Address(own, i)
        if birth > len(births) or sealed > MAX_RAW + 16 or raw > MAX_RAW:
            raise Corrupt("damaged slot table")
        slots.append(Slot(offset, sealed, raw, address, None))
        counts.append(leaves)
        end = offset + BLOCK_HEADER + sealed
    reader.done()
    return slots, counts


def read_leaves(data):
    reader = Reader(data)
    count = reader.varint()
    ids = [reader.take(32) for _ in range(count)]
    leaves = [(leaf, reader.varint()) for leaf in ids]
    reader.done()
    return leaves


def birth_of(message):
    return BirthPack(Session(message.writer, message.session), message.pack)


def pack_of_name(name):
    parts = name.split("/")
    writer, number, pack = parts[4].split("-")
    return BirthPack(Session(int(writer, 16), int(number, 16)), bytes.fromhex(pack))


class Blocks:
    """Reads blocks by birth address. `repository` gives ids, keys, certificates and session secrets."""

    def __init__(self, repository):
        self.repository = repository
        self.names = {}
        for name in repository.list("packs"):
            try:
                self.names[pack_of_name(name)] = name
            except (IndexError, ValueError):
                repository.problem(name, "is not the name of a pack")
        self.packs, self.indexes, self.keys, self.cache = {}, {}, {}, OrderedDict()
        self.copies = None

    def index(self, session):
        """pack id -> PackTable of a session's index; {} if it is not there or cannot be believed."""
        if session not in self.indexes:
            self.indexes[session] = self._load_index(session)
        return self.indexes[session]

    def _load_index(self, session):
        name, repository = f"index/{session.path()}", self.repository
        data = repository.load(name)
        if data is None:
            return {}
        try:
            record = open_record(data, name, INDEX, INDEX_KEY, repository.id, repository.index_key)
            repository.check_signer(record, session.writer)
            bound = repository.index_digest(session)
            if bound and bound != digest(data):
                raise Corrupt("is not the index its point names")
            body = Reader(record.body)
            codec, length = body.u8(), body.u64()
            index = parse(messages.Index, decode(codec, record.body[9:], length))
            if (index.writer, index.number) != (session.writer, session.number):
                raise Corrupt("is another session's")
            repository.note_box(session, index.sealed_secret, name)
            return {table.id: table for table in index.packs}
        except Corrupt as error:
            repository.problem(name, error)
            return {}

    def pack(self, birth):
        if birth not in self.packs:
            self.packs[birth] = self._load_pack(birth)
        return self.packs[birth]

    def _load_pack(self, birth):
        name = self.names.get(birth)
        if name is None:
            return None
        with open(self.repository.path(name), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            kind, box, start = self._read_header(file, name, birth)
            table = self.index(birth.session).get(birth.pack)
            try:
                return self._from_manifest(file, name, birth, kind, box, size, table)
            except Corrupt as error:
                self.repository.problem(name, f"manifest: {error}; its blocks are found one by one")
                return Pack(name, kind, self._scan(file, start, size), box, b"")

    def _read_header(self, file, name, birth):
        reader = Reader(file.read(1 << 16))
        fixed = (reader.take(4), reader.u8(), reader.u8(), reader.take(2))
        writer, _, number, pack, repository, _, count = (reader.u32(), reader.u32(), reader.u64(), reader.take(16),
                                                         reader.take(16), reader.u32(), reader.u32())
        if fixed[0] != b"PPAK" or fixed[1] != 1 or fixed[2] not in (1, 2) or repository != self.repository.id or \
                BirthPack(Session(writer, number), pack) != birth or count > 1000:
            raise Corrupt(f"{name}: is another pack")
        box = b""
        for _ in range(count):
            session = Session(reader.u32(), reader.u64())
            sealed = reader.take(reader.u32())
            if session == birth.session:
                box = sealed
        return fixed[2], box, reader.at + 4

    def _from_manifest(self, file, name, birth, kind, box, size, table):
        file.seek(size - 24)
        footer = Reader(file.read(24))
        offset, length = footer.u64(), footer.u32()
        if footer.take(12)[8:] != b"PEND" or offset + length > size:
            raise Corrupt("no footer")
        file.seek(offset)
        framed = file.read(length)
        if table is not None and table.manifest_digest != digest(framed):
            raise Corrupt("is not the one its index names")
        record = open_record(framed, name, MANIFEST, INDEX_KEY, self.repository.id, self.repository.index_key)
        manifest = parse(messages.Manifest, record.body)
        if BirthPack(Session(manifest.writer, manifest.session), manifest.pack) != birth:
            raise Corrupt("is another pack's")
        slots, counts = read_slots(manifest.slots, birth, [birth_of(b.pack) for b in manifest.births])
        leaves, at = read_leaves(manifest.leaves), 0
        if sum(counts) != len(leaves):
            raise Corrupt("does not add up")
        for slot, count in zip(slots, counts):
            slot.leaves = leaves[at : at + count]
            at += count
        return Pack(name, kind, slots, box, manifest.key_commitment)

    def _scan(self, file, at, size):
        """Blocks one behind the other, without manifest or footer."""
        slots = []
        while at + BLOCK_HEADER <= size:
            file.seek(at)
            try:
                birth, header = read_block_header(file.read(BLOCK_HEADER))
            except Corrupt:
                break
            slots.append(Slot(at, header.sealed, header.raw, birth, None))
            at += BLOCK_HEADER + header.sealed
        return slots

    def places(self, address):
        """Where the block may lie: its birth pack first, then packs it was copied into."""
        pack = self.pack(address.pack)
        if pack is not None and address.slot < len(pack.slots) and pack.slots[address.slot].birth == address:
            yield pack, pack.slots[address.slot]
        if self.copies is None:
            self.copies = {}
            for birth in self.names:
                try:
                    for slot in self.pack(birth).slots:
                        if slot.birth.pack != birth:
                            self.copies.setdefault(slot.birth, []).append((self.pack(birth), slot))
                except Corrupt as error:
                    self.repository.problem(self.names[birth], error)
        yield from self.copies.get(address, [])

    def read(self, address):
        """The raw content of a block."""
        if address in self.cache:
            self.cache.move_to_end(address)
            return self.cache[address]
        failures = []
        try:
            for pack, slot in self.places(address):
                try:
                    raw = self._open(address, pack, slot)
                    self.cache[address] = raw
                    if len(self.cache) > CACHED_BLOCKS:
                        self.cache.popitem(last=False)
                    return raw
                except Corrupt as error:
                    failures.append(f"{pack.name}: {error}")
        except Corrupt as error:
            failures.append(str(error))
        raise Corrupt(f"block {address.pack.session}/{address.pack.pack.hex()}/{address.slot}: "
                      + ("; ".join(failures) or "is in no pack"))

    def _pack_key(self, birth):
        if birth not in self.keys:
            pack = self.packs.get(birth)
            secret, proven = self.repository.session_secret(birth.session, pack.box if pack else b"")
            commitment = keys.pack_key(self.repository.id, secret, birth, "commitment")
            if pack and pack.commitment and pack.commitment != commitment:
                raise Corrupt("the key is not the one the manifest commits to")
            if not proven and not (pack and pack.commitment):
                raise Corrupt("nothing proves the sealed secret in the pack's header")
            self.keys[birth] = keys.pack_key(self.repository.id, secret, birth, "seal")
        return self.keys[birth]

    def _open(self, address, pack, slot):
        with open(self.repository.path(pack.name), "rb") as file:
            file.seek(slot.offset)
            block = file.read(BLOCK_HEADER + slot.sealed)
        birth, header = read_block_header(block)
        if birth != address or header.sealed != slot.sealed or len(block) != BLOCK_HEADER + slot.sealed:
            raise Corrupt("another block lies there")
        aad = transcript("perdure block v1", self.repository.id, block[:88])
        payload = open_aead(header.cipher, self._pack_key(address.pack), header.nonce, aad, block[BLOCK_HEADER:])
        raw = decode(header.codec, payload, header.raw)
        if slot.leaves is not None:
            self._check_leaves(raw, pack.kind, slot.leaves, header)
        return raw

    def _check_leaves(self, raw, kind, leaves, header):
        repository = self.repository
        secret = repository.dedup_secret(header.domain, header.generation)
        key = keys.dedup_key(repository.id, secret, "leaf" if kind == 1 else "page")
        at, table = 0, b""
        for leaf, length in leaves:
            if keyed_hash(key, raw[at : at + length]) != leaf:
                raise Corrupt("a leaf is not what the manifest says")
            at += length
            table += leaf + u64(length)
        table_key = keys.leaf_table_key(repository.id, repository.index_key(header.domain, header.generation))
        if at != len(raw) or keyed_hash(table_key, table) != header.leaf_table:
            raise Corrupt("the leaves do not make up the block")


@dataclass
class BlockHeader:
    cipher: int
    codec: int
    domain: int
    generation: int
    raw: int
    sealed: int
    leaf_table: bytes
    nonce: bytes


def read_block_header(data):
    reader = Reader(data)
    if reader.take(4) != b"PBLK" or reader.u8() != 1:
        raise Corrupt("no block")
    cipher, codec, zero = reader.u8(), reader.u8(), reader.u8()
    writer, slot, session, pack = reader.u32(), reader.u32(), reader.u64(), reader.take(16)
    header = BlockHeader(cipher, codec, reader.u32(), reader.u32(), reader.u32(), reader.u32(), reader.take(32),
                         reader.take(12))
    if zero != 0 or header.raw > MAX_RAW or not 16 <= header.sealed <= MAX_RAW + 16:
        raise Corrupt("impossible block header")
    return Address(BirthPack(Session(writer, session), pack), slot), header
