"""Golden repositories of every format version, read by the program as it is now (PERDURE_BINARY, or PERDURE)."""

import json
import os
import subprocess
import unittest

from golden import IS_ROOT, GoldenTest

PROGRAM = os.environ.get("PERDURE_BINARY") or os.environ.get("PERDURE", "perdure")
PARTIAL, WRONG_KEY = 3, 12


class Product(GoldenTest):
    def run_program(self, repository, key, *args, codes=(0,)):
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.dir / "home"), "LANG": "C.UTF-8"}
        environment |= {n: v for n, v in os.environ.items() if n.endswith("SAN_OPTIONS")}
        run = subprocess.run([PROGRAM, "-r", repository, "--password-file", key, *map(str, args)],
                             env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=600)
        self.assertIn(run.returncode, codes, f"{args}: {run.stdout.decode()}{run.stderr.decode()}")
        return run

    def json(self, repository, key, *args, **how):
        return [json.loads(line) for line in self.run_program(repository, key, "--json", *args, **how).stdout.splitlines()]

    def restore(self, repository, key):
        # Who is not root cannot make devices and owners again, is told so, and gets all the rest.
        codes = (0,) if IS_ROOT else (0, PARTIAL)
        return lambda point, target: self.run_program(repository, key, "restore", point, "--target", target, codes=codes)

    def test_points_writers_and_keys_are_listed(self):
        for golden in self.goldens:
            repository, key = self.copy(golden), golden.password
            points = [p for p in self.json(repository, key, "list") if p["type"] == "point"]
            self.assertEqual([p["id"] for p in points], list(golden.points))
            for point in points:
                expected = golden.points[point["id"]]
                found = {name: point[name] for name in ("host", "kind", "outcome", "tags")}
                found["tags"] = sorted(found["tags"])
                self.assertEqual(found, {name: expected[name] for name in found}, point["id"])
            writers = [w for w in self.json(repository, key, "key", "writer", "list") if w["type"] == "writer"]
            self.assertEqual({str(w["writer"]): w["state"] for w in writers}, golden.expected["writers"])
            epoch = self.json(repository, key, "cat", "epoch")[0]["content"]
            self.assertEqual(epoch["number"], golden.expected["epoch"])
            self.assertEqual(epoch["domains"][0]["generation"], golden.expected["generation"])
            for session, kind in golden.expected["others"].items():
                self.assertEqual(self.json(repository, key, "cat", "point", session)[0]["content"]["kind"], kind)

    def test_every_point_is_restored_by_password(self):
        for golden in self.goldens:
            self.restores(golden, "by password", self.restore(self.copy(golden), golden.password))

    def test_every_point_is_restored_by_recovery_key_from_the_essentials(self):
        for golden in self.goldens:
            bare = self.copy(golden, "index", "hints", "merged", "keys")
            self.restores(golden, "by recovery key", self.restore(bare, golden.recovery_key))

    def test_a_deep_check_finds_nothing(self):
        for golden in self.goldens:
            for left_out in ((), ("hints", "merged")):
                self.run_program(self.copy(golden, *left_out), golden.password, "check", "--level", "deep")

    def test_points_can_be_compared(self):
        for golden in self.goldens:
            lines = self.json(self.copy(golden), golden.password, "diff", "1-1", "1-2")
            changed = {line["path"] for line in lines if "path" in line}
            self.assertTrue(any(path.endswith("/new/file") for path in changed), changed)

    def test_passwords_of_before_are_wrong(self):
        for golden in self.goldens:
            repository = self.copy(golden)
            for wrong in ("another", "golden passphrase "):
                key = self.dir / "wrong"
                key.write_text(wrong + "\n")
                self.run_program(repository, key, "list", codes=(WRONG_KEY,))

    def test_a_damaged_copy_says_what_is_damaged(self):
        for golden in self.goldens:
            repository = self.copy(golden)
            pack = max((p for p in (repository / "packs").rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
            content = bytearray(pack.read_bytes())
            content[len(content) // 2] ^= 1
            pack.chmod(0o600)
            pack.write_bytes(content)
            run = self.run_program(repository, golden.password, "check", "--level", "aead", codes=(1,))
            self.assertIn(pack.name, (run.stdout + run.stderr).decode())


if __name__ == "__main__":
    unittest.main()
