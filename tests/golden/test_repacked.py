"""A repository whose packs were repacked and collected, read by the independent reader."""

import shutil
import unittest

from reader_case import CHEAP, ReaderCase


class Repacked(ReaderCase):
    def test_blocks_are_found_where_they_were_moved(self):
        self.perdure("init", *CHEAP)
        first = self.back_up(10)
        self.back_up(11)
        self.perdure("forget", first)
        summary = self.perdure("gc", "--now", "--max-unused", "0")[-1]
        self.assertGreater(summary["repacked_blocks"], 0)
        self.assertGreater(summary["freed"]["packs"], 0)
        self.expect_restores(self.repo, "latest", self.files())
        shutil.rmtree(self.repo / "index")
        self.expect_restores(self.repo, "latest", self.files(), "without-index")


if __name__ == "__main__":
    unittest.main()
