"""forge_test.py REPOSITORY PASSWORD_FILE: what someone with a key, but not the right one, might put into a repository.

Each forgery is told of, and the point reads as before or not at all.
"""

import os
import shutil
import sys
import tempfile
import unittest

import nacl.bindings
import nacl.public
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from independent_reader import keys, packs
from independent_reader.__main__ import one_line
from independent_reader.primitives import Session, crc32c, digest, hkdf, keyed_hash, transcript, u64
from independent_reader.records import (FATE, INDEX_KEY, LOG_ENTRY, MAINTAINER, OWNER, POINT, WRITER, open_record,
                                        parse)
from independent_reader.repository import Repository
from independent_reader.schema import messages
from tamper_test import fingerprints

SESSION = Session(1, 1)


class Forgeries(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.copy = os.path.join(self.folder.name, "copy")
        shutil.copytree(REPOSITORY, self.copy)
        self.repository = Repository(self.copy, SECRET, lambda *_: self.fail("the untouched repository has trouble"))
        self.expected, _ = fingerprints(REPOSITORY, SECRET)

    def tearDown(self):
        self.folder.cleanup()

    def read(self, name):
        return self.repository.load(name)

    def write(self, name, data):
        path = os.path.join(self.copy, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)

    def seal(self, name, kind, body, role=0, signer=0, epoch=1, seed=None):
        """A record under the right index key, signed by the key of `seed`."""
        text = transcript("perdure signature v1", self.repository.id, kind, name, role, signer, epoch, digest(body))
        signed = messages.SignedRecord(body=body, role=role, signer=signer, epoch=epoch)
        if role:
            pair = nacl.bindings.crypto_sign_seed_keypair(seed or bytes(32))
            signed.signature = nacl.bindings.crypto_sign(text, pair[1])[:64]
        plaintext = signed.SerializeToString()
        start = b"PRDR" + bytes([1, kind, INDEX_KEY, 1]) + b"\1\0\0\0" + b"\1\0\0\0" + u64(len(plaintext) + 16)
        key = hkdf(self.repository.index_key(1, 1), self.repository.id, transcript("perdure record v1", "seal", kind, name))
        aad = transcript("perdure aad v1", self.repository.id, kind, name, 1, start)
        frame = start + bytes(12) + AESGCM(key).encrypt(bytes(12), plaintext, aad)
        return frame + crc32c(frame).to_bytes(4, "little")

    def body(self, name, kind, message):
        data = self.read(name)
        record = open_record(data, name, kind, INDEX_KEY, self.repository.id, self.repository.index_key, alone=False)
        return parse(message, record.body), data[record.size :]

    def assert_refused(self, lost=()):
        found, trouble = fingerprints(self.copy, SECRET)
        self.assertEqual(found, {p: f for p, f in self.expected.items() if p not in lost})
        self.assertTrue(trouble)

    def owner_seed(self):
        return hkdf(self.repository.owners[0].seed, self.repository.id, transcript("perdure owner sign v1"))

    def test_what_the_helper_seals_is_believed_when_the_owner_signs_it(self):
        fate = messages.Fate(kind=messages.Fate.EXPIRED, number=1)
        fate.point.writer, fate.point.number = 1, 1
        fate.point.digest = digest(self.read(f"points/{SESSION.path()}"))
        name = f"fate/{SESSION.path()}/00000001"
        self.write(name, self.seal(name, FATE, fate.SerializeToString(), OWNER, seed=self.owner_seed()))
        found, trouble = fingerprints(self.copy, SECRET)
        self.assertEqual((sorted(found), trouble), (["1-2", "1-3"], 0))

    def test_nobody_else_expires_a_point(self):
        fate = messages.Fate(kind=messages.Fate.EXPIRED, number=1)
        fate.point.writer, fate.point.number = 1, 1
        fate.point.digest = digest(self.read(f"points/{SESSION.path()}"))
        name = f"fate/{SESSION.path()}/00000001"
        for role, signer in ((0, 0), (OWNER, 0), (WRITER, 1), (MAINTAINER, 1)):
            self.write(name, self.seal(name, FATE, fate.SerializeToString(), role, signer))
            self.assert_refused()

    def test_an_index_key_alone_makes_no_point(self):
        name = f"points/{SESSION.path()}"
        header, body = self.body(name, POINT, messages.PointHeader)
        header.host = b"someone else"
        for role, signer in ((0, 0), (OWNER, 0), (WRITER, 1)):
            self.write(name, self.seal(name, POINT, header.SerializeToString(), role, signer) + body)
            self.assert_refused(["1-1"])

    def test_a_log_entry_of_another_key_takes_its_point_with_it(self):
        name = f"log/{SESSION.path()}"
        entry, _ = self.body(name, LOG_ENTRY, messages.LogEntry)
        self.write(name, self.seal(name, LOG_ENTRY, entry.SerializeToString(), WRITER, 1))
        self.assert_refused(["1-1"])

    def test_nothing_may_follow_a_record(self):
        for name in ("perdure", "epochs/00000001", "writers/00000001", f"log/{SESSION.path()}", f"points/{SESSION.path()}"):
            data = self.read(name)
            self.write(name, data + b"\0")
            found, trouble = fingerprints(self.copy, SECRET)
            self.assertTrue(trouble, name)
            self.assertNotIn("1-1", found)
            self.write(name, data)

    def forge_packs(self):
        """Storage alone, which has no key: every block of the session anew, under a secret of its own, sealed to the owner."""
        secret = bytes(range(32))
        inside = b"PSS1" + self.repository.id + b"\1\0\0\0" + u64(1) + b"\1\0\0\0" + secret
        box = nacl.public.SealedBox(nacl.public.PublicKey(self.repository.owners[0].sealing_key)).encrypt(inside)
        blocks = packs.Blocks(self.repository)
        for birth, name in list(blocks.names.items()):
            if birth.session != SESSION:
                continue
            data = bytearray(self.read(name))
            slots = blocks.pack(birth).slots
            data[80:196] = box
            data[196:200] = crc32c(data[:196]).to_bytes(4, "little")
            seal = keys.pack_key(self.repository.id, secret, birth, "seal")
            for slot in slots:
                end = slot.offset + packs.BLOCK_HEADER + slot.sealed
                header = data[slot.offset : slot.offset + packs.BLOCK_HEADER]
                true_key = keys.pack_key(self.repository.id, self.repository.session_secret(SESSION, b"")[0], birth, "seal")
                aad = transcript("perdure block v1", self.repository.id, bytes(header[:88]))
                content = bytearray(AESGCM(true_key).decrypt(bytes(header[88:100]), bytes(data[slot.offset + 104 : end]), aad))
                if header[6] == 0:  # raw: another content of the same length
                    content[:6] = b"forged"
                nonce = keyed_hash(secret, bytes(content))[:12]
                header[88:100] = nonce
                sealed = AESGCM(seal).encrypt(nonce, bytes(content), aad)
                header[100:104] = crc32c(bytes(header[:100]) + sealed).to_bytes(4, "little")
                data[slot.offset : end] = header + sealed
            self.write(name, bytes(data))

    def test_storage_cannot_forge_blocks_with_a_secret_of_its_own(self):
        self.forge_packs()
        for gone in ((), ("index",), ("index", "hints")):
            for part in gone:
                shutil.rmtree(os.path.join(self.copy, part), ignore_errors=True)
            found, trouble = fingerprints(self.copy, SECRET)
            self.assertTrue(trouble)
            self.assertLessEqual(found.items(), self.expected.items())

    def test_a_box_that_no_signature_vouches_for_must_fit_the_manifest(self):
        self.forge_packs()
        for part in ("index", "log", "points"):
            shutil.rmtree(os.path.join(self.copy, part))
        repository = Repository(self.copy, SECRET, lambda *_: None)
        blocks = packs.Blocks(repository)
        for birth in blocks.names:
            pack = blocks.pack(birth)
            if birth.session == SESSION:
                with self.assertRaises(packs.Corrupt):
                    blocks.read(pack.slots[0].birth)
            else:
                self.assertTrue(blocks.read(pack.slots[0].birth))


if __name__ == "__main__":
    SECRET = one_line(open(sys.argv.pop(2), "rb").read())
    REPOSITORY = sys.argv.pop(1)
    unittest.main()
