"""What goes wrong at the door: each expected bad input has its answer and its exit code."""

import os
import shutil
import stat
import subprocess
import unittest

from harness import CliTest, NOBODY, content_of, needs_root


class Repository(CliTest):
    def test_wrong_password(self):
        self.init()
        self.fails("list", code=12, says="wrong password", env={"PERDURE_PASSWORD": "battery staple"})
        error = self.json("list", code=12, env={"PERDURE_PASSWORD": "battery staple"})
        self.assertEqual(error.out, "")
        self.assertIn('"exit_code":12', error.err)

    def test_wrong_recovery_key(self):
        made = self.init()
        self.fails("list", code=12, says="key", env={"PERDURE_PASSWORD": self.other_recovery_key(made["recovery_key"])})
        self.fails("list", code=1, says="recovery key", env={"PERDURE_PASSWORD": made["recovery_key"][:-3]})

    def other_recovery_key(self, _):
        return self.json("init", "-r", self.dir / "other").one("init")["recovery_key"]

    def test_no_password_and_no_terminal(self):
        self.init()
        del self.env["PERDURE_PASSWORD"]
        self.fails("check", code=1, says="next: use --password-file")

    def test_password_sources(self):
        self.init()
        password = self.env.pop("PERDURE_PASSWORD")
        file = self.dir / "password"
        file.write_text(password + "\nsecond line\n")
        self.run_program("list", "--password-file", file)
        self.run_program("list", env={"PERDURE_PASSWORD_FILE": str(file)})
        self.run_program("list", "--password-command", f"cat {file}")
        self.fails("list", "--password-file", self.dir / "none", code=1, says="No such file")
        self.fails("list", "--password-command", "exit 3", code=1, says="exit status 3")
        file.write_text("\n")
        self.fails("list", "--password-file", file, code=1, says="is empty")

    def test_no_repository(self):
        self.fails("list", code=10, says=f"no repository at {self.repo}")
        self.repo.mkdir()
        self.fails("list", code=10, says="next: .*perdure init")
        self.fails("backup", "/etc/hostname", code=10, says="no repository")
        self.assertEqual(list(self.repo.iterdir()), [])

    def test_a_location_that_is_no_directory(self):
        self.repo.write_text("a file")
        self.fails("init", code=1, says="not a directory")
        self.run_program("list", code=None)
        self.assertEqual(self.repo.read_text(), "a file")

    def test_no_location(self):
        del self.env["PERDURE_REPOSITORY"]
        self.fails("list", code=1, says="next: use -r DIRECTORY")

    def test_a_location_this_version_does_not_know(self):
        self.fails("list", "-r", "sftp:host:/path", code=1, says="local directories and S3")

    def test_init_over_a_repository_and_over_other_things(self):
        self.init()
        self.fails("init", code=1, says="already")
        other = self.make_tree({"precious.txt": "mine"}, "other")
        self.fails("init", "-r", other, code=1, says="not empty")
        self.assertEqual(os.listdir(other), ["precious.txt"])

    def test_two_inits_at_once_make_one_repository(self):
        for attempt in range(4):
            repo = self.dir / f"contested{attempt}"
            passwords = ["first", "second", "third"]
            racers = [self.start("--json", "init", "-r", repo, env={"PERDURE_PASSWORD": p}) for p in passwords]
            codes = [(r.communicate(timeout=120), r.returncode)[1] for r in racers]
            winners = [p for p, code in zip(passwords, codes) if code == 0]
            self.assertEqual(len(winners), 1, codes)
            for password in passwords:
                code = 0 if password in winners else 12
                self.run_program("list", "-r", repo, code=code, env={"PERDURE_PASSWORD": password})

    def test_a_damaged_identity_of_this_machine_keeps_nobody_out(self):
        self.init()
        tree = self.make_tree({"a": "content"})
        self.backup(tree)
        identity = next((self.dir / "home/.config/perdure/writers").iterdir())
        for content in (b"", identity.read_bytes()[:100]):
            identity.write_bytes(content)
            self.run_program("restore", f"latest:{tree}", "--target", self.dir / f"target{len(content)}")
            self.backup(tree)
            self.assertGreater(len(identity.read_bytes()), 200)
        self.assertEqual([p["id"] for p in self.points()], ["1-1", "2-1", "3-1"])

    def test_a_newer_format_is_refused(self):
        self.init()
        config = self.repo / "perdure"
        data = bytearray(config.read_bytes())
        self.assertTrue(data)
        data[len(data) // 2] ^= 0xFF
        os.chmod(config, 0o644)
        config.write_bytes(data)
        result = self.run_program("list", code=None)
        self.assertEqual(result.code, 1)
        self.assertIn("perdure", result.err)

    def test_a_missing_point(self):
        self.init()
        self.fails("show", "latest", code=1, says='no point matches "latest"')
        self.fails("ls", "7-7", code=1, says="next: see `perdure list`")

    @needs_root
    def test_a_repository_that_cannot_be_written(self):
        tree = self.make_tree({"a": "content"})
        self.init()
        self.backup(tree)
        read_only = self.dir / "read-only"
        read_only.mkdir()
        subprocess.run(["mount", "--bind", self.repo, read_only], check=True)
        self.addCleanup(subprocess.run, ["umount", read_only], check=True)
        subprocess.run(["mount", "-o", "remount,ro,bind", read_only], check=True)
        self.assertEqual(len(self.points("-r", read_only)), 1)
        self.run_program("restore", f"latest:{tree}", "--target", self.dir / "target", "-r", read_only)
        self.assertEqual(content_of(self.dir / "target"), content_of(tree))
        self.fails("backup", tree, "-r", read_only, code=1, says="[Rr]ead-only")
        self.fails("init", "-r", read_only, code=1, says="already|Read-only")

    @needs_root
    def test_a_full_disk(self):
        image = self.dir / "disk"
        mounted = self.dir / "mounted"
        mounted.mkdir()
        with open(image, "wb") as file:
            file.truncate(24 << 20)
        subprocess.run(["mkfs.ext4", "-q", image], check=True)
        subprocess.run(["mount", "-o", "loop", image, mounted], check=True)
        self.addCleanup(subprocess.run, ["umount", mounted], check=True)
        self.env["PERDURE_REPOSITORY"] = str(mounted / "repo")
        self.init()
        small = self.make_tree({"a": "content"}, "small")
        self.backup(small)
        large = self.make_tree({"b": os.urandom(40 << 20)}, "large")
        self.fails("backup", large, code=1, says="[Nn]o space|full")
        self.assertEqual(len(self.points()), 1)
        self.run_program("restore", f"latest:{small}", "--target", self.dir / "target")
        self.assertEqual(content_of(self.dir / "target"), content_of(small))


class Cache(CliTest):
    @needs_root
    def test_a_cache_owned_by_someone_else_is_left_alone(self):
        tree = self.make_tree({"a": "content"})
        self.init()
        cache = self.dir / "cache"
        cache.mkdir(mode=0o755)
        os.chown(cache, NOBODY, NOBODY)
        self.env["PERDURE_CACHE_DIR"] = str(cache)
        result = self.run_program("backup", tree)
        self.assertIn(str(cache), result.err)
        self.assertEqual(list(cache.rglob("*")), [])
        self.assertEqual(self.backup(tree)["outcome"], "success")

    def test_a_cache_that_was_deleted_or_spoiled_between_runs_does_no_harm(self):
        tree = self.make_tree({f"d{i}/f{i}": os.urandom(5000) for i in range(50)})
        self.init()
        self.env["PERDURE_CACHE_DIR"] = str(self.dir / "cache")
        self.backup(tree)
        shutil.rmtree(self.dir / "cache")
        self.assertEqual(self.backup(tree)["new"], 0)
        for file in [p for p in (self.dir / "cache").rglob("*") if p.is_file()]:
            data = bytearray(file.read_bytes())
            file.write_bytes(data[:len(data) // 2] + bytes(len(data) // 4))
        self.assertEqual(self.backup(tree)["new"], 0)
        self.run_program("restore", f"latest:{tree}", "--target", self.dir / "target")
        self.assertEqual(content_of(self.dir / "target"), content_of(tree))

    def test_no_cache(self):
        tree = self.make_tree({"a": "content"})
        self.init()
        self.env["PERDURE_CACHE_DIR"] = str(self.dir / "cache")
        self.backup("--no-cache", tree)
        self.assertFalse((self.dir / "cache").exists())

    def test_a_cache_that_is_no_directory(self):
        tree = self.make_tree({"a": "content"})
        self.init()
        (self.dir / "cache").write_text("a file")
        self.env["PERDURE_CACHE_DIR"] = str(self.dir / "cache")
        self.assertEqual(self.backup(tree)["outcome"], "success")
        self.assertEqual((self.dir / "cache").read_text(), "a file")


class Sources(CliTest):
    def setUp(self):
        super().setUp()
        self.tree = self.make_tree({"a.txt": "first", "sub/b.txt": "second", "sub/c.log": "third"})
        self.init()

    def paths(self, point="latest"):
        return [e["path"].removeprefix(str(self.tree)) for e in self.json("ls", point).of_type("entry")]

    def test_a_missing_source_fails_and_makes_no_point(self):
        self.fails("backup", self.dir / "missing", code=1, says="missing")
        self.assertEqual(self.points(), [])

    def test_nothing_to_back_up(self):
        self.fails("backup", code=1, says="nothing to back up")

    def test_paths_and_a_stream_do_not_go_together(self):
        self.fails("backup", self.tree, "--stdin", code=1, says="one point")

    def test_files_from(self):
        lists = self.dir / "list"
        lists.write_text(f"# a comment\n{self.tree}/a.txt\n\n{self.tree}/sub\n")
        self.assertEqual(self.backup("--files-from", lists)["outcome"], "success")
        self.assertEqual(self.points()[0]["paths"], [f"{self.tree}/a.txt", f"{self.tree}/sub"])

    def test_files_from_with_a_missing_entry_is_partial(self):
        lists = self.dir / "list"
        lists.write_text(f"{self.tree}/a.txt\n{self.dir}/missing\n")
        result = self.json("backup", "--files-from", lists, code=3)
        self.assertEqual([i["path"] for i in result.of_type("issue")], [f"{self.dir}/missing"])
        self.assertEqual(result.one("summary")["outcome"], "partial")
        self.assertEqual(self.paths(), ["/a.txt"])

    def test_files_from_raw_takes_any_name(self):
        odd = self.tree / "#new\nline "
        odd.write_text("odd")
        lists = self.dir / "list"
        lists.write_bytes(os.fsencode(odd) + b"\0" + os.fsencode(self.tree / "a.txt") + b"\0")
        self.assertEqual(self.backup("--files-from-raw", lists)["outcome"], "success")
        self.assertEqual(set(self.points()[0]["paths"]), {str(odd), f"{self.tree}/a.txt"})

    def test_a_list_that_would_lose_paths_is_refused(self):
        lists = self.dir / "list"
        lists.write_bytes(os.fsencode(self.tree / "a.txt") + b"\0" + os.fsencode(self.tree / "sub") + b"\0")
        self.fails("backup", "--files-from", lists, code=1, says="--files-from-raw")
        self.fails("backup", "--exclude-file", lists, self.tree, code=1, says="one path or pattern a line")
        for option in ("--files-from", "--files-from-raw", "--exclude-file"):
            self.fails("backup", option, self.tree, self.tree, code=1, says="is a directory, not a list")
        lists.write_bytes(b"\0")
        self.fails("backup", "--files-from-raw", lists, code=1, says="path 1 is empty")
        self.fails("backup", "--files-from-raw", lists, code=1, says="find -print0")
        self.assertEqual(self.points(), [])

    def test_files_from_a_missing_list(self):
        self.fails("backup", "--files-from", self.dir / "none", code=1, says="none: No such file")

    def test_a_failing_command_leaves_no_point(self):
        self.fails("backup", "--stdin-from-command", "--", "sh", "-c", "echo some; exit 7", code=1, says="7")
        self.fails("backup", "--stdin-from-command", "--", "/no/such/program", code=1, says="no/such/program|127")
        self.assertEqual(self.points(), [])

    @needs_root
    def test_an_unreadable_source_is_partial_and_named(self):
        os.chmod(self.tree / "a.txt", 0)
        os.chmod(self.tree / "sub", 0)
        self.give_to_nobody(self.repo, self.dir / "home")
        result = self.json("backup", self.tree, code=3, user=NOBODY)
        summary = result.one("summary")
        self.assertEqual(summary["outcome"], "partial")
        self.assertEqual({i["path"] for i in result.of_type("issue")}, {f"{self.tree}/a.txt", f"{self.tree}/sub"})
        self.assertGreaterEqual(summary["issues"], 2)
        # The counts add up: what was seen was captured, unchanged, excluded, or failed.
        # The file, and all that lies in the directory that could not be listed: it counts as one.
        self.assertEqual(summary["failed"], 2)
        self.assertIn("/sub", self.paths())
        self.assertNotIn("/a.txt", self.paths())

    def test_the_repository_inside_the_tree_is_left_out(self):
        inside = self.tree / "repo"
        self.run_program("init", "-r", inside)
        self.env["PERDURE_REPOSITORY"] = str(inside)
        self.env["PERDURE_CACHE_DIR"] = str(self.tree / "cache")
        for _ in range(3):
            self.backup(self.tree)
        paths = self.paths()
        self.assertIn("/sub/b.txt", paths)
        self.assertEqual([p for p in paths if p.startswith(("/repo", "/cache/"))], [])

    def test_the_repository_is_no_source_of_its_own_backup(self):
        self.fails("backup", self.tree, self.repo, code=1, says="is the repository")
        self.assertEqual(self.points(), [])

    def test_exclusions(self):
        (self.tree / "cached").mkdir()
        (self.tree / "cached/CACHEDIR.TAG").write_text("Signature: 8a477f597d28d172789f06886806bc55\n")
        (self.tree / "cached/x").write_text("x")
        (self.tree / "sub/.nobackup").write_text("")
        self.backup(self.tree, "--exclude", "*.log", "--exclude-caches")
        self.assertEqual(self.paths(), ["", "/a.txt", "/cached", "/sub", "/sub/.nobackup", "/sub/b.txt"])
        self.backup(self.tree, "--exclude-if-present", ".nobackup", "-e", "cached")
        self.assertEqual(self.paths(), ["", "/a.txt", "/sub"])
        patterns = self.dir / "patterns"
        patterns.write_text("# comment\n*.txt\n!b.txt\n")
        self.backup(self.tree, "--exclude-file", patterns)
        self.assertIn("/sub/b.txt", self.paths())
        self.assertNotIn("/a.txt", self.paths())
        self.fails("backup", self.tree, "--exclude", "[a", code=1, says=r"\[a")

    def test_bad_options(self):
        self.fails("backup", self.tree, "--compression", "soup", code=1, says="soup")
        self.fails("backup", self.tree, "--compression", "13", code=1, says="13")
        self.fails("backup", self.tree, "--verify-writes", "some", code=1, says="all or sample")

    def test_compression_settings_all_restore(self):
        (self.tree / "text").write_text("all work and no play\n" * 10_000)
        for setting in ("auto", "off", "fast", "default", "max", "7"):
            self.backup(self.tree, "--compression", setting, "--force")
        self.run_program("restore", f"latest:{self.tree}", "--target", self.dir / "target")
        self.assertEqual(content_of(self.dir / "target"), content_of(self.tree))


class Targets(CliTest):
    def setUp(self):
        super().setUp()
        self.tree = self.make_tree({"a.txt": "first", "sub/b.txt": "second"})
        self.init()
        self.backup(self.tree)

    def test_a_target_that_is_not_empty_is_asked_about(self):
        target = self.make_tree({"mine.txt": "mine"}, "target")
        self.fails("restore", "latest", "--target", target, code=1, says="not empty\n  next: .*--overwrite")
        self.assertEqual(os.listdir(target), ["mine.txt"])

    def test_a_target_is_needed(self):
        self.fails("restore", "latest", code=1, says="--target DIRECTORY")

    def test_a_target_that_is_a_file(self):
        (self.dir / "file").write_text("mine")
        self.fails("restore", "latest", "--target", self.dir / "file", code=1, says="file")
        self.assertEqual((self.dir / "file").read_text(), "mine")

    def test_a_path_the_point_does_not_hold(self):
        self.fails("restore", f"latest:{self.tree}/none", "--target", self.dir / "t", code=1, says="holds no")
        self.assertFalse((self.dir / "t").exists())

    def test_bad_options(self):
        self.fails("restore", "latest", "--target", self.dir / "t", "--overwrite", "maybe", code=1, says="--overwrite takes")
        self.fails("restore", "latest", "--target", "/", "--delete", code=1, says="--in-place")

    @needs_root
    def test_a_target_that_is_too_small(self):
        big = self.make_tree({"b": os.urandom(8 << 20)}, "big")
        self.backup(big)
        small = self.dir / "small"
        small.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small], check=True)
        self.addCleanup(subprocess.run, ["umount", small], check=True)
        self.fails("restore", f"latest:{big}", "--target", small, code=1, says="[Nn]o space")

    @needs_root
    def test_a_restore_without_root_says_what_it_could_not_restore(self):
        os.chown(self.tree / "a.txt", 1234, 1234)
        self.backup(self.tree)
        (self.dir / "t").mkdir()
        self.give_to_nobody(self.repo, self.dir / "home", self.dir / "t")
        result = self.run_program("restore", f"latest:{self.tree}", "--target", self.dir / "t", user=NOBODY, code=None)
        self.assertEqual((self.dir / "t/a.txt").read_text(), "first")
        self.assertIn(result.code, (0, 3))


class Selectors(CliTest):
    def setUp(self):
        super().setUp()
        self.a = self.make_tree({"x": "1"}, "a")
        self.b = self.make_tree({"y": "1"}, "b")
        self.init()
        self.ids = [
            self.backup(self.a, "--host", "web1", "--tag", "daily")["point"],
            self.backup(self.b, "--host", "web1", "--tag", "daily", "--tag", "full")["point"],
            self.backup(self.a, "--host", "web2")["point"],
            self.backup(self.a, "--host", "web1", "--tag", "full")["point"],
        ]

    def chosen(self, *args):
        return self.json("show", *args).one("point")["id"]

    def test_every_way_to_name_a_point(self):
        self.assertEqual(self.chosen("latest"), self.ids[3])
        self.assertEqual(self.chosen("latest~1"), self.ids[2])
        self.assertEqual(self.chosen("latest~3"), self.ids[0])
        self.assertEqual(self.chosen("latest@web2"), self.ids[2])
        self.assertEqual(self.chosen("latest@web1~1"), self.ids[1])
        self.assertEqual(self.chosen(self.ids[1]), self.ids[1])
        digest = self.points()[1]["digest"]
        self.assertEqual(self.chosen(digest), self.ids[1])
        self.assertEqual(self.chosen(digest[:12]), self.ids[1])

    def test_host_and_path(self):
        out = self.json("ls", f"latest@web1:{self.b}:{self.b}/y").of_type("entry")
        self.assertEqual([e["path"] for e in out], [f"{self.b}/y"])
        out = self.json("ls", f"latest@web1:{self.a}").of_type("entry")
        self.assertEqual([e["path"] for e in out], [str(self.a), f"{self.a}/x"])

    def test_filters(self):
        self.assertEqual(self.chosen("latest", "--tag", "daily"), self.ids[1])
        self.assertEqual(self.chosen("latest", "--tag", "daily,full"), self.ids[1])
        self.assertEqual(self.chosen("latest~1", "--tag", "daily", "--tag", "full"), self.ids[1])
        self.assertEqual(self.chosen("latest", "--host", "web2"), self.ids[2])
        self.assertEqual(self.chosen("latest", "--path", self.b), self.ids[1])
        self.assertEqual([p["id"] for p in self.points("--tag", "daily")], self.ids[:2])

    def test_before(self):
        finished = self.points()[2]["finished"]
        self.assertEqual(self.points("--before", "2001-01-01"), [])
        self.assertEqual(len(self.points("--before", "2999-01-01")), 4)
        self.fails("show", "latest", "--before", "2001-01-01T00:00:00", code=1, says="no point matches")
        self.fails("list", "--before", "yesterday", code=1, says="is no time")
        self.assertRegex(finished, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        hour = finished[:11] + "00:00:00"
        self.assertEqual(len(self.points("--before", hour + "Z")), len(self.points("--before", hour + "+00:00")))

    def test_what_names_nothing(self):
        for selector in ("latest~4", "latest@nowhere", "9-9", "latest~x", "ffffffffffff", "", "latestx"):
            self.run_program("show", selector, code=1)


if __name__ == "__main__":
    unittest.main()
