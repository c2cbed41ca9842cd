"""Every command once: what it prints for people, its JSON, its exit code."""

import io
import os
import stat
import subprocess
import tarfile
import unittest

from harness import CliTest, content_of, signal, wait_until


class Commands(CliTest):
    def setUp(self):
        super().setUp()
        self.tree = self.make_tree({
            "a.txt": "first\n",
            "empty": "",
            "big.bin": os.urandom(300_000),
            "sub/b.txt": "second\n",
            "sub/deep/c.log": "third\n",
            "other/d.txt": "fourth\n",
        })
        os.symlink("a.txt", self.tree / "link")
        os.chmod(self.tree / "sub", 0o750)
        os.utime(self.tree / "sub", ns=(0, 981_173_106_123_456_789))

    def two_points(self):
        self.init()
        self.backup(self.tree)
        (self.tree / "a.txt").write_text("changed\n")
        (self.tree / "new.txt").write_text("new\n")
        (self.tree / "other/d.txt").unlink()
        os.chmod(self.tree / "empty", 0o600)
        self.backup(self.tree)

    def test_version(self):
        self.assertRegex(self.run_program("version").out, r"^perdure \d+\.\d+\.\d+ \(repository format 1\)\n$")
        line = self.json("version").one("version")
        self.assertEqual(line["format"], 1)

    def test_without_a_command_help_is_printed(self):
        self.assertIn("backup", self.run_program(code=1).out)

    def test_init_prints_a_recovery_key_that_opens_the_repository(self):
        made = self.init()
        self.assertRegex(made["repository"], "^[0-9a-f]{32}$")
        self.assertTrue(made["recovery_key"].startswith("perdure-1-"))
        self.run_program("list", env={"PERDURE_PASSWORD": made["recovery_key"]})

    def test_summary_of_a_backup(self):
        self.init()
        result = self.json("backup", self.tree)
        summary = result.lines()[-1]
        self.assertEqual(summary["type"], "summary")
        self.assertEqual(summary["outcome"], "success")
        self.assertEqual(summary["issues"], 0)
        self.assertRegex(summary["point"], "^[0-9a-f]+-[0-9a-f]+$")
        size = sum(len(e[3]) for e in content_of(self.tree).values() if e[0] == "file" and len(e) > 3)
        self.assertGreaterEqual(summary["read"], 300_000)
        self.assertLessEqual(summary["new"], size)
        for field in ("stored", "seconds", "captured", "unchanged", "excluded", "failed"):
            self.assertIn(field, summary)
        self.assertEqual(summary["captured"], summary["entries"])

    def test_second_backup_stores_no_content(self):
        self.init()
        self.backup(self.tree)
        again = self.backup(self.tree)
        self.assertEqual(again["read"], 0)
        self.assertEqual(again["new"], 0)
        self.assertGreater(again["unchanged"], 0)

    def objects(self):
        return sorted(p for p in self.repo.rglob("*") if p.is_file())

    def test_an_enrolled_machine_backs_up_and_lists_without_a_password_and_reads_nothing(self):
        tree = self.make_tree({"a": b"one"})
        self.init()
        del self.env["PERDURE_PASSWORD"]
        made = self.run_program("backup", "--json", tree).one("summary")
        (listed,) = self.run_program("list", "--json").of_type("point")
        self.assertEqual(listed["id"], made["point"])
        for reading in (["ls", "latest"], ["restore", "latest", "--target", self.dir / "out"], ["check"]):
            refused = self.run_program(*reading, code=1)
            self.assertIn("no password given", refused.err)
        # Elsewhere there is no such key, and nobody to ask.
        self.run_program("backup", tree, code=1, env={"PERDURE_CONFIG_DIR": str(self.dir / "other")})

    def test_a_revoked_machine_is_enrolled_anew_by_the_password_alone(self):
        tree = self.make_tree({"a": b"one"})
        self.init()
        self.run_program("key", "writer", "revoke", "1")
        password = self.env.pop("PERDURE_PASSWORD")
        refused = self.run_program("backup", tree, code=1)
        self.assertIn("revoked", refused.err)
        self.assertIn("give the password", refused.err)
        self.run_program("backup", tree, env={"PERDURE_PASSWORD": password})
        self.run_program("backup", tree)

    def test_dry_run_makes_no_point(self):
        self.init()
        before = self.objects()
        would = self.backup(self.tree, "--dry-run")
        self.assertIsNone(would["point"])
        self.assertEqual((would["outcome"], would["dry_run"], would["unchanged"]), ("success", True, 0))
        self.assertEqual(self.objects(), before)
        done = self.backup(self.tree)
        self.assertEqual((would["entries"], would["bytes"]), (done["entries"], done["bytes"]))
        (self.tree / "new.txt").write_text("new\n")
        self.assertEqual(self.backup(self.tree, "--dry-run")["entries"], done["entries"] + 1)
        self.assertEqual(len(self.points()), 1)
        self.fails("backup", "--dry-run", "--stdin", code=1, says="does not go with a stream")

    def test_list_and_show(self):
        self.two_points()
        points = self.points()
        self.assertEqual(len(points), 2)
        self.assertEqual(points[0]["paths"], [str(self.tree)])
        self.assertEqual(points[1]["previous"], points[0]["id"])
        self.assertEqual(self.run_program("list").out, self.run_program("snapshots").out)
        shown = self.json("show", points[1]["id"]).one("point")
        self.assertEqual(shown["digest"], points[1]["digest"])
        self.assertEqual([r["path"] for r in shown["roots"]], [str(self.tree)])
        self.assertEqual(shown["issue_list"], [])
        text = self.run_program("show", "latest").out
        self.assertIn(f"root {self.tree}", text)
        self.assertIn("success", text)

    def test_show_lists_the_issues(self):
        self.init()
        summary = self.backup(self.tree, self.dir / "missing", code=3)
        self.assertEqual((summary["outcome"], summary["issues"]), ("partial", 1))
        issues = self.json("show", "latest").one("point")["issue_list"]
        self.assertEqual([i["path"] for i in issues], [str(self.dir / "missing")])
        self.assertEqual(self.points()[0]["outcome"], "partial")

    def test_ls_of_a_directory_shows_what_lies_in_it_and_nothing_below(self):
        self.two_points()
        out = self.run_program("ls", f"latest:{self.tree}").out
        names = {"a.txt", "big.bin", "empty", "link", "new.txt", "other", "sub"}
        self.assertEqual(out.splitlines(), [f"{self.tree}/{n}" for n in sorted(names)])
        deep = self.run_program("ls", "-R", f"latest:{self.tree}/sub").out
        self.assertEqual(deep.splitlines(), [f"{self.tree}/{n}" for n in ("sub", "sub/b.txt", "sub/deep", "sub/deep/c.log")])
        whole = self.run_program("ls", "latest").out
        self.assertEqual(len(whole.splitlines()), len(content_of(self.tree)))

    def test_ls_long_and_json(self):
        self.two_points()
        line = self.run_program("ls", "-l", f"latest:{self.tree}/link").out
        self.assertRegex(line, r"^lrwxrwxrwx .* -> a\.txt\n$")
        entry = self.json("ls", f"latest:{self.tree}/sub/b.txt").one("entry")
        self.assertEqual((entry["kind"], entry["size"], entry["path"]), ("file", 7, f"{self.tree}/sub/b.txt"))
        directory = [e for e in self.json("ls", f"latest:{self.tree}").of_type("entry") if e["path"].endswith("/sub")][0]
        self.assertEqual(directory["permissions"], "drwxr-x---")
        self.assertEqual(directory["mtime_ns"], 981_173_106_123_456_789)

    def test_ls_of_what_is_not_there(self):
        self.two_points()
        self.fails("ls", f"latest:{self.tree}/nothing", code=1, says="holds no")
        self.fails("ls", "latest:/elsewhere", code=1, says="next: see what it holds")

    def test_find(self):
        self.two_points()
        found = self.json("find", "*.txt", "--latest").of_type("match")
        self.assertEqual([m["path"].rsplit("/", 1)[1] for m in found], ["a.txt", "new.txt", "b.txt"])
        everywhere = self.json("find", "d.txt")
        self.assertEqual(len(everywhere.of_type("match")), 1)
        self.assertEqual(everywhere.one("summary")["points"], 2)
        self.assertEqual(self.json("find", f"{self.tree}/*", "--latest", "--type", "d").one("summary")["matches"], 2)
        self.assertEqual(self.json("find", "*", "--latest", "--type", "l").one("summary")["matches"], 1)
        old = self.json("find", "*", "--latest", "--older", "2002-01-01").of_type("match")
        self.assertEqual([m["path"] for m in old], [f"{self.tree}/sub"])
        self.assertEqual(self.json("find", "*", "--newer", "2999-01-01").one("summary")["matches"], 0)
        self.fails("find", "*", "--type", "x", code=1, says="--type takes")

    def test_diff(self):
        self.two_points()
        changes = {c["path"].removeprefix(f"{self.tree}/"): c["change"] for c in self.json("diff", "latest~1", "latest").of_type("change")}
        self.assertEqual(changes, {"a.txt": "modified", "new.txt": "added", "other/d.txt": "removed"})
        result = self.json("diff", "--metadata", "latest~1", "latest")
        changes = {c["path"].removeprefix(f"{self.tree}"): c["change"] for c in result.of_type("change")}
        self.assertEqual(changes, {"": "metadata", "/a.txt": "modified", "/empty": "metadata", "/new.txt": "added",
                                   "/other": "metadata", "/other/d.txt": "removed"})
        summary = result.one("summary")
        self.assertEqual((summary["added"]["bytes"], summary["removed"]["bytes"], summary["modified"]["files"]), (4, 7, 1))
        text = self.run_program("diff", "latest~1", "latest").out
        self.assertIn(f"M  {self.tree}/a.txt\n", text)
        self.assertIn(f"-  {self.tree}/other/d.txt\n", text)
        self.assertEqual(self.json("diff", "latest", "latest").of_type("change"), [])
        part = self.json("diff", f"latest~1:{self.tree}/other", f"latest:{self.tree}/other").of_type("change")
        self.assertEqual([c["path"] for c in part], [f"{self.tree}/other/d.txt"])

    def test_diff_compares_content_not_how_it_is_stored(self):
        self.init()
        self.backup(self.tree)
        # Another writer stores everything again.
        other = {"XDG_CONFIG_HOME": str(self.dir / "other-config"), "XDG_CACHE_HOME": str(self.dir / "other-cache")}
        self.backup(self.tree, env=other)
        ids = [p["id"] for p in self.points()]
        self.assertNotEqual(ids[0].split("-")[0], ids[1].split("-")[0])
        self.assertEqual(self.json("diff", *ids).of_type("change"), [])
        content = bytearray((self.tree / "big.bin").read_bytes())
        content[200_000] ^= 1
        (self.tree / "big.bin").write_bytes(content)
        self.backup(self.tree)
        changed = self.json("diff", ids[1], "latest").of_type("change")
        self.assertEqual([c["path"] for c in changed], [f"{self.tree}/big.bin"])

    def test_restore(self):
        self.two_points()
        target = self.dir / "target"
        summary = self.json("restore", f"latest:{self.tree}", "--target", target).one("summary")
        self.assertEqual((summary["outcome"], summary["issues"]), ("success", 0))
        self.assertEqual(content_of(target), content_of(self.tree))

    def test_restore_of_a_whole_point_keeps_paths(self):
        self.two_points()
        target = self.dir / "target"
        self.run_program("restore", "latest", "--target", target, "--verify")
        self.assertEqual(content_of(f"{target}{self.tree}"), content_of(self.tree))

    def test_restore_of_one_file_and_of_patterns(self):
        self.two_points()
        target = self.dir / "one"
        self.run_program("restore", f"latest:{self.tree}/sub/b.txt", "--target", target)
        self.assertEqual(os.listdir(target), ["b.txt"])
        target = self.dir / "patterns"
        self.run_program("restore", f"latest:{self.tree}", "--target", target, "--include", "*.log")
        self.assertEqual(set(content_of(target)), {".", "sub", "sub/deep", "sub/deep/c.log"})
        self.assertEqual(stat.S_IMODE(os.stat(target / "sub").st_mode), 0o750)
        target = self.dir / "without"
        self.run_program("restore", f"latest:{self.tree}", "--target", target, "--exclude", "sub", "--verify")
        self.assertFalse((target / "sub").exists())
        self.assertTrue((target / "a.txt").exists())

    def test_in_place_restore_touches_nothing_above(self):
        self.two_points()
        os.chmod(self.dir, 0o711)
        os.utime(self.dir, ns=(0, 10**18))
        before = os.stat(self.dir)
        (self.tree / "sub/b.txt").write_text("spoiled\n")
        self.run_program("restore", f"latest:{self.tree}/sub/b.txt", "--in-place")
        self.assertEqual((self.tree / "sub/b.txt").read_text(), "second\n")
        after = os.stat(self.dir)
        self.assertEqual((after.st_mode, after.st_mtime_ns), (before.st_mode, before.st_mtime_ns))

    def test_delete_removes_only_what_the_point_does_not_hold(self):
        self.two_points()
        target = self.dir / "target"
        self.run_program("restore", f"latest:{self.tree}", "--target", target)
        (target / "extra").write_text("x")
        (target / "sub/extra").write_text("x")
        self.run_program("restore", f"latest:{self.tree}", "--target", target, "--delete", "--overwrite", "if-changed", "--include", "sub")
        self.assertTrue((target / "extra").exists())
        self.assertFalse((target / "sub/extra").exists())
        self.run_program("restore", f"latest:{self.tree}", "--target", target, "--delete", "--overwrite", "if-changed", "--exclude", "*.txt")
        self.assertFalse((target / "extra").exists())
        self.assertTrue((target / "a.txt").exists())
        self.assertEqual(content_of(target), content_of(self.tree))

    def test_overwrite(self):
        self.two_points()
        target = self.dir / "target"
        self.run_program("restore", f"latest:{self.tree}", "--target", target)
        (target / "a.txt").write_text("mine\n")
        self.run_program("restore", f"latest:{self.tree}", "--target", target, "--overwrite", "never")
        self.assertEqual((target / "a.txt").read_text(), "mine\n")
        self.run_program("restore", f"latest:{self.tree}", "--target", target, "--overwrite", "always")
        self.assertEqual(content_of(target), content_of(self.tree))

    def test_dry_run_of_a_restore_writes_nothing(self):
        self.two_points()
        self.run_program("restore", "latest", "--target", self.dir / "target", "--dry-run")
        self.assertFalse((self.dir / "target").exists())

    def test_dump_of_a_file(self):
        self.two_points()
        self.assertEqual(self.run_program("dump", f"latest:{self.tree}/big.bin").raw, (self.tree / "big.bin").read_bytes())

    def test_dump_of_a_directory_is_a_tar_archive(self):
        os.link(self.tree / "a.txt", self.tree / "other/hard")
        os.mkfifo(self.tree / "fifo")
        with open(self.tree / "sparse", "wb") as file:
            file.seek(4_000_000)
            file.write(b"end")
        self.two_points()
        data = self.run_program("dump", f"latest:{self.tree}").raw
        self.assertLess(len(data), 1_000_000)  # the hole is none in the archive
        archive = tarfile.open(fileobj=io.BytesIO(data))
        members = {m.name: m for m in archive}
        self.assertEqual(archive.extractfile(members["sub/b.txt"]).read(), b"second\n")
        self.assertEqual(archive.extractfile(members["sparse"]).read(), bytes(4_000_000) + b"end")
        self.assertEqual(members["link"].linkname, "a.txt")
        self.assertTrue(members["other/hard"].islnk())
        self.assertEqual(members["other/hard"].linkname, "a.txt")
        self.assertTrue(members["fifo"].isfifo())
        self.assertEqual(members["sub"].mode, 0o750)
        self.assertAlmostEqual(members["sub"].mtime, 981_173_106.123456789, places=3)
        whole = tarfile.open(fileobj=io.BytesIO(self.run_program("dump", "latest").raw))
        self.assertIn(f"{self.tree}/a.txt"[1:], whole.getnames())
        one = tarfile.open(fileobj=io.BytesIO(self.run_program("dump", "--archive", f"latest:{self.tree}/a.txt").raw))
        self.assertEqual(one.getnames(), ["a.txt"])

    def test_dump_says_what_tar_cannot_hold(self):
        import socket
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(self.tree / "socket"))
            self.two_points()
        self.assertIn("cannot hold a socket", self.run_program("dump", f"latest:{self.tree}", code=3).err)

    def test_dump_into_a_closed_pipe_fails(self):
        self.two_points()
        process = self.start("dump", f"latest:{self.tree}")
        process.stdout.close()
        self.assertEqual(process.wait(60), 1)

    def test_names_that_are_not_utf8(self):
        name = os.fsencode(self.tree) + b"/bad\xff\n\x1b[31mname"
        with open(name, "wb") as file:
            file.write(b"content")
        self.two_points()
        out = self.run_program("ls", f"latest:{self.tree}")
        self.assertNotIn(b"\x1b", out.raw)
        self.assertIn(b"bad\xff\\x0a\\x1b[31mname", out.raw)
        entry = [e for e in self.json("ls", f"latest:{self.tree}").of_type("entry") if "path_hex" in e]
        self.assertEqual([bytes.fromhex(e["path_hex"]) for e in entry], [name])
        archive = self.run_program("dump", f"latest:{self.tree}").raw
        self.assertIn(b"bad\xff\n\x1b[31mname", archive)

    def test_tag(self):
        self.two_points()
        self.assertEqual(self.json("tag", "latest", "--add", "b", "--add", "a").one("tags")["tags"], ["a", "b"])
        self.assertEqual(self.points()[1]["tags"], ["a", "b"])
        self.assertEqual(len(self.points("--tag", "a,b")), 1)
        self.json("tag", "latest", "--remove", "a")
        self.assertEqual(self.points("--tag", "a"), [])
        self.assertEqual(self.json("tag", "latest", "--remove", "a").one("tags")["changed"], False)
        self.json("tag", "latest~1", "latest", "--set", "c")
        self.assertEqual([p["tags"] for p in self.points()], [["c"], ["c"]])
        self.json("tag", "latest", "--clear")
        self.assertEqual(self.points()[1]["tags"], [])
        self.fails("tag", "latest", code=1, says="nothing to do")
        self.fails("tag", "latest", "--add", "a,b", code=1, says="no tag")

    def test_cat(self):
        made = self.init()
        self.backup(self.tree)
        cat = lambda *args: self.json("cat", *args).one("record")["content"]
        self.assertEqual(cat("config")["repository"], made["repository"])
        epoch = cat("epoch")
        self.assertEqual(epoch, cat("epoch", "1"))
        self.assertEqual(cat("slot", epoch["slots"][0]["id"])["argon2"]["passes"], 2)
        self.assertEqual(cat("enrolment", "1")["certificate"]["role"], "writer")
        point = self.points()[0]["id"]
        self.assertEqual(cat("log", point)["purpose"], "backup")
        self.assertEqual(cat("point", point)["sources"], [str(self.tree)])
        pages = [cat("page", cat("body", point)["roots"][0]["page"])]
        if pages[0]["kind"] == "inner":  # where pages end is a matter of the repository's key
            pages = [cat("page", child["page"]) for child in pages[0]["children"]]
        run = [e for page in pages for e in page["entries"] if e["path"] == "big.bin"][0]["recipe"][0]
        self.assertEqual(cat("block", run["block"])["birth"], run["block"])
        index = cat("index", point)
        self.assertEqual(index["session"], point)
        manifest = cat("manifest", run["block"].rsplit("/", 1)[0])
        self.assertEqual(sum(leaf["length"] for s in manifest["slots"] for leaf in s["leaves"]),
                         sum(s["raw_length"] for s in manifest["slots"]))
        self.fails("cat", "log", "nonsense", code=1, says="not of the form")
        self.fails("cat", "slot", "00" * 16, code=1, says="keys/")
        self.run_program("cat", "soup", code=1)

    def test_how_hard_a_password_is_to_guess(self):
        def costs(*key):
            cat = lambda *args: self.json(*key, "cat", *args).one("record")["content"]
            found = [cat("slot", slot["id"])["argon2"] for slot in cat("epoch")["slots"]]
            return [(cost["memory_kib"], cost["passes"]) for cost in found]

        self.cheap_slots = False
        self.init()
        self.assertEqual(costs(), [(64 * 1024, 3)])
        new = self.dir / "new"
        new.write_text("battery staple\n")
        self.json("key", "add", "--new-password-file", new, "--kdf-memory", 20, "--kdf-passes", 4)
        self.assertEqual(costs(), [(64 * 1024, 3), (20 * 1024, 4)])
        self.assertEqual(len(self.json("--password-file", new, "key", "list").of_type("key_slot")), 2)
        self.json("key", "rotate", "--new-password-file", new, "--kdf-passes", 2)
        self.assertEqual(costs("--password-file", new), [(64 * 1024, 2)])
        other = self.dir / "other"
        for weak in (["--kdf-memory", 18], ["--kdf-passes", 1], ["--kdf-memory", 4097], ["--kdf-passes", 65]):
            self.fails("init", "-r", other, *weak, code=1, says=weak[0])
            self.assertFalse(other.exists())

    def test_cat_shows_no_secret(self):
        made = self.init()
        self.backup(self.tree)
        config = self.dir / "home/.config/perdure/writers"
        key = next(config.iterdir()).read_text()
        for what in (["config"], ["epoch"], ["enrolment", "1"], ["point", "1-1"], ["log", "1-1"]):
            out = self.run_program("cat", *what).out
            self.assertNotIn(made["recovery_key"], out)
            self.assertNotIn(key.splitlines()[1], out)

    def test_stream(self):
        self.init()
        data = os.urandom(3_000_000)
        self.backup("--stdin", input=data)
        self.assertEqual(self.run_program("dump", "latest").raw, data)
        self.backup("--stdin-from-command", "--", "sh", "-c", "echo hello")
        self.assertEqual(self.run_program("dump", "latest").raw, b"hello\n")

    def test_progress_is_printed_on_sigusr1(self):
        self.init()
        process = self.start("backup", "--stdin")
        process.stdin.write(b"x" * 1000)
        process.stdin.flush()
        self.assertTrue(wait_until(lambda: (self.repo / "log").is_dir() and any((self.repo / "log").iterdir())))
        process.send_signal(signal.SIGUSR1)
        line = process.stderr.readline()
        self.assertRegex(line.decode(), r"backup .*files")
        out, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0)


