"""Signals: what an interrupted run leaves behind, and what the next one makes of it."""

import array
import fcntl
import os
import termios
import time
import unittest

from harness import CliTest, content_of, signal, size_below, wait_until

FILES = 96
FILE_SIZE = 2 << 20


class Interrupt(CliTest):
    def tree_of(self, size):
        return self.make_tree({f"d{i % 8}/f{i}": os.urandom(FILE_SIZE) for i in range(size // FILE_SIZE)})

    def interrupted_backup(self, tree, number):
        """A backup that got a signal while it stored; None if it was done before that."""
        process = self.start("--json", "backup", tree)
        packs = self.repo / "packs"
        before = size_below(packs)
        wait_until(lambda: process.poll() is not None or size_below(packs) > before + (32 << 20))
        if process.poll() is None:
            process.send_signal(number)
        process.communicate(timeout=120)
        return process.returncode if process.returncode != 0 else None

    def check_next_run_uploads_nothing_again(self, number):
        self.init()
        tree = self.tree_of(FILES * FILE_SIZE)
        code = self.interrupted_backup(tree, number)
        if code is None:
            self.skipTest("the backup was faster than the signal")
        self.assertEqual(code, 130)
        self.assertEqual(self.points(), [])
        kept = size_below(self.repo / "packs")
        self.assertGreater(kept, 16 << 20)
        summary = self.backup(tree)
        self.assertEqual(summary["outcome"], "success")
        # All content is random, so what is stored twice would show.
        self.assertLess(size_below(self.repo / "packs"), FILES * FILE_SIZE * 1.02 + (2 << 20))
        self.run_program("restore", f"latest:{tree}", "--target", self.dir / "target")
        self.assertEqual(content_of(self.dir / "target"), content_of(tree))

    def test_sigint_ends_in_a_checkpoint(self):
        self.check_next_run_uploads_nothing_again(signal.SIGINT)

    def test_sigterm_ends_in_a_checkpoint(self):
        self.check_next_run_uploads_nothing_again(signal.SIGTERM)

    def test_sigkill_leaves_a_repository_that_goes_on(self):
        self.init()
        tree = self.tree_of(FILES * FILE_SIZE)
        code = self.interrupted_backup(tree, signal.SIGKILL)
        self.assertIn(code, (None, -signal.SIGKILL))
        self.assertEqual(self.backup(tree)["outcome"], "success")
        self.run_program("restore", f"latest:{tree}", "--target", self.dir / "target")
        self.assertEqual(content_of(self.dir / "target"), content_of(tree))

    def waiting_for_a_stream(self):
        """A backup that has read part of a stream and waits for the rest."""
        self.init()
        process = self.start("backup", "--stdin")
        process.stdin.write(os.urandom(300_000))
        process.stdin.flush()
        self.assertTrue(wait_until(lambda: (self.repo / "log").is_dir() and any((self.repo / "log").iterdir())))
        self.assertTrue(wait_until(lambda: self.bytes_in_pipe(process.stdin) == 0))
        return process

    @staticmethod
    def bytes_in_pipe(pipe):
        count = array.array("i", [0])
        fcntl.ioctl(pipe, termios.FIONREAD, count)
        return count[0]

    def test_sigint_while_waiting_for_a_stream(self):
        process = self.waiting_for_a_stream()
        process.send_signal(signal.SIGINT)
        process.wait(30)
        self.assertEqual(process.returncode, 130)
        self.assertEqual(self.points(), [])

    def test_a_stream_whose_writer_was_interrupted_too_is_no_point(self):
        process = self.waiting_for_a_stream()
        process.send_signal(signal.SIGINT)
        time.sleep(0.01)
        process.stdin.close()  # as of a writer that ^C ended
        process.stdin = None
        process.wait(30)
        self.assertEqual(process.returncode, 130)
        self.assertEqual(self.points(), [])

    def test_sigint_during_a_restore(self):
        self.init()
        tree = self.tree_of(FILES * FILE_SIZE)
        self.backup(tree)
        target = self.dir / "target"
        process = self.start("restore", f"latest:{tree}", "--target", target)
        wait_until(lambda: process.poll() is not None or size_below(target) > (8 << 20))
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
        self.assertIn(process.returncode, (0, 130))
        # The next run goes on where that one stopped.
        self.run_program("restore", f"latest:{tree}", "--target", target, "--overwrite", "if-changed")
        self.assertEqual(content_of(target), content_of(tree))


if __name__ == "__main__":
    unittest.main()
