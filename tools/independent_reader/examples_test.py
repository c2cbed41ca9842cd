"""examples_test.py FILE [FORMAT.md]: the worked examples of FORMAT.md, 22, against this reader, and the text against FILE."""

import json
import re
import sys
import unittest

from independent_reader import keys, packs, pages
from independent_reader.primitives import (Address, BirthPack, Corrupt, Reader, Session, digest, keyed_hash, open_aead,
                                           read_address, synthetic_nonce, transcript, u64)
from independent_reader.records import FATE, INDEX_KEY, MANIFEST, open_record, parse
from independent_reader.schema import messages

TEXT = ("recovery_key", "record_name", "pack_name")
SESSION = Session(2, 5)


class Examples(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with open(FILE, encoding="ascii") as file:
            cls.e = {k: v if k in TEXT else bytes.fromhex(v) for k, v in json.load(file).items()}
        cls.id, cls.seed = cls.e["repository"], cls.e["seed"]
        cls.birth = BirthPack(SESSION, bytes(range(0xC0, 0xD0)))
        cls.index = keys.index_key(cls.id, cls.seed, 1, 1)

    def eq(self, name, value):
        self.assertEqual(self.e[name], value, name)

    def test_recovery_key(self):
        self.assertEqual(keys.seed_of_recovery_key(self.e["recovery_key"]), self.seed)
        self.assertEqual(keys.seed_of_recovery_key(" " + self.e["recovery_key"].upper().replace("-A", " -a")), self.seed)
        with self.assertRaises(keys.WrongKey):
            keys.seed_of_recovery_key(self.e["recovery_key"].replace("aaaq", "aaba"))

    def test_derived_keys(self):
        owner = keys.owner_keys(self.id, self.seed)
        self.eq("transcript_owner_sign", transcript("perdure owner sign v1"))
        self.eq("owner_sealing_key", owner.sealing_key)
        self.eq("owner_verify_key", owner.verify_key)
        self.eq("transcript_index", transcript("perdure domain v1", "index", 1, 1))
        self.eq("index_key", self.index)
        secret = keys.dedup_secret(self.id, self.seed, 1, 1)
        self.eq("dedup_secret", secret)
        for purpose in ("leaf", "page", "boundary", "source"):
            self.eq(f"{purpose}_key", keys.dedup_key(self.id, secret, purpose))
        tables = b"".join(keys.dedup_key(self.id, secret, f"chunker tables {half}") for half in "ab")
        self.eq("chunker_tables", tables)
        self.eq("chunker_confirm", keys.dedup_key(self.id, secret, "chunker confirm")[:16])

    def test_slot(self):
        slot = parse(messages.KeySlot, self.e["slot_body"])
        self.eq("slot_id", slot.id)
        self.eq("slot_wrapped", slot.wrapped_seed)
        self.eq("slot_aad", transcript("perdure slot aad v1", self.id, slot.id, 1))
        self.assertEqual(keys.unwrap_slot(self.id, slot, b"correct horse"), self.seed)
        self.assertIsNone(keys.unwrap_slot(self.id, slot, b"wrong horse"))

    def test_session_secret(self):
        owner = keys.owner_keys(self.id, self.seed)
        self.eq("session_secret", keys.open_session_secret(self.id, [owner], SESSION, self.e["sealed_secret"]))
        with self.assertRaises(Corrupt):
            keys.open_session_secret(self.id, [owner], Session(2, 6), self.e["sealed_secret"])

    def test_record(self):
        e = self.e
        record = self.open(e["record"], e["record_name"])
        self.eq("record_body", record.body)
        self.eq("record_signed_text", record.signed_text(self.id))
        self.assertTrue(record.signed_by(self.id, e["owner_verify_key"]))
        self.assertFalse(record.signed_by(self.id, e["owner_sealing_key"]))
        self.eq("record_aad", transcript("perdure aad v1", self.id, FATE, e["record_name"], 1, e["record"][:24]))
        self.assertEqual(parse(messages.Fate, record.body).reason, b"example")
        for place in range(len(e["record"])):
            with self.assertRaises(Exception):
                self.open(flip(e["record"], place), e["record_name"])
        with self.assertRaises(Corrupt):
            self.open(e["record"], e["record_name"][:-1] + "2")

    def test_nonces_are_synthetic(self):
        payload = open_aead(1, self.e["record_key"], self.e["record"][24:36], self.e["record_aad"], self.e["record"][36:-4])
        self.assertEqual(synthetic_nonce(self.e["record_nonce_key"], self.e["record_aad"], payload), self.e["record"][24:36])
        block = self.e["block"]
        raw = open_aead(1, self.e["pack_seal_key"], block[88:100], self.e["block_aad"], block[104:])
        self.assertEqual(synthetic_nonce(self.e["pack_nonce_key"], self.e["block_aad"], raw), block[88:100])

    def open(self, data, name, kind=FATE):
        return open_record(data, name, kind, INDEX_KEY, self.id, lambda *_: self.index)

    def test_pack(self):
        e = self.e
        for purpose, name in (("seal", "seal_key"), ("nonce", "nonce_key"), ("commitment", "commitment")):
            self.eq(f"pack_{name}", keys.pack_key(self.id, e["session_secret"], self.birth, purpose))
        self.assertEqual(packs.pack_of_name(e["pack_name"]), self.birth)
        block = e["block"]
        self.assertEqual(e["pack"][200 : 200 + len(block)], block)
        address, header = packs.read_block_header(block)
        self.assertEqual(address, Address(self.birth, 0))
        self.eq("block_aad", transcript("perdure block v1", self.id, block[:88]))
        raw = open_aead(header.cipher, e["pack_seal_key"], header.nonce, e["block_aad"], block[104:])
        self.assertEqual(raw, b"Hello, perdure.\nA second leaf.\n")
        leaves = [(keyed_hash(e["leaf_key"], part), len(part)) for part in (raw[:16], raw[16:])]
        self.assertEqual([leaf for leaf, _ in leaves], [e["leaf_id_1"], e["leaf_id_2"]])
        table = b"".join(leaf + u64(length) for leaf, length in leaves)
        self.eq("leaf_table_hash", keyed_hash(keys.leaf_table_key(self.id, self.index), table))
        self.assertEqual(header.leaf_table, e["leaf_table_hash"])
        footer = Reader(e["pack"][-24:])
        offset, length = footer.u64(), footer.u32()
        manifest = parse(messages.Manifest,
                         self.open(e["pack"][offset : offset + length], e["pack_name"], MANIFEST).body)
        self.assertEqual(packs.read_leaves(manifest.leaves), leaves)
        self.eq("slot_table", manifest.slots)
        self.eq("pack_commitment", manifest.key_commitment)
        slots, counts = packs.read_slots(manifest.slots, self.birth, [])
        self.assertEqual((slots[0].offset, slots[0].sealed, slots[0].raw, counts), (200, 47, 31, [2]))

    def test_entries_page(self):
        root, hello, sparse, link = pages.entries_page(self.e["page"])
        self.eq("page_id", keyed_hash(self.e["page_key"], self.e["page"]))
        block = Address(self.birth, 0)
        self.assertEqual((root.path, root.type, root.mode, root.user, root.ctime), (b"", 2, 0o755, b"root", 1700000000500000000))
        self.assertEqual((hello.path, hello.recipe, hello.xattrs), (b"hello", [pages.Run(block, 0, 31)], [(b"user.note", b"hi")]))
        self.assertEqual((sparse.mtime, sparse.size), (-1, 4111))
        self.assertEqual(sparse.recipe, [pages.Run(None, 0, 4096), pages.Run(block, 16, 15)])
        self.assertEqual((link.target, link.inode, link.mtime), (b"hello", 11, 0))

    def test_other_pages(self):
        children = pages.inner_page(self.e["inner_page"])
        self.assertEqual(children, [(b"", Address(self.birth, 1), 4, 4142), (b"m", Address(self.birth, 2), 1, 0)])
        one = Address(self.birth, 1)
        self.assertEqual(pages.runs_page(self.e["runs_page"]),
                         [pages.Run(Address(self.birth, 0), 0, 31), pages.Run(one, 0, 7), pages.Run(None, 0, 512), pages.Run(one, 7, 9)])
        self.assertEqual(pages.bytes_page(self.e["bytes_page"]), b"value")
        self.assertEqual(read_address(self.e["address"]), one)

    def test_damaged_pages_are_corrupt_or_other_pages(self):
        for name, read in (("page", pages.entries_page), ("inner_page", pages.inner_page), ("runs_page", pages.runs_page)):
            for length in range(len(self.e[name])):
                with self.assertRaises(Corrupt):
                    read(self.e[name][:length])
            for place in range(len(self.e[name])):
                try:
                    read(flip(self.e[name], place))
                except Corrupt:
                    pass

    def test_paths_are_checked(self):
        for path in (b"/a", b"a/", b"a//b", b".", b"a/..", b"a\0b", b"n" * 256):
            with self.assertRaises(Corrupt):
                pages.check_path(path, None)
        before = pages.check_path(b"a/b", pages.check_path(b"a", pages.check_path(b"", None)))
        pages.check_path(b"a-b", before)
        with self.assertRaises(Corrupt):
            pages.check_path(b"a", before)


class Text(unittest.TestCase):
    """Every byte that the text shows is one of the file's."""

    def test_every_hex_string_of_the_text_is_in_the_file(self):
        if TEXT_FILE is None:
            self.skipTest("no FORMAT.md was named")
        with open(FILE, encoding="ascii") as file:
            values = [v if k not in TEXT else v.encode().hex() for k, v in json.load(file).items()]
        with open(TEXT_FILE, encoding="utf-8") as file:
            chapter = file.read().split("## 22 Worked examples\n", 1)[1]
        shown = [s for block in re.findall(r"(?:^    .*\n)+", chapter, re.M) for s in hex_strings(block)]
        for text in shown:
            self.assertTrue(any(text in value for value in values), text)
        self.assertGreater(len(shown), 40)
        self.assertGreater(sum(map(len, shown)) // 2, 2500)


def hex_strings(block):
    """The hex of an indented block: dumps (offset, bytes, remark) as one string, else each string that goes over its lines."""
    lines = block.splitlines()
    dump = [re.match(r" +(?:\d+ )? ((?:[0-9a-f]{2})+)(?:  .*)?$", line) for line in lines]
    if re.match(r" +0  ", lines[0]):
        return ["".join(line[1] for line in dump)]
    found, full = [], False  # whether the line before is full, so that this one goes on
    for line in lines:
        texts = re.findall(r"(?<![\w-])(?:[0-9a-f]{2}){7,}(?![\w-])", line)
        if full and [line.strip()] == texts:
            found[-1] += texts[0]
        else:
            found += texts
        full = bool(texts) and len(texts[-1]) == 64
    return found


def flip(data, place):
    return data[:place] + bytes([data[place] ^ 0x41]) + data[place + 1 :]


if __name__ == "__main__":
    FILE = sys.argv.pop(1)
    TEXT_FILE = sys.argv.pop(1) if len(sys.argv) > 1 and sys.argv[1].endswith(".md") else None
    unittest.main()
