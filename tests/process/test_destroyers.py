"""Users of a bucket that keeps versions, who destroy what they can: every earlier point is still there.

Two of them: a writer with the policy that perdure prints for it (but for the condition on If-None-Match,
which versitygw does not know), and one who may put and delete any object. Neither may delete a version
for good. After each sequence of theirs the points are listed and restored by a machine that has never
seen the repository, and checked; what is repaired afterwards is whole again.
"""

import json
import os
import shutil
import subprocess

from process_harness import LONG, ProcessTest, content_of, count, main
from gateway import Gateway

SEQUENCES = int(os.environ.get("PERDURE_SEQUENCES", "1000" if LONG else "30"))
# After so many the bucket is as it was: until then damage is done to what is damaged.
AT_MOST_ON_TOP = 20
MOST_ACTIONS = 12
BUCKET = "bucket"
PREFIX = "backups/web/"


class Destroyers(ProcessTest):
    def setUp(self):
        super().setUp()
        self.gateway = Gateway()
        self.addCleanup(self.gateway.stop)
        self.gateway.make_bucket(BUCKET)
        self.gateway.keep_versions(BUCKET)
        self.env.update(self.gateway.environment())
        self.env["PERDURE_REPOSITORY"] = self.gateway.location(BUCKET, PREFIX.rstrip("/"))
        self.tree = self.random_tree(files=12, size=30_000)
        self.init()
        self.points_made = {}
        for _ in range(4):
            self.points_made[self.backup(self.tree)["point"]] = content_of(self.tree)
            self.change(self.tree, size=30_000)
        self.run_program("forget", next(iter(self.points_made)))
        del self.points_made[next(iter(self.points_made))]
        self.run_program("gc", "--now")
        self.add_users()
        other = self.dir / "other"
        self.run_program("init", "-r", other)
        self.foreign = (other / "perdure").read_bytes()
        self.names = [o for o in self.gateway.objects(BUCKET) if o.startswith(PREFIX)]
        self.save()

    def add_users(self):
        text = self.run_program("iam", "policy", "--role", "writer", "--writer", "1").out
        statements = json.loads(text)["Statement"]
        for statement in statements:
            del statement["Sid"]
            if "Null" in statement.get("Condition", {}):
                del statement["Condition"]
            statement["Principal"] = {"AWS": ["writer"]}
        every = f"arn:aws:s3:::{BUCKET}"
        statements.append({"Effect": "Allow", "Principal": {"AWS": ["plain"]}, "Resource": [every, every + "/*"],
                           "Action": ["s3:PutObject", "s3:DeleteObject", "s3:GetObject", "s3:ListBucket"]})
        for user in ("writer", "plain"):
            self.gateway.add_user(user, "usersecret")
        self.gateway.set_policy(statements, BUCKET)

    # ------------------------------------------------------------------------------ the bucket as it was

    PARTS = ("data", "versions")

    def save(self):
        for part in self.PARTS:
            self.run_tool("cp", "-a", self.gateway.dir / part, self.gateway.dir / f"{part}.saved")

    def put_all_back(self):
        for part in self.PARTS:
            shutil.rmtree(self.gateway.dir / part / BUCKET, ignore_errors=True)
            if (self.gateway.dir / f"{part}.saved" / BUCKET).exists():
                self.run_tool("cp", "-a", self.gateway.dir / f"{part}.saved" / BUCKET, self.gateway.dir / part / BUCKET)

    def run_tool(self, *words):
        subprocess.run([str(word) for word in words], check=True)

    # ------------------------------------------------------------------------------ what they do

    def destroy_something(self, user):
        name = self.random.choice(self.names)
        if self.random.random() < 0.5:  # what there is one of, or few
            name = self.random.choice([n for n in self.names if "/packs/" not in n])
        what = self.random.choice(["foreign", "garbage", "cut", "swap", "empty", "delete", "again", "flip", "squat"])
        content = self.gateway.attempt("GET", f"{BUCKET}/{name}")[1]
        if what == "garbage":
            body = self.random.randbytes(max(1, len(content)))
        elif what == "cut":
            body = content[:self.random.randrange(len(content) + 1)]
        elif what == "swap":
            status, body = self.gateway.attempt("GET", f"{BUCKET}/{self.random.choice(self.names)}")
            if status != 200:
                return
        elif what == "flip" and content:
            at = self.random.randrange(len(content))
            body = content[:at] + bytes([content[at] ^ 1 << self.random.randrange(8)]) + content[at + 1:]
        elif what == "foreign":  # whole, but another repository's
            name, body = PREFIX + "perdure", self.foreign
        elif what == "squat":  # a number that nobody has taken
            name = PREFIX + self.random.choice(["log", "points", "index"]) + f"/00000001/{2**40 + self.random.randrange(9):016x}"
            body = content
        else:
            body = b""
        status = None
        if what in ("delete", "again"):
            status = self.attempt(user, "DELETE", name)
        if what != "delete":
            status = self.attempt(user, "PUT", name, body)
        self.done.append((user, what, name, status))

    def attempt(self, user, method, name, body=b""):
        status, _ = self.gateway.attempt(method, f"{BUCKET}/{name}", (), body, user, "usersecret")
        count("destructive_acts" if status < 300 else "refused_acts")
        return status

    # ------------------------------------------------------------------------------ what is left

    def fresh(self):
        """A machine that has never seen the repository."""
        self.machines = getattr(self, "machines", 0) + 1
        return {"PERDURE_CACHE_DIR": str(self.dir / f"cache{self.machines}")}

    def look(self, every, checks):
        env = self.fresh()
        listed = self.json("list", env=env, code=None)
        self.assertIn(listed.code, (0, 3), (self.done, listed.err))  # 3: planted objects are told
        self.assertLessEqual(set(self.points_made), {p["id"] for p in listed.of_type("point")}, self.done)
        points = list(self.points_made) if every else [self.random.choice(list(self.points_made))]
        for point in points:
            self.assert_restores(point, self.tree, self.points_made[point], env=env)
        if not checks:
            return
        check = self.json("check", "--level", "deep", env=env, code=None)
        self.assertIn(check.code, (0, 1, 3), (self.done, check.err))
        hurt = {point for problem in check.of_type("problem") for point in problem["points"]}  # of planted ones too
        self.assertEqual(hurt & set(self.points_made), set(), (self.done, check.out))

    def test_every_earlier_point_is_there(self):
        for number in range(SEQUENCES):
            if number % AT_MOST_ON_TOP == 0:
                self.put_all_back()
                self.done = []
            user = self.random.choice(["plain", "plain", "writer"])
            for _ in range(self.random.randrange(1, MOST_ACTIONS)):
                self.destroy_something(user)
            last = number % AT_MOST_ON_TOP == AT_MOST_ON_TOP - 1 or number == SEQUENCES - 1
            self.look(every=last, checks=last or number % 5 == 4)
            count("destructive_sequences")
            if last:
                self.repair()

    def repair(self):
        """Afterwards nothing rests on versions that go some day."""
        before = self.json("check", "--level", "deep", env=self.fresh(), code=None).of_type("problem")
        self.run_program("repair", env=self.fresh(), code=None)
        left = self.json("check", "--level", "deep", env=self.fresh(), code=None).of_type("problem")
        covered = [f for f in left if f["kind"] == "covered"]
        self.assertEqual(covered, [], (before, self.done))
        count("repairs_of_covered", sum(f["kind"] == "covered" for f in before))

    def test_a_planted_fault_is_found(self):
        """Who may delete versions does destroy: this test would notice."""
        point = list(self.points_made)[-1]
        pack = max((o for o in self.names if "/packs/" in o), key=lambda o: self.gateway.path(o, BUCKET).stat().st_size)
        self.gateway.path(pack, BUCKET).write_bytes(b"destroyed")
        self.done = []
        with self.assertRaises(AssertionError):
            for point in self.points_made:
                self.assert_restores(point, self.tree, self.points_made[point], env=self.fresh())


if __name__ == "__main__":
    main()
