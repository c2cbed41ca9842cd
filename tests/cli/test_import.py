"""import tar, and dump as its inverse: what comes out is what went in, or it is said."""

import gzip
import io
import os
import random
import subprocess
import tarfile
import unittest

from harness import CliTest, content_of, needs_root


def packed(members, compress=None):
    """A tar of (name, content or dict of TarInfo fields)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, what in members:
            info = tarfile.TarInfo(name)
            info.mtime = 1_600_000_000
            content = b""
            if isinstance(what, bytes):
                content = what
                info.size = len(content)
            else:
                for field, value in what.items():
                    setattr(info, field, value)
            archive.addfile(info, io.BytesIO(content))
    return gzip.compress(out.getvalue()) if compress else out.getvalue()


DIRECTORY = {"type": tarfile.DIRTYPE, "mode": 0o750}


def link_to(target):
    return {"type": tarfile.LNKTYPE, "linkname": target}


class Import(CliTest):
    def setUp(self):
        super().setUp()
        self.init()

    def import_bytes(self, data, *args, code=0):
        return self.json("import", "tar", "-", *args, code=code, input=data)

    def restored(self, point="latest", name="out"):
        target = self.dir / name
        self.run_program("restore", point, "--target", target)
        return target

    def issues(self):
        return {i["path"]: i["text"] for i in self.json("show", "latest").one("point")["issue_list"]}

    def test_entries_in_any_order_become_a_tree(self):
        members = [("d/z/deep.txt", b"deep"), ("a.txt", b"one"), ("d", DIRECTORY), ("b", {"type": tarfile.SYMTYPE, "linkname": "a.txt"}),
                   ("./c/x", b"two"), ("/e/f", b"three"), ("empty", b""), ("c-", b"between")]
        random.Random(1).shuffle(members)
        summary = self.import_bytes(packed(members)).one("summary")
        self.assertEqual((summary["outcome"], summary["files"]), ("success", 6))
        tree = self.restored()
        self.assertEqual((tree / "d/z/deep.txt").read_bytes(), b"deep")
        self.assertEqual((tree / "e/f").read_bytes(), b"three")
        self.assertEqual(os.readlink(tree / "b"), "a.txt")
        self.assertEqual(os.stat(tree / "d").st_mode & 0o777, 0o750)
        self.assertEqual(os.stat(tree / "d/z").st_mode & 0o777, 0o755)
        self.assertEqual(os.stat(tree / "a.txt").st_mtime, 1_600_000_000)
        self.run_program("check", "--read-data")

    def test_compressed_archives_are_read(self):
        members = [("a", os.urandom(100_000)), ("big", os.urandom(3_000_000)), ("tail", b"end")]
        for name, data in (("gz", packed(members, True)),
                           ("zst", subprocess.run(["zstd", "-qc"], input=packed(members), stdout=subprocess.PIPE, check=True).stdout)):
            file = self.dir / f"archive.tar.{name}"
            file.write_bytes(data)
            self.json("import", "tar", file, "--path", f"/{name}", "--tag", name, "--host", "old")
            tree = self.restored(f"latest:/{name}", name)
            for member, content in members:
                self.assertEqual((tree / member).read_bytes(), content)
        self.assertEqual([(p["host"], p["tags"], p["paths"]) for p in self.points()],
                         [("old", ["gz"], ["/gz"]), ("old", ["zst"], ["/zst"])])

    def test_importing_again_stores_nothing_new(self):
        members = [(f"f{i}", os.urandom(20_000)) for i in range(50)] + [("big", os.urandom(2_000_000))]
        self.import_bytes(packed(members))
        random.Random(2).shuffle(members)
        self.assertEqual(self.import_bytes(packed(members)).one("summary")["new"], 0)

    def test_hard_links_stay_links_wherever_their_names_sort(self):
        self.import_bytes(packed([("m", b"content"), ("a", link_to("m")), ("z/y", link_to("./m"))]))
        tree = self.restored()
        inodes = {os.stat(tree / name).st_ino for name in ("m", "a", "z/y")}
        self.assertEqual(len(inodes), 1)
        self.assertEqual(os.stat(tree / "a").st_nlink, 3)
        self.assertEqual((tree / "a").read_bytes(), b"content")

    def test_the_last_of_several_entries_counts_and_links_keep_what_they_named(self):
        summary = self.import_bytes(packed([("d", DIRECTORY), ("m", b"old"), ("b", link_to("m")), ("m", b"new"), ("d", DIRECTORY)]), code=3).one("summary")
        self.assertEqual((summary["outcome"], summary["issues"]), ("partial", 1))
        self.assertIn("several times", self.issues()["/m"])
        tree = self.restored()
        self.assertEqual(((tree / "m").read_bytes(), (tree / "b").read_bytes()), (b"new", b"old"))

    def test_what_cannot_be_stored_is_an_issue_and_the_rest_is_stored(self):
        summary = self.import_bytes(packed([("good", b"1"), ("../evil", b"2"), ("a/../../evil", b"3"), ("nowhere", link_to("missing")),
                                  ("f", b"file"), ("f/below", b"4")]), code=3).one("summary")
        self.assertEqual(summary["issues"], 4)
        self.assertEqual(summary["failed"], 4)
        tree = self.restored()
        self.assertEqual(sorted(os.listdir(tree)), ["f", "good"])
        self.assertIn("which is no file", self.issues()["/nowhere"])
        self.assertIn("no directory", self.issues()["/f/below"])

    def test_a_damaged_or_unfinished_archive_makes_no_point(self):
        whole = packed([("a", os.urandom(5000)), ("b", os.urandom(3_000_000)), ("c", b"x")])
        end = len(whole.rstrip(b"\0"))
        cuts = {"header": 700, "content": 3000, "large content": 1_000_000, "end mark": (end + 511) // 512 * 512}
        for what, length in cuts.items():
            with self.subTest(what):
                self.assertRegex(self.run_program("import", "tar", "-", input=whole[:length], code=1).err, "standard input: ")
        flipped = bytearray(whole)
        flipped[148] ^= 1  # the checksum of the first header
        self.run_program("import", "tar", "-", input=bytes(flipped), code=1)
        self.run_program("import", "tar", "-", input=gzip.compress(whole)[:-3000], code=1)
        for data in (b"", b"no archive", os.urandom(20_000)):
            self.fails("import", "tar", "-", input=data, code=1, says="holds no tar archive")
        self.fails("import", "tar", self.dir / "missing.tar", code=1, says="missing.tar: No such file")
        self.fails("import", "tar", "-", "--path", "home", code=1, says='"home" is no absolute path')
        self.assertEqual(self.points(), [])
        self.fails("import", "tar", "-", input=whole, env={"TMPDIR": str(self.dir / "none")}, code=1, says="TMPDIR")

    def test_names_are_bytes(self):
        names = ["e\u0301", "\u00e9", "bad\udcff", "x" * 200 + "/" + "y" * 200]
        self.import_bytes(packed([(n, n.encode(errors="surrogateescape")) for n in names]))
        tree = self.restored()
        for name in names:
            self.assertEqual((tree / name).read_bytes(), name.encode(errors="surrogateescape"))

    def test_dump_and_import_are_inverse(self):
        tree = self.make_tree({"a": "one", "d/b": os.urandom(2_000_000), "d/empty": "", "e": None})
        os.link(tree / "a", tree / "d/link")
        os.symlink("../a", tree / "d/soft")
        with open(tree / "sparse", "wb") as file:
            file.seek(80_000_000)
            file.write(b"end")
        os.utime(tree / "d", ns=(0, 981_173_106_123_456_789))
        self.backup(tree)
        for options in (["--archive"], ["--archive=tar.zst"], ["--archive=tar"]):
            archive = self.dir / f"dump{len(options[0])}"
            self.run_program("dump", *options, "--target", archive, f"latest@{self.points()[0]['host']}:{tree}:{tree}")
            self.assertEqual(archive.read_bytes()[:4] == b"\x28\xb5\x2f\xfd", "zst" in options[0])
            self.json("import", "tar", archive, "--path", "/again")
            out = self.restored("latest:/again", f"out{len(options[0])}")
            self.assertEqual(content_of(out), content_of(tree))
            self.assertEqual(os.stat(out / "a").st_ino, os.stat(out / "d/link").st_ino)
            self.assertLess(os.stat(out / "sparse").st_blocks * 512, 1_000_000)
        self.fails("dump", "--target", archive, "latest", code=1, says="is there already")
        self.fails("dump", "--archive=zip", "latest", code=1, says='"zip" is no format')

    @needs_root
    def test_an_archive_by_tar_comes_back_as_rsync_compares_it(self):
        tree = self.make_tree({"plain": "one", "d/owned": "two", "d/acl": "three", "d/xattr": "four", "d/big": os.urandom(5_000_000)})
        os.link(tree / "plain", tree / "d/hard")
        os.symlink("nowhere", tree / "soft")
        os.mkfifo(tree / "fifo")
        os.mknod(tree / "null", 0o20666, os.makedev(1, 3))
        os.mknod(tree / "loop", 0o60660, os.makedev(7, 9))
        os.chown(tree / "d/owned", 1234, 5678)
        os.chmod(tree / "d/owned", 0o4711)
        with open(tree / "sparse", "wb") as file:
            for at in (1_000_000, 40_000_000):
                file.seek(at)
                file.write(b"data")
            file.truncate(90_000_000)
        subprocess.run(["setfattr", "-n", "user.note", "-v", "hello", tree / "d/xattr"], check=True)
        subprocess.run(["setfacl", "-m", "u:1234:rwx,g:5678:r,m::rw", tree / "d/acl"], check=True)
        subprocess.run(["setfacl", "-d", "-m", "u:1234:rx", tree / "d"], check=True)
        os.utime(tree / "plain", ns=(0, 1_234_567_890_123_456_789))
        archive = self.dir / "by-tar.tar"
        subprocess.run(["tar", "--xattrs", "--xattrs-include=*", "--acls", "--sparse", "--format=pax", "-C", tree, "-cf", archive, "."], check=True)
        self.assertEqual(self.json("import", "tar", archive).one("summary")["outcome"], "success")
        out = self.restored()
        compared = subprocess.run(["rsync", "-nacHAX", "--delete", "--itemize-changes", f"{tree}/", f"{out}/"], stdout=subprocess.PIPE, check=True)
        self.assertEqual(compared.stdout.decode(), "")
        self.assertEqual(os.stat(out / "plain").st_mtime_ns, 1_234_567_890_123_456_789)
        self.assertLess(os.stat(out / "sparse").st_blocks * 512, 1_000_000)


if __name__ == "__main__":
    unittest.main()
