"""SIGKILL at each call that changes the disk: init, key add, key rotate and a backup, by strace.

Under sanitizers the program makes calls of its own, so this wants a build without them.
"""

from key_commands import KeyCommandTest
from process_harness import content_of, count, main, needs

CALLS = ("linkat", "mkdir,mkdirat", "fsync", "write,pwrite64", "unlink,unlinkat",
         "renameat,renameat2,rename", "ftruncate")


@needs("strace")
class KilledAtEachCall(KeyCommandTest):
    def test_of_a_key_command(self):
        for words, before, after in self.commands():
            for calls in CALLS:
                self.kill_at_each(calls, words, before, after)

    def test_of_a_backup(self):
        for calls in CALLS:
            self.kill_at_each(calls, ["backup", self.tree], self.changed_tree, self.after_backup)

    def changed_tree(self):
        self.repository_with_a_point()
        (self.tree / "a").write_text("changed content")
        (self.tree / "large").write_bytes(b"x" * 3_000_000)

    def after_backup(self, _):
        points = self.listed()
        self.assertIn(points, (["1-1"], ["1-1", "1-2"]))
        if len(points) == 2:
            self.assert_restores("1-2", self.tree, content_of(self.tree))
        self.assertEqual(self.restored("1-1", self.tree)["a"][3], b"content")
        self.assert_goes_on_with("old")

    def kill_at_each(self, calls, words, before, after):
        for number in range(1, 200):
            before()
            inject = f"inject={calls}:signal=KILL:when={number}"
            strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", "-e", inject]
            result = self.run_wrapped(strace, *words)
            if result.code == 0:
                return
            self.assertEqual(result.code, -9, result.err)
            count("kills")
            with self.subTest(words=words[:2], calls=calls, number=number):
                after(False)
        self.fail(f"{words} has no end of {calls}")


if __name__ == "__main__":
    main()
