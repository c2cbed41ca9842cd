#!/usr/bin/env python3
"""The lints can fail: each is run on a small tree that is clean, and on one with a planted violation."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

LINTS = pathlib.Path(__file__).resolve().parents[2] / "tools" / "lint"
CLEAN = {
    "src/layers.txt": "# comment\nbase:\nstore: base\nrepo: base store\n",
    "src/base/clock.h": "#pragma once\n// system_clock::now() is for clock.cc alone\n",
    "src/base/clock.cc": '#include "base/clock.h"\nlong f() { return clock_gettime(0, nullptr); }\n',
    "src/store/store.h": '#pragma once\n#include "base/clock.h"\n',
    "src/store/internal/detail.h": "#pragma once\n",
    "src/store/store.cc": '#include "store/store.h"\n#include "store/internal/detail.h"\n',
    "src/repo/repo.h": '#pragma once\n#include "base/clock.h"\n#include "store/store.h"\n',
    "src/repo/repo_test.cc": '#include "support/files.h"\nauto t = system_clock::now();\n',
}


class Lint(unittest.TestCase):
    """Plants files in a fresh tree and runs one lint on it."""

    def run_lint(self, name: str, planted: dict[str, str]) -> tuple[int, str]:
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for path, text in {**CLEAN, **planted}.items():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(text)
            (root / ".clang-format").write_text("BasedOnStyle: Google\nIndentWidth: 4\n")
            done = subprocess.run([sys.executable, LINTS / f"{name}.py", folder],
                                  capture_output=True, text=True, check=False)
            return done.returncode, done.stdout + done.stderr

    def assert_clean(self, name: str, planted: dict[str, str] | None = None) -> None:
        code, text = self.run_lint(name, planted or {})
        self.assertEqual(code, 0, text)

    def assert_found(self, name: str, path: str, text: str, where: str) -> None:
        """The planted file makes the lint fail, and it is named with its line."""
        code, output = self.run_lint(name, {path: text})
        self.assertEqual(code, 1, output)
        self.assertIn(where, output)


class Layers(Lint):
    def test_a_clean_tree_passes(self):
        self.assert_clean("layers")

    def test_an_include_from_a_layer_that_is_not_named_is_found(self):
        self.assert_found("layers", "src/store/bad.cc", '\n#include "repo/repo.h"\n',
                          "src/store/bad.cc:2: store may not include repo")

    def test_the_longest_line_decides(self):
        nested = {"src/layers.txt": "base:\nstore: base\nstore/local: store\nrepo: base store\n",
                  "src/store/local/disk.h": '#pragma once\n#include "store/store.h"\n'}
        self.assert_clean("layers", nested)
        nested["src/repo/bad.cc"] = '#include "store/local/disk.h"\n'
        code, output = self.run_lint("layers", nested)
        self.assertEqual(code, 1, output)
        self.assertIn("repo may not include store/local", output)

    def test_a_private_header_of_another_folder_is_found(self):
        self.assert_found("layers", "src/repo/bad.cc", '#include "store/internal/detail.h"\n',
                          "src/repo/bad.cc:1: store/internal/detail.h is private to store/")

    def test_a_line_that_names_a_layer_below_it_is_found(self):
        self.assert_found("layers", "src/layers.txt", "base: store\nstore: base\nrepo: base store\n",
                          "src/layers.txt:1: base names store, not above it")

    def test_a_name_that_no_file_includes_is_found(self):
        self.assert_found("layers", "src/repo/repo.h", '#include "base/clock.h"\n',
                          "repo names store, which it does not include")

    def test_a_folder_without_a_line_is_found(self):
        self.assert_found("layers", "src/extra/a.h", "#pragma once\n", "belongs to no layer")

    def test_test_support_in_the_product_is_found(self):
        self.assert_found("layers", "src/repo/bad.cc", '#include "support/files.h"\n',
                          "tests/support is for tests alone")

    def test_an_include_that_is_not_written_from_src_is_found(self):
        self.assert_found("layers", "src/store/bad.cc", '#include "store.h"\n', "is not a file below")

    def test_a_commented_include_is_none(self):
        self.assert_clean("layers", {"src/store/good.cc": '// #include "repo/repo.h"\n'})


class Clock(Lint):
    def test_the_clock_file_and_tests_may_ask(self):
        self.assert_clean("clock")

    def test_each_way_to_ask_is_found(self):
        for asks in ("std::chrono::system_clock::now()", "std::chrono::steady_clock::now()",
                     "clock_gettime(0, &t)", "time(nullptr)", "std::time(0)", "::time(NULL)",
                     "gettimeofday(&t, nullptr)"):
            with self.subTest(asks):
                self.assert_found("clock", "src/repo/bad.cc", f"\nauto t = {asks};\n",
                                  "src/repo/bad.cc:2: ")

    def test_a_member_called_time_and_a_comment_are_none(self):
        self.assert_clean("clock", {"src/repo/good.cc": "// time(nullptr)\nlong t = record.time();\n"})


class Secrets(Lint):
    def test_using_a_revealed_key_is_no_finding(self):
        self.assert_clean("secrets", {"src/repo/good.cc":
                                      "void f() {\n    if (!equal(key.reveal(), other))\n"
                                      "        return Error{kind, \"wrong key\"};\n}\n"})

    def test_each_way_to_print_is_found(self):
        for line in ('fmt::print("{}", key.reveal());', "std::cerr << text(key.reveal());",
                     'printf("%s", p.reveal().data());', "auto hex = to_hex(key.reveal());",
                     'return Error{kind, "key " + text(key.reveal())};',
                     "std::ostream& operator<<(std::ostream& o, const Secret<32>& s);",
                     "std::string to_string(const Passphrase& p);",
                     "std::string to_json(const SecretText& s);",
                     "template <> struct fmt::formatter<perdure::Key256> {};"):
            with self.subTest(line):
                self.assert_found("secrets", "src/repo/bad.cc", f"\n{line}\n", "src/repo/bad.cc:2: ")

    def test_tests_may_show_keys(self):
        self.assert_clean("secrets", {"src/repo/key_test.cc": "auto hex = to_hex(key.reveal());\n"})


class Words(Lint):
    def test_a_clean_tree_passes(self):
        self.assert_clean("words")

    def test_a_folder_that_says_nothing_is_found(self):
        self.assert_found("words", "src/repo/util/a.h", "#pragma once\n", "src/repo/util:1: ")

    def test_unfinished_work_without_an_issue_is_found(self):
        mark = "TO" + "DO"
        self.assert_found("words", "src/repo/bad.cc", f"// {mark}: later\n", "src/repo/bad.cc:1: ")
        self.assert_clean("words", {"src/repo/good.cc": f"// {mark}(#12): later\n"})


class Format(Lint):
    def test_a_badly_formatted_file_is_found(self):
        # The tree has no git, so every source file is checked; CLEAN is not formatted on purpose.
        self.assert_found("format", "src/repo/bad.cc", "int  f( ) {return 1 ;}\n", "src/repo/bad.cc:1: ")

    def test_an_include_in_order_and_a_short_function_pass(self):
        code, output = self.run_lint("format", {"src/repo/good.cc": "int f() { return 1; }\n"})
        self.assertNotIn("good.cc", output)


if __name__ == "__main__":
    unittest.main()