class Help(CliTest):
    def commands(self):
        return self.json("help").of_type("command")

    def test_topics(self):
        for topic in ("selectors", "exit-codes", "json", "environment", "patterns"):
            text = self.run_program("help", topic).out
            self.assertGreater(len(text), 200)
            self.assertLessEqual(max(map(len, text.splitlines())), 80, topic)
        self.assertIn("130", self.run_program("help", "exit-codes").out)
        self.fails("help", "nonsense", code=1, says="neither a command")

    def test_help_of_every_command_says_what_each_option_does(self):
        for command in self.commands():
            words = command["name"].split()
            self.assertEqual(self.run_program("help", *words).code, 0)
            if not words:
                continue
            self.assertEqual(self.run_program(*words, "--help").out, self.run_program("help", *words).out)
            self.assertTrue(command["description"], command["name"])
            for option in command["options"]:
                self.assertTrue(option["description"], f"{command['name']} {option['names']}")

    def test_every_command_takes_json(self):
        for command in self.commands():
            self.assertIn("--json", [n for o in self.commands()[0]["options"] for n in o["names"]], command["name"])

    def test_unknown_words_are_refused(self):
        self.fails("frobnicate", code=1, says="next: see `perdure --help`")
        self.fails("list", "--frobnicate", code=1, says="frobnicate")

    def test_completion_of_bash_offers_commands_and_options(self):
        script = self.run_program("completion", "bash").out
        ask = 'COMP_CWORD=$(($# - 1)); COMP_WORDS=("$@"); _perdure; printf "%s\\n" "${COMPREPLY[@]}"'

        def complete(*words):
            out = subprocess.run(["bash", "-c", f"{script}\n{ask}", "bash", *words], stdout=subprocess.PIPE, check=True)
            return out.stdout.decode().split()

        names = [c["name"] for c in self.commands() if c["name"] and " " not in c["name"]]
        self.assertEqual([w for w in complete("perdure", "") if not w.startswith("-")], names)
        self.assertEqual(complete("perdure", "res"), ["restore"])
        self.assertIn("--exclude-caches", complete("perdure", "-r", "/repo", "backup", "--excl"))
        self.assertEqual(complete("perdure", "-r", "list", "diff", "--meta"), ["--metadata"])

    def test_completion_scripts_are_well_formed(self):
        for shell in ("bash", "zsh", "fish"):
            script = self.run_program("completion", shell).raw
            path = self.dir / shell
            path.write_bytes(script)
            try:
                subprocess.run([shell, "-n", path], check=True)
            except FileNotFoundError:
                pass  # that shell is not here to ask
        self.run_program("completion", "tcsh", code=1)


if __name__ == "__main__":
    unittest.main()
