"""Copies, replicas and repaired points, read by the independent reader."""

import unittest

from reader_case import CHEAP, ReaderCase


class Copied(ReaderCase):
    def setUp(self):
        super().setUp()
        self.away = self.dir / "away"
        self.perdure("init", *CHEAP)
        self.first = self.back_up(10)
        self.before = self.files()
        self.second = self.back_up(11)

    def short_names(self, repo):
        return [line.split()[0] for line in self.read(repo, "list").splitlines()]

    def test_a_replica_restores_alone(self):
        self.perdure("-r", self.away, "init", "--replica-of", self.repo)
        self.perdure("copy", "--to", self.away)
        self.repo.rename(self.dir / "gone")
        self.assertEqual(self.short_names(self.away), [p["id"] for p in self.perdure("-r", self.away, "list")
                                                       if p["type"] == "point"])
        self.expect_restores(self.away, self.first, self.before, "first")
        self.expect_restores(self.away, self.second, self.files(), "second")

    def test_a_replica_restores_after_its_source_changed_its_keys(self):
        self.perdure("-r", self.away, "init", "--replica-of", self.repo)
        self.perdure("copy", "--to", self.away)
        (self.dir / "password").write_text("battery staple\n")
        self.perdure("key", "rotate", "--new-password-file", self.dir / "password", *CHEAP)
        self.env["PERDURE_PASSWORD"] = "battery staple"
        third = self.back_up(12)
        self.perdure("copy", "--to", self.away)
        self.repo.rename(self.dir / "gone")
        self.expect_restores(self.away, self.first, self.before, "first")
        self.expect_restores(self.away, third, self.files(), "third")

    def test_what_a_replica_let_go_is_not_listed(self):
        self.perdure("-r", self.away, "init", "--replica-of", self.repo)
        self.perdure("copy", "--to", self.away)
        self.perdure("-r", self.away, "forget", self.first)
        self.perdure("-r", self.away, "gc", "--now", "--max-unused", "0")
        self.assertEqual(len(self.short_names(self.away)), 1)
        self.expect_restores(self.away, "latest", self.files())

    def test_a_copy_under_other_keys_restores_alone(self):
        self.perdure("-r", self.away, "init", *CHEAP)
        self.perdure("copy", "--to", self.away, "--to-password-file", self.dir / "password")
        self.repo.rename(self.dir / "gone")
        self.expect_restores(self.away, "latest", self.files())
        first, second = self.short_names(self.away)
        self.expect_restores(self.away, first, self.before, "first")

    def test_a_repaired_point_stands_for_the_damaged_one(self):
        pack = max((self.repo / "packs").rglob("*-*"), key=lambda path: path.stat().st_size)
        content = bytearray(pack.read_bytes())
        content[len(content) // 2] ^= 1
        pack.chmod(0o600)
        pack.write_bytes(content)
        self.perdure("repair", code=3)
        names = self.short_names(self.repo)
        self.assertEqual(len(names), 2)
        self.assertEqual(set(names), {p["id"] for p in self.perdure("list") if p["type"] == "point"})
        self.assertNotIn(self.first, names)
        for name in names:
            self.read(self.repo, "restore", name, "--target", self.dir / name)


if __name__ == "__main__":
    unittest.main()
