"""The cache may be deleted, damaged, old or somebody else's at any moment: that costs time, no more."""

import os
import shutil
import threading

from process_harness import LONG, ProcessTest, content_of, count, files_below, main

ROUNDS = 20 if LONG else 2
HUGE = 1 << 42


class Cache(ProcessTest):
    def setUp(self):
        super().setUp()
        self.cache = self.dir / "cache"
        self.env["PERDURE_CACHE_DIR"] = str(self.cache)
        self.init()
        self.tree = self.random_tree()
        self.backup(self.tree)
        self.kept = {}  # a cache of an earlier time

    # ------------------------------------------------------------------------------ harms

    def files(self):
        return sorted(files_below(self.cache))

    def some_files(self):
        files = self.files()
        return self.random.sample(files, self.random.randint(1, len(files))) if files else []

    def delete_all(self):
        shutil.rmtree(self.cache, ignore_errors=True)

    def delete_some(self):
        for path in self.some_files():
            os.unlink(path)

    def truncate_some(self):
        for path in self.some_files():
            os.truncate(path, self.random.randrange(os.path.getsize(path) + 1))

    def flip_bytes(self):
        for path in self.some_files():
            size = os.path.getsize(path)
            with open(path, "r+b") as file:
                for _ in range(self.random.choice((1, 1, 50))):
                    at = self.random.randrange(size)
                    file.seek(at)
                    byte = file.read(1)[0]
                    file.seek(at)
                    file.write(bytes([byte ^ self.random.randrange(1, 256)]))

    def append_noise(self):
        for path in self.some_files():
            with open(path, "ab") as file:
                file.write(self.random.randbytes(1000))

    def make_some_huge(self):
        for path in self.some_files():
            os.truncate(path, HUGE)

    def empty_all(self):
        for path in self.files():
            os.truncate(path, 0)

    def swap_files(self):
        files = self.files()
        for a, b in zip(files, self.random.sample(files, len(files))):
            os.rename(a, a + ".moved")
            if os.path.exists(b):
                os.rename(b, a)
            os.rename(a + ".moved", b)

    def make_directories_of_them(self):
        for path in self.some_files():
            os.unlink(path)
            os.makedirs(path + "/in the way")

    def make_links_of_them(self):
        for path in self.some_files():
            os.unlink(path)
            os.symlink("/dev/zero" if self.random.random() < 0.5 else str(self.tree), path)

    def make_fifos_of_them(self):
        for path in self.some_files():
            os.unlink(path)
            os.mkfifo(path)

    def keep_it(self):
        shutil.rmtree(self.dir / "kept", ignore_errors=True)
        if self.cache.is_dir():
            shutil.copytree(self.cache, self.dir / "kept")

    def put_the_kept_one_back(self):
        self.delete_all()
        if (self.dir / "kept").is_dir():
            shutil.copytree(self.dir / "kept", self.cache)

    def a_file_in_its_place(self):
        self.delete_all()
        self.cache.write_text("in the way")

    HARMS = (delete_all, delete_some, truncate_some, flip_bytes, append_noise, make_some_huge,
             empty_all, swap_files, make_directories_of_them, make_links_of_them, make_fifos_of_them,
             put_the_kept_one_back, a_file_in_its_place)

    # ------------------------------------------------------------------------------ claims

    def tidy(self):
        """Removes what would be in the way of later harms."""
        if self.cache.is_file():
            self.cache.unlink()
        elif any(os.path.islink(p) or not os.path.isfile(p) or os.path.getsize(p) >= HUGE for p in self.files()):
            self.delete_all()

    def check_backup(self, summary):
        self.assertEqual((summary["outcome"], summary["issues"]), ("success", 0))
        self.assert_restores(summary["point"], self.tree, content_of(self.tree))

    def test_harmed_between_runs_it_changes_nothing_but_speed(self):
        for _ in range(ROUNDS):
            for harm in self.HARMS:
                with self.subTest(harm=harm.__name__):
                    self.keep_it()
                    self.change(self.tree, share=0.05)
                    self.check_backup(self.backup(self.tree))  # with a cache that is whole, if any
                    harm(self)
                    count("cache_harms")
                    self.check_backup(again := self.backup(self.tree))
                    self.assertEqual(again["new"], 0, "content was stored twice")
                    harm(self)
                    self.assert_deep_check_is_clean()
                    self.tidy()

    def test_harmed_while_it_runs_it_changes_nothing_but_speed(self):
        stop = threading.Event()
        harmed = []

        def harm_on_and_on():
            while not stop.is_set():
                harm = self.random.choice(self.HARMS)
                try:
                    harm(self)
                    harmed.append(harm)
                    self.tidy()
                except OSError:
                    pass  # the program was faster
                stop.wait(0.01)

        other_random = self.random
        thread = threading.Thread(target=harm_on_and_on)
        thread.start()
        try:
            for _ in range(ROUNDS * 8):
                self.random = other_random
                self.change(self.tree, share=0.1)
                content = content_of(self.tree)
                summary = self.backup(self.tree)
                self.assertEqual((summary["outcome"], summary["issues"]), ("success", 0))
                self.assert_restores(summary["point"], self.tree, content)
        finally:
            stop.set()
            thread.join()
        count("cache_harms", len(harmed))
        self.assert_deep_check_is_clean()

    def test_that_of_another_repository_changes_nothing(self):
        other = self.dir / "other"
        self.json("init", "-r", other)
        self.backup("-r", other, self.tree)
        mine, its = sorted((self.cache / name for name in os.listdir(self.cache)),
                           key=lambda at: at.stat().st_mtime_ns)
        shutil.rmtree(mine)
        shutil.copytree(its, mine)
        self.change(self.tree)
        self.check_backup(self.backup(self.tree))
        self.assert_deep_check_is_clean()


if __name__ == "__main__":
    main()
