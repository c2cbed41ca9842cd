"""Several hosts that write into one repository at once, each as a process with its own key; some killed."""

import threading
import time

from process_harness import LONG, ProcessTest, content_of, count, main

WRITERS = 4
ROUNDS = 40 if LONG else 6
KILLED_SHARE = 0.3


class Host:
    """An enrolled machine: key file, home, cache and tree of its own, and no password."""

    def __init__(self, test, number):
        self.name = f"host{number}"
        self.home = test.dir / self.name
        self.home.mkdir()
        self.tree = test.random_tree(f"tree{number}", files=20)
        key = self.home / "key"
        test.run_program("key", "writer", "add", self.name, "--host", self.name, "--output", key)
        self.env = {"PERDURE_PASSWORD": "", "PERDURE_WRITER_KEY": str(key), "PERDURE_HOST": self.name,
                    "HOME": str(self.home), "PERDURE_CACHE_DIR": str(self.home / "cache")}


class Writers(ProcessTest):
    def setUp(self):
        super().setUp()
        self.init()
        self.hosts = [Host(self, i) for i in range(WRITERS)]
        self.acknowledged = {}  # point -> (tree, what it held)
        self.seconds = 0.1  # about what one takes
        self.possible = []  # of backups that were killed: (tree, what it held)

    def share_content(self):
        """Every host gets a file that all have, new in this round: all store it at once."""
        shared = self.random.randbytes(500_000)
        for host in self.hosts:
            (host.tree / "shared").write_bytes(shared)

    def round(self):
        self.share_content()
        running = []
        for host in self.hosts:
            self.change(host.tree)
            running.append((host, content_of(host.tree)))
        processes = [self.start("--json", "backup", host.tree, env=host.env) for host, _ in running]
        started = time.monotonic()
        timers = self.kill_some(processes)
        for process, (host, content) in zip(processes, running):
            result = self.ended(process)
            if result.code == 0:
                self.acknowledged[result.one("summary")["point"]] = (host.tree, content)
                continue
            self.assertEqual(result.code, -9, result.err)
            count("kills")
            self.possible.append((host.tree, content))
        self.seconds = time.monotonic() - started
        for timer in timers:
            timer.join()

    def kill_some(self, processes):
        timers = []
        for process in processes:
            if self.random.random() < KILLED_SHARE:
                timers.append(threading.Timer(self.random.random() * self.seconds, process.kill))
                timers[-1].start()
        return timers

    def check_all(self):
        listed = {p["id"]: p["paths"][0] for p in self.points()}
        self.assertEqual([p for p in self.acknowledged if p not in listed], [])
        for point in listed:
            if point in self.acknowledged:
                self.assert_restores(point, *self.acknowledged[point])
                continue
            tree = listed[point]
            found = self.restored(point, tree)
            self.assertTrue(any(str(t) == tree and content == found for t, content in self.possible),
                            f"{point} holds what was never there")
        self.assert_deep_check_is_clean()
        count("concurrent_backups", len(self.acknowledged))

    def test_all_acknowledged_points_restore(self):
        for _ in range(ROUNDS):
            self.round()
        for host in self.hosts:
            point = self.json("backup", host.tree, env=host.env).one("summary")["point"]
            self.acknowledged[point] = (host.tree, content_of(host.tree))
        self.check_all()

    def test_two_processes_of_one_host_get_points_of_their_own(self):
        host = self.hosts[0]
        for _ in range(ROUNDS):
            self.change(host.tree)
            content = content_of(host.tree)
            processes = [self.start("--json", "backup", host.tree, env=host.env) for _ in range(3)]
            points = {self.ended(p).one("summary")["point"] for p in processes}
            self.assertEqual(len(points), 3)
            self.acknowledged.update({p: (host.tree, content) for p in points})
        self.check_all()

    def test_readers_are_not_disturbed(self):
        """While others write: list, check and restore as if they did not."""
        host = self.hosts[0]
        point = self.json("backup", host.tree, env=host.env).one("summary")["point"]
        content = content_of(host.tree)
        stop = threading.Event()
        failures = []

        def write(writer):
            while not stop.is_set():
                try:
                    (writer.tree / "changing").write_bytes(writer.name.encode() * 50_000)
                    self.run_program("backup", "--force", writer.tree, env=writer.env)
                except BaseException as failure:  # shown by the test's own thread
                    failures.append(failure)
                    return

        threads = [threading.Thread(target=write, args=(writer,)) for writer in self.hosts[1:3]]
        for thread in threads:
            thread.start()
        try:
            for _ in range(ROUNDS):
                self.assertIn(point, self.listed())
                self.assert_restores(point, host.tree, content)
                self.assert_deep_check_is_clean()
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertEqual(failures, [])


if __name__ == "__main__":
    main()
