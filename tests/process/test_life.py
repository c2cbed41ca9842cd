"""A repository as a fleet uses it: writers, collectors, an expirer and a checker at once, for a while.

Every process may be killed (SIGKILL) or stopped for a time (SIGSTOP), longer than collectors wait for it.
What was acknowledged and is not expired restores at the end; nobody meets a damaged repository meanwhile;
the space of what expired is free afterwards.
"""

import hashlib
import re
import shutil
import threading
import time

from process_harness import LONG, ProcessTest, content_of, count, main, signal

from gateway import Gateway
from test_writers import Host

WRITERS = 8
COLLECTORS = 2
IDLE_SECONDS = 2  # what collectors wait for a session that gives no sign
VOID = r"void|fenced|was ended by"  # what a session says whose number a collector ended


def digest_of(content):
    return hashlib.sha256(repr(sorted(content.items())).encode()).hexdigest()


class Life(ProcessTest):
    SECONDS = 600 if LONG else 40

    def setUp(self):
        super().setUp()
        self.place()
        self.init()
        self.hosts = [Host(self, i) for i in range(WRITERS)]
        self.acknowledged = {}  # point -> (tree, digest of what it held)
        self.lock = threading.Lock()
        self.over = threading.Event()
        self.failures = []

    def place(self):
        """Makes the place for the repository, where that is not a directory."""

    def grace(self):
        return []

    # ------------------------------------------------------------------------------ processes

    def hurt(self, process, random, seconds):
        """Lets it run, or kills it, or stops it for a time. True if it may fail for that."""
        what = random.random()
        try:
            process.wait(random.random() * seconds if what < 0.5 else 120)
            return False
        except Exception:  # still running
            pass
        if what < 0.25:
            process.kill()
            count("kills")
            return True
        process.send_signal(signal.SIGSTOP)
        count("stops")
        self.over.wait(random.random() * 2 * IDLE_SECONDS)
        process.send_signal(signal.SIGCONT)
        return True

    def run_hurt(self, random, seconds, *args, env=None, may_say=VOID):
        """The result, or none if it was killed or found its work void."""
        process = self.start("--json", *args, env=env)
        hurt = self.hurt(process, random, seconds)
        result = self.ended(process)
        if result.code == 0:
            return result
        if result.code == -signal.SIGKILL or (hurt and re.search(may_say, result.err)):
            count("void" if result.code > 0 else "killed")
            return None
        self.fail(f"{args}: exit {result.code}\n{result.out[-2000:]}\n{result.err}")

    def loop(self, body, *args):
        def run():
            random = type(self.random)(f"{self.random.random()} {body.__name__} {args}")
            while not self.over.is_set() and not self.failures:
                try:
                    body(random, *args)
                except BaseException as failure:  # shown by the test's own thread
                    self.failures.append(failure)
        thread = threading.Thread(target=run)
        thread.start()
        return thread

    # ------------------------------------------------------------------------------ who does what

    def write(self, random, host):
        self.change(host.tree, size=60_000)
        digest = digest_of(content_of(host.tree))
        result = self.run_hurt(random, 0.5, "backup", host.tree, env=host.env)
        if result is None:
            return
        with self.lock:
            self.acknowledged[result.one("summary")["point"]] = (host.tree, digest)
        count("backups")

    def expire(self, random):
        self.over.wait(0.5)
        done = self.run_hurt(random, 0.3, "forget", "--keep-last", "2", "--group-by", "paths",
                             "--unsafe-allow-sudden-change", may_say="^$")
        if done is not None:
            count("forgotten", done.one("summary")["forgotten"])

    def collect(self, random, env):
        self.over.wait(random.random())
        done = self.run_hurt(random, 1, "gc", "--idle", f"{IDLE_SECONDS}s", "--max-unused", "0",
                             "--max-drop", "100%", *self.grace(), env=env)
        if done is not None:
            summary = done.one("summary")
            count("freed_packs", summary["freed"]["packs"])
            count("fenced", len(summary["fenced"]))

    def check(self, random):
        self.over.wait(1)
        result = self.json("check", "--level", "aead", code=None)
        self.assertEqual([(p["kind"], p["object"], p["points"], p["text"]) for p in result.of_type("problem")], [])
        self.assertEqual(result.code, 0, result.err)
        count("checks")

    def restore_one(self, random):
        with self.lock:
            known = dict(self.acknowledged)
        listed = [p for p in self.listed() if p in known]
        if not listed:
            return
        point = random.choice(listed[-WRITERS:])
        tree, digest = known[point]
        target = self.dir / "restored-meanwhile"
        result = self.run_program("restore", f"{point}:{tree}", "--target", target, code=None)
        if result.code == 0:
            self.assertEqual(digest_of(content_of(target)), digest, f"point {point}")
            count("restores_meanwhile")
        elif point in self.listed():
            self.fail(f"point {point} is listed and does not restore: {result.err}")
        shutil.rmtree(target, ignore_errors=True)

    # ------------------------------------------------------------------------------ the test

    def test_nothing_acknowledged_is_lost_and_what_expired_is_freed(self):
        threads = [self.loop(self.write, host) for host in self.hosts]
        for i in range(COLLECTORS):
            home = self.dir / f"collector{i}"
            home.mkdir()
            threads.append(self.loop(self.collect, {"HOME": str(home)}))
        threads += [self.loop(self.expire), self.loop(self.check), self.loop(self.restore_one)]
        end = time.monotonic() + self.SECONDS
        while time.monotonic() < end and not self.failures and not self.over.is_set():
            time.sleep(0.2)
        self.over.set()
        for thread in threads:
            thread.join()
        self.assertEqual(self.failures, [])
        self.check_the_end()

    def check_the_end(self):
        self.json("forget", "--keep-last", "2", "--group-by", "paths", "--unsafe-allow-sudden-change")
        every = {p["id"]: p for p in self.json("list", "--all").of_type("point")}
        self.assertEqual([p for p in self.acknowledged if p not in every], [], "gone without a word")
        before = self.stored()
        for _ in range(2):  # what the first one moved is accounted for by the second
            self.json("gc", "--now", "--max-unused", "0", "--max-drop", "100%")
        living = [p for p in every if not every[p]["expired"]]
        self.assertEqual(sorted(self.listed()), sorted(living))
        for point in living:
            if point in self.acknowledged:
                tree, digest = self.acknowledged[point]
                self.assertEqual(digest_of(self.restored(point, tree)), digest, f"point {point}")
                count("restores")
        self.assert_deep_check_is_clean()
        space = self.json("stats").one("stats")["space"]
        self.assertEqual((space["condemned"], space["in_grace"]), (0, 0))
        print(f"{len(self.acknowledged)} points acknowledged, {len(living)} live; {before:,} bytes before the "
              f"last collection, {self.stored():,} after it, {space['unused']:,} unused", flush=True)

    def stored(self):
        prefixes = self.json("stats").one("stats")["prefixes"]
        return prefixes["packs"]["bytes"]


class LifeInABucket(Life):
    SECONDS = 600 if LONG else 60

    @classmethod
    def setUpClass(cls):
        cls.gateway = Gateway()
        cls.addClassCleanup(cls.gateway.stop)

    def place(self):
        self.gateway.make_bucket("fleet")
        self.env.update(self.gateway.environment())
        self.env["PERDURE_REPOSITORY"] = self.gateway.location("fleet")

    def grace(self):
        return ["--grace", "1s"]  # a reader that began before goes on for so long


if __name__ == "__main__":
    main()
