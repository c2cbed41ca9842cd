"""Disks that are really full, at many sizes: the error says which and what to do, nothing is lost,
what is there can still be listed, checked and restored, and with room again work goes on.
"""

import shutil

from disks import disk_to_fill
from process_harness import LONG, ProcessTest, content_of, count, main, needs

MIB = 1 << 20
STEP = 96 << 10 if LONG else 160 << 10
CONTENT = 6 * MIB


@needs("mkfs.ext4", "resize2fs", "e2fsck", "mount")
class DiskFull(ProcessTest):
    def setUp(self):
        super().setUp()
        self.small = self.make_tree({"a": "content", "b/c": b"x" * 200_000}, "small")
        self.large = self.random_tree("large", files=30, size=CONTENT // 30)
        for i in range(4):
            (self.large / f"noise{i}").write_bytes(self.random.randbytes(CONTENT // 4))
        self.small_content, self.large_content = content_of(self.small), content_of(self.large)

    def fails_for_want_of_space(self, *args, where):
        """Exit code 1; the error names the disk and says what to do."""
        result = self.run_program(*args, code=1)
        self.assertRegex(result.err, "No space left on device")
        self.assertIn(str(where), result.err)
        self.assertRegex(result.err, r"(?m)^  next: .*space")

    def assert_small_point_is_whole(self, points):
        self.assertEqual(self.listed(), points)
        self.assert_deep_check_is_clean()
        self.assert_restores(points[0], self.small, self.small_content)

    # ------------------------------------------------------------------------------ the repository

    def repository_of_size(self, size):
        """True if the large tree did not fit."""
        disk = disk_to_fill(self, f"disk{size}", size)
        self.env["PERDURE_REPOSITORY"] = str(disk.at / "repo")
        shutil.rmtree(self.dir / "home", ignore_errors=True)
        self.init()
        points = [self.backup(self.small)["point"]]
        result = self.run_program("--json", "backup", self.large, code=None)
        full = result.code != 0
        if full:
            self.assertIn('"kind":"no space"', result.err)
            self.fails_for_want_of_space("backup", self.large, where=disk.at)
            self.assert_small_point_is_whole(points)
            disk.fill()
            self.assert_small_point_is_whole(points)
            self.make_room(disk, size)
            points.append(self.backup(self.large)["point"])
        else:
            points.append(result.one("summary")["point"])
            disk.fill()
        self.assert_small_point_is_whole(points)
        self.assert_restores(points[1], self.large, self.large_content)
        disk.unmount()
        return full

    def make_room(self, disk, size):
        if self.random.random() < 0.5:
            disk.free_what_was_filled()
        disk.grow(size + 2 * CONTENT + 12 * MIB)

    def test_with_the_repository(self):
        full, fitted, size = 0, 0, 7 * MIB
        while fitted < 4:
            with self.subTest(size=size):
                if self.repository_of_size(size):
                    full += 1
                else:
                    fitted += 1
            size += STEP
            self.assertLess(size, 60 * MIB, "nothing ever fits")
        count("enospc_sizes", full)

    def test_init_where_not_even_that_fits(self):
        for size in range(2 * MIB, 5 * MIB, MIB // 2):
            with self.subTest(size=size):
                disk = disk_to_fill(self, f"disk{size}", size)
                self.env["PERDURE_REPOSITORY"] = str(disk.at / "repo")
                self.fails_for_want_of_space("init", where=disk.at)
                self.run_program("list", code=10)
                disk.grow(32 * MIB)
                self.init()
                self.backup(self.small)
                self.assert_restores("latest", self.small, self.small_content)
                disk.unmount()
                count("enospc_sizes")

    def test_many_small_backups_until_nothing_fits(self):
        """Until even the reserve is used up: each acknowledged one stays."""
        disk = disk_to_fill(self, "disk", 10 * MIB)
        self.env["PERDURE_REPOSITORY"] = str(disk.at / "repo")
        self.init()
        points = [self.backup(self.small)["point"]]
        disk.fill()
        for _ in range(400):
            (self.small / "changing").write_bytes(self.random.randbytes(60_000))
            content = content_of(self.small)
            result = self.run_program("--json", "backup", self.small, code=None)
            if result.code != 0:
                break
            points.append(result.one("summary")["point"])
            last = content
        self.assertEqual(result.code, 1, result.err)
        self.assertIn('"kind":"no space"', result.err)
        self.assertEqual(self.listed(), points)
        self.assert_deep_check_is_clean()
        if len(points) > 1:
            self.assert_restores(points[-1], self.small, last)
        disk.free_what_was_filled()
        disk.grow(40 * MIB)
        points.append(self.backup(self.small)["point"])
        self.assertEqual(self.listed(), points)
        self.assert_restores(points[-1], self.small, content)
        self.assert_deep_check_is_clean()

    # ------------------------------------------------------------------------------ cache, target

    def test_with_the_cache(self):
        self.init()
        for size in range(512 << 10, 3 * MIB, 256 << 10):
            with self.subTest(size=size):
                disk = disk_to_fill(self, f"disk{size}", size)
                disk.fill(leave=self.random.choice((0, 4096, 20_000)))
                self.env["PERDURE_CACHE_DIR"] = str(disk.at / "cache")
                for _ in range(2):
                    self.change(self.large, share=0.05)
                    summary = self.backup(self.large)
                    self.assertEqual((summary["outcome"], summary["issues"]), ("success", 0))
                    self.assert_restores(summary["point"], self.large, content_of(self.large))
                disk.unmount()
                count("enospc_sizes")
        self.assert_deep_check_is_clean()

    def test_with_the_target_of_a_restore(self):
        self.init()
        self.backup(self.large)
        for size in range(1 * MIB, 7 * MIB, 768 << 10):
            with self.subTest(size=size):
                disk = disk_to_fill(self, f"disk{size}", size)
                target = disk.at / "target"
                self.fails_for_want_of_space("restore", f"latest:{self.large}", "--target", target, where=target)
                disk.grow(32 * MIB)
                self.run_program("restore", f"latest:{self.large}", "--target", target, "--overwrite", "if-changed")
                self.assertEqual(content_of(target), self.large_content)
                disk.unmount()
                count("enospc_sizes")
        self.assert_deep_check_is_clean()


if __name__ == "__main__":
    main()
