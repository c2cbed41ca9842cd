"""forge_test.py REPOSITORY PASSWORD_FILE: what someone with a key, but not the right one, might put into a repository.

Each forgery is told of, and every point reads as before or not at all. Where PERDURE_BINARY or PERDURE names the program, that is
held to the same.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import nacl.bindings
import nacl.public
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from independent_reader import keys, packs
from independent_reader.__main__ import one_line
from independent_reader.primitives import Session, crc32c, decode, digest, hkdf, keyed_hash, transcript, u64
from independent_reader.records import (ENROLMENT, FATE, INDEX, INDEX_KEY, LOG_ENTRY, MAINTAINER, MANIFEST, OWNER, POINT,
                                        WRITER, open_record, parse)
from independent_reader.repository import Repository
from independent_reader.schema import messages
from tamper_test import fingerprints

SESSION = Session(1, 1)
PROGRAM = os.environ.get("PERDURE_BINARY") or os.environ.get("PERDURE")
READ_BY_PROGRAM = ("1-1", "1-2")  # the second takes most of its blocks from the session of the first
BELOW = ":/srv/perdure-golden/data"


def varint(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


class Program:
    """What the program makes of a repository, without a cache of earlier times."""

    def __init__(self, repository, home):
        self.repository, self.home = repository, home

    def run(self, *args):
        environment = {"PATH": os.environ["PATH"], "HOME": self.home}
        environment |= {n: v for n, v in os.environ.items() if n.endswith("SAN_OPTIONS")}
        return subprocess.run([PROGRAM, "-r", self.repository, "--no-cache", "--password-file", PASSWORD_FILE, *args],
                              env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=300)

    def reads(self):
        """{point: hash of what it holds there}, of those that it reads without a word."""
        runs = {point: self.run("dump", point + BELOW, "--archive") for point in READ_BY_PROGRAM}
        return {p: hashlib.sha256(run.stdout).hexdigest() for p, run in runs.items() if run.returncode == 0}

    def finds_trouble(self):
        code = self.run("check", "--level", "deep").returncode
        assert code in (0, 1, 3, 12), code
        return code != 0


class Forgeries(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.expected, _ = fingerprints(REPOSITORY, SECRET)
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(REPOSITORY, os.path.join(folder, "copy"))
            cls.expected_of_program = Program(os.path.join(folder, "copy"), folder).reads() if PROGRAM else {}
        if PROGRAM and sorted(cls.expected_of_program) != sorted(READ_BY_PROGRAM):
            raise AssertionError("the program does not read the untouched repository")

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.copy = os.path.join(self.folder.name, "copy")
        shutil.copytree(REPOSITORY, self.copy)
        self.repository = Repository(self.copy, SECRET, lambda *_: self.fail("the untouched repository has trouble"))
        self.program = Program(self.copy, self.folder.name) if PROGRAM else None

    def tearDown(self):
        self.folder.cleanup()

    def read(self, name):
        return self.repository.load(name)

    def write(self, name, data):
        path = os.path.join(self.copy, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)

    def seal(self, name, kind, body, role=0, signer=0, epoch=1, seed=None, repository=None):
        """A record under the right index key, signed by the key of `seed`."""
        repository = repository or self.repository.id
        text = transcript("perdure signature v1", repository, kind, name, role, signer, epoch, digest(body))
        signed = messages.SignedRecord(body=body, role=role, signer=signer, epoch=epoch)
        if role:
            pair = nacl.bindings.crypto_sign_seed_keypair(seed or bytes(32))
            signed.signature = nacl.bindings.crypto_sign(text, pair[1])[:64]
        plaintext = signed.SerializeToString()
        start = b"PRDR" + bytes([1, kind, INDEX_KEY, 1]) + b"\1\0\0\0" + b"\1\0\0\0" + u64(len(plaintext) + 16)
        key = hkdf(self.repository.index_key(1, 1), repository, transcript("perdure record v1", "seal", kind, name))
        aad = transcript("perdure aad v1", repository, kind, name, 1, start)
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
        self.program_is_not_deceived()

    def program_is_not_deceived(self):
        if self.program:
            self.assertLessEqual(self.program.reads().items(), self.expected_of_program.items())
            self.assertTrue(self.program.finds_trouble())

    def owner_seed(self):
        return hkdf(self.repository.owners[0].seed, self.repository.id, transcript("perdure owner sign v1"))

    def expiry(self):
        """Of the first point, as its owner would decide it."""
        fate = messages.Fate(kind=messages.Fate.EXPIRED, number=1)
        fate.point.writer, fate.point.number = 1, 1
        fate.point.digest = digest(self.read(f"points/{SESSION.path()}"))
        return fate

    def test_what_the_helper_seals_is_believed_when_the_owner_signs_it(self):
        fate = self.expiry()
        name = f"fate/{SESSION.path()}/00000009"
        self.write(name, self.seal(name, FATE, fate.SerializeToString(), OWNER, seed=self.owner_seed(),
                                    epoch=len(self.repository.epochs)))
        found, trouble = fingerprints(self.copy, SECRET)
        self.assertEqual((found, trouble), ({p: f for p, f in self.expected.items() if p != "1-1"}, 0))
        if self.program:
            self.assertNotEqual(self.program.run("dump", "1-1").returncode, 0)

    def test_nobody_else_expires_a_point(self):
        fate = self.expiry()
        name = f"fate/{SESSION.path()}/00000009"
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
            if self.program:
                self.assertNotIn("1-1", self.program.reads())
            self.write(name, data)

    def forged_block(self, birth, secret, block):
        """The block with another content of the same length, not compressed, sealed under `secret`."""
        header = bytearray(block[: packs.BLOCK_HEADER])
        true_key = keys.pack_key(self.repository.id, self.repository.session_secret(SESSION, b"")[0], birth, "seal")
        aad = transcript("perdure block v1", self.repository.id, bytes(header[:88]))
        payload = AESGCM(true_key).decrypt(bytes(header[88:100]), block[packs.BLOCK_HEADER :], aad)
        content = bytearray(decode(header[6], payload, int.from_bytes(header[48:52], "little")))
        if header[6] == 0 or birth in self.data_packs:
            content[:6] = b"forged"
        header[6] = 0
        header[52:56] = (len(content) + 16).to_bytes(4, "little")
        nonce = keyed_hash(secret, bytes(content))[:12]
        aad = transcript("perdure block v1", self.repository.id, bytes(header[:88]))
        sealed = AESGCM(keys.pack_key(self.repository.id, secret, birth, "seal")).encrypt(nonce, bytes(content), aad)
        header[88:100] = nonce
        header[100:104] = crc32c(bytes(header[:100]) + sealed).to_bytes(4, "little")
        return bytes(header) + sealed

    def forge_packs(self, manifest_in_clear=False):
        """Storage alone, which has no key: every block of the session anew, under a secret of its own, sealed to the owner.

        The tree's pages stay as they are. The manifest stays too, or is made anew, in clear.
        """
        secret = bytes(range(32))
        inside = b"PSS1" + self.repository.id + b"\1\0\0\0" + u64(1) + b"\1\0\0\0" + secret
        box = nacl.public.SealedBox(nacl.public.PublicKey(self.repository.owners[0].sealing_key)).encrypt(inside)
        blocks = packs.Blocks(self.repository)
        self.data_packs = [birth for birth, name in blocks.names.items() if "/d/" in name]
        for birth, name in list(blocks.names.items()):
            if birth.session != SESSION:
                continue
            data = self.read(name)
            start = data[:80] + box
            forged, slots = start + crc32c(start).to_bytes(4, "little"), blocks.pack(birth).slots
            table, end = varint(len(slots)), 0
            for slot in slots:
                block = self.forged_block(birth, secret, data[slot.offset : slot.offset + packs.BLOCK_HEADER + slot.sealed])
                table += b"".join(varint(v) for v in (len(forged) - end, len(block) - packs.BLOCK_HEADER, slot.raw,
                                                      len(slot.leaves), 0))
                forged += block
                end = len(forged)
            at, length = int.from_bytes(data[-24:-16], "little"), int.from_bytes(data[-16:-12], "little")
            manifest = data[at : at + length]
            if manifest_in_clear:
                manifest = self.manifest_in_clear(birth, name, manifest, table, secret)
            footer = u64(len(forged)) + len(manifest).to_bytes(4, "little") + bytes(4)
            self.write(name, forged + manifest + footer + crc32c(footer).to_bytes(4, "little") + b"PEND")

    def manifest_in_clear(self, birth, name, framed, table, secret):
        record = open_record(framed, name, MANIFEST, INDEX_KEY, self.repository.id, self.repository.index_key)
        manifest = parse(messages.Manifest, record.body)
        manifest.slots = table
        manifest.key_commitment = keys.pack_key(self.repository.id, secret, birth, "commitment")
        payload = messages.SignedRecord(body=manifest.SerializeToString()).SerializeToString()
        frame = b"PRDR" + bytes([1, MANIFEST, 0, 0]) + bytes(8) + u64(len(payload)) + bytes(12) + payload
        return frame + crc32c(frame).to_bytes(4, "little")

    def test_storage_cannot_forge_blocks_with_a_secret_of_its_own(self):
        self.forge_packs()
        for gone in ((), ("index",), ("index", "hints")):
            for part in gone:
                shutil.rmtree(os.path.join(self.copy, part), ignore_errors=True)
            found, trouble = fingerprints(self.copy, SECRET)
            self.assertTrue(trouble)
            self.assertLessEqual(found.items(), self.expected.items())
            self.program_is_not_deceived()

    def test_storage_cannot_forge_a_manifest_that_takes_no_key(self):
        """As above, and the manifest, in clear, commits to the forged secret; no signed object is left to say otherwise."""
        self.forge_packs(manifest_in_clear=True)
        for part in ("index", "log"):
            os.remove(os.path.join(self.copy, f"{part}/{SESSION.path()}"))
        found, trouble = fingerprints(self.copy, SECRET)
        self.assertTrue(trouble)
        self.assertNotIn("1-1", found)
        self.assertLessEqual(found.items(), self.expected.items())
        self.program_is_not_deceived()

    def test_objects_are_not_swapped(self):
        first, second = SESSION.path(), Session(1, 2).path()
        pairs = [(f"{part}/{first}", f"{part}/{second}") for part in ("log", "points", "index")]
        pairs += [("writers/00000001", "writers/00000002"), ("epochs/00000002", "epochs/00000003")]
        for kind in "dm":
            of_kind = [n for n in self.repository.list(f"packs/std/{kind}") if "00000001-0000000000000001" in n]
            others = [n for n in self.repository.list(f"packs/std/{kind}") if "00000001-0000000000000002" in n]
            pairs.append((of_kind[0], others[0]))
        for one, other in pairs:
            with self.subTest(f"{one} and {other}"):
                was = self.read(one), self.read(other)
                self.write(one, was[1])
                self.write(other, was[0])
                found, trouble = fingerprints(self.copy, SECRET)
                self.assertTrue(trouble)
                self.assertLessEqual(found.items(), self.expected.items())
                self.program_is_not_deceived()
                self.write(one, was[0])
                self.write(other, was[1])

    def test_a_block_does_not_take_the_place_of_another(self):
        blocks = packs.Blocks(self.repository)
        birth, slots = next((b, blocks.pack(b).slots) for b in blocks.names if len(blocks.pack(b).slots) > 2)
        name = blocks.names[birth]
        data = bytearray(self.read(name))
        whole = [bytes(data[s.offset : s.offset + packs.BLOCK_HEADER + s.sealed]) for s in slots]
        small, large = sorted(range(len(slots)), key=lambda i: len(whole[i]))[:2]
        data[slots[large].offset : slots[large].offset + len(whole[small])] = whole[small]
        self.write(name, bytes(data))
        found, trouble = fingerprints(self.copy, SECRET)
        self.assertNotEqual(found, self.expected)
        self.assertLessEqual(found.items(), self.expected.items())
        self.program_is_not_deceived()

    def test_objects_are_not_retyped(self):
        """A record under a name of another type, as it is and with that type in its frame."""
        log, point, index = (f"{part}/{SESSION.path()}" for part in ("log", "points", "index"))
        for source, kind, target in ((log, POINT, point), (point, LOG_ENTRY, log), (index, LOG_ENTRY, log), (log, INDEX, index)):
            was = self.read(target)
            forged = bytearray(self.read(source))
            for _ in range(2):
                self.write(target, bytes(forged))
                self.assert_refused([] if target == index else ["1-1"])
                forged[5] = kind
                forged[-4:] = crc32c(bytes(forged[:-4])).to_bytes(4, "little")
            self.write(target, was)

    def test_objects_of_another_repository_are_refused(self):
        """Made with the right keys, all of them, but for another repository."""
        fate = self.expiry()
        name = f"fate/{SESSION.path()}/00000009"
        self.write(name, self.seal(name, FATE, fate.SerializeToString(), OWNER, seed=self.owner_seed(),
                                   epoch=len(self.repository.epochs), repository=bytes(range(16))))
        self.assert_refused()

    def test_an_epoch_that_anybody_planted_hides_no_point(self):
        self.write(f"epochs/{len(self.repository.epochs) + 1:08x}", self.read("epochs/00000002"))
        self.assert_refused()

    def test_a_seed_of_before_the_rotation_enrols_nobody(self):
        """Its holder has the index keys of its time, too."""
        verify_key = nacl.bindings.crypto_sign_seed_keypair(bytes(32))[0]
        number = max(self.repository.certificates) + 1
        certificate = messages.Certificate(role=messages.ROLE_MAINTAINER, name=b"thief", verify_key=verify_key,
                                           sealing_key=bytes(32))
        before = digest(self.read(f"writers/{number - 1:08x}"))
        enrolment = messages.Enrolment(kind=messages.Enrolment.CERTIFICATE, number=number, previous_digest=before,
                                       certificate=certificate)
        old = hkdf(self.repository.owners[-1].seed, self.repository.id, transcript("perdure owner sign v1"))
        name = f"writers/{number:08x}"
        self.write(name, self.seal(name, ENROLMENT, enrolment.SerializeToString(), OWNER, seed=old))
        self.assert_refused()
        repository = Repository(self.copy, SECRET, lambda *_: None)
        self.assertNotIn(number, repository.certificates)

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
    PASSWORD_FILE = os.path.abspath(sys.argv.pop(2))
    SECRET = one_line(open(PASSWORD_FILE, "rb").read())
    REPOSITORY = sys.argv.pop(1)
    unittest.main()
