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

    # ------------------------------------------------------------------------------ collections

    def noise_tree(self, name, files, size):
        """Of files that take on the disk what they hold."""
        self.make_tree({f"noise{i}": self.random.randbytes(size) for i in range(files)}, name)
        return self.dir / name

    def repository_on(self, name, size):
        disk = disk_to_fill(self, name, size)
        self.env["PERDURE_REPOSITORY"] = str(disk.at / "repo")
        shutil.rmtree(self.dir / "home", ignore_errors=True)
        self.init()
        return disk

    @staticmethod
    def room(disk):
        """What is free and the reserve, which is given up and made again meanwhile."""
        reserve = disk.at / "repo" / "reserve"
        return disk.free() + (reserve.stat().st_size if reserve.exists() else 0)

    def collect(self, kept):
        """A run that did something; what is kept is there and whole."""
        result = self.run_program("--json", "gc", "--now", code=None)
        self.assertEqual(result.code, 0, result.err)
        self.assertEqual(self.listed(), kept)
        self.assert_deep_check_is_clean()
        return result.one("summary")

    def collect_all(self, kept, most=6):
        """What each run did, until one found room for all: the first one did not."""
        runs = [self.collect(kept)]
        self.assertIn("no room to copy", runs[0]["problems"][0]["text"])
        while runs[-1]["problems"]:
            self.assertLess(len(runs), most, runs)
            runs.append(self.collect(kept))
            self.assertGreater(runs[-1]["repacked"]["packs"], 0)
        return runs

    def test_a_collection_frees_space_on_a_full_disk(self):
        """With not a block left but the reserve: what is kept restores, what went makes room."""
        for leave in (0, 4096, 300_000):
            with self.subTest(leave=leave):
                disk = self.repository_on(f"disk{leave}", 40 * MIB)
                points = [self.backup(self.small)["point"], self.backup(self.large)["point"]]
                # More than what is copied later on: that has to fit into the room this leaves.
                gone = self.noise_tree(f"gone{leave}", files=4, size=CONTENT // 4)
                points.append(self.backup(gone)["point"])
                # A part of what other packs hold stays needed, so that a repack is wanted too.
                part = self.dir / f"part{leave}"
                shutil.copytree(self.large, part)
                for i in range(3):
                    (part / f"noise{i}").unlink()
                points.append(self.backup(part)["point"])
                disk.fill(leave=leave)
                before = self.room(disk)
                self.run_program("forget", points[1], points[2])
                kept = [points[0], points[3]]
                runs = self.collect_all(kept)
                self.assertGreaterEqual(runs[0]["freed"]["bytes"], CONTENT)
                self.assertEqual(runs[0]["repacked"]["packs"], 0)
                # How much of what is gone shares blocks with what is needed is a matter of chance.
                self.assertGreater(self.room(disk), before + CONTENT + MIB)
                self.assert_restores(points[0], self.small, self.small_content)
                self.assert_restores(points[3], part, content_of(part))
                disk.unmount()
                count("gc_full_disks")

    def points_needed_in_part(self, trees, files):
        """A point a tree, then one that needs the first file of each: that one, and the others."""
        part, points = self.dir / "part", []
        for i in range(trees):
            tree = self.noise_tree(f"whole{i}", files, size=MIB)
            points.append(self.backup(tree)["point"])
            (part / f"{i}").mkdir(parents=True)
            shutil.copy(tree / "noise0", part / f"{i}")
        return part, self.backup(part)["point"], points

    def test_a_collection_copies_what_there_is_room_for(self):
        """All that it would like to copy does not fit, a part does: that makes room for the rest."""
        disk = self.repository_on("disk", 48 * MIB)
        part, kept, gone = self.points_needed_in_part(trees=5, files=4)
        disk.fill(leave=5 * MIB // 2)
        before = self.room(disk)
        self.run_program("forget", *gone)
        runs = self.collect_all([kept])
        self.assertGreaterEqual(runs[0]["freed"]["bytes"], 4 * MIB)
        self.assertLess(runs[0]["repacked"]["packs"], 5)
        self.assertEqual(sum(run["repacked"]["packs"] for run in runs), 5)
        self.assertGreater(self.room(disk), before + 14 * MIB)
        self.assert_restores(kept, part, content_of(part))
        count("gc_short_of_room")

    def test_a_collection_that_can_do_nothing_on_a_full_disk_says_so(self):
        """No copy fits beside what is there, and nothing goes whole: an error, until there is room."""
        disk = self.repository_on("disk", 40 * MIB)
        part, kept, gone = self.points_needed_in_part(trees=2, files=4)
        disk.fill(leave=MIB // 2)
        self.run_program("forget", *gone)
        self.collect([kept])  # what describes the points that went goes whole
        for _ in range(2):
            self.fails_for_want_of_space("gc", "--now", where=disk.at)
            self.assertEqual(self.listed(), [kept])
            self.assert_deep_check_is_clean()
        disk.free_what_was_filled()
        self.assertEqual(self.collect([kept])["repacked"]["packs"], 2)
        self.assert_restores(kept, part, content_of(part))
        count("gc_short_of_room")

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
