"""The commands that make keys, and what holds after one of them was killed."""

import shutil

from process_harness import ProcessTest, content_of


class KeyCommandTest(ProcessTest):
    """What a key command that was killed must leave behind."""

    def setUp(self):
        super().setUp()
        self.tree = self.make_tree({"a": "content", "b/c": "other content"})
        self.passwords = {}
        for name in ("old", "new"):
            file = self.dir / name
            file.write_text(f"the {name} password\n")
            self.passwords[name] = {"PERDURE_PASSWORD": f"the {name} password"}
        self.env["PERDURE_PASSWORD"] = "the old password"

    def fresh(self):
        """No repository, and a machine that has never seen one."""
        shutil.rmtree(self.repo, ignore_errors=True)
        shutil.rmtree(self.dir / "home", ignore_errors=True)

    def repository_with_a_point(self):
        """Copied, not made again each time."""
        kept = self.dir / "kept"
        self.fresh()
        if not kept.exists():
            self.init()
            self.backup(self.tree)
            kept.mkdir()
            shutil.copytree(self.repo, kept / "repo")
            shutil.copytree(self.dir / "home", kept / "home")
            return
        shutil.copytree(kept / "repo", self.repo)
        shutil.copytree(kept / "home", self.dir / "home")

    def opens_with(self, name):
        result = self.run_program("list", env=self.passwords[name], code=None)
        self.assertIn(result.code, (0, 12), result.err)
        return result.code == 0

    def assert_goes_on_with(self, name):
        env = self.passwords[name]
        self.assertEqual(self.backup(self.tree, env=env)["outcome"], "success")
        self.assert_restores("latest", self.tree, content_of(self.tree), env=env)
        self.assert_deep_check_is_clean(env=env)

    def after_init(self, acknowledged):
        result = self.run_program("list", code=None)
        self.assertIn(result.code, (0,) if acknowledged else (0, 10), result.err)
        if result.code == 10:
            self.init()
        self.assert_goes_on_with("old")

    def after_key_add(self, acknowledged):
        self.assertTrue(self.opens_with("old"))
        new = self.opens_with("new")
        self.assertTrue(new or not acknowledged)
        self.assert_goes_on_with("new" if new else "old")
        self.run_program("key", "add", "--new-password-file", self.dir / "new", "--label", "again")
        self.assertTrue(self.opens_with("new"))

    def after_rotation(self, acknowledged):
        new = self.opens_with("new")
        self.assertNotEqual(self.opens_with("old"), new, "not exactly one of the passwords opens it")
        self.assertTrue(new or not acknowledged)
        self.assertEqual(len(self.listed(env=self.passwords["new" if new else "old"])), 1)
        self.assert_goes_on_with("new" if new else "old")

    def commands(self):
        """Command, what comes before it, what must hold after it."""
        add = ["key", "add", "--new-password-file", self.dir / "new"]
        rotate = ["key", "rotate", "--new-password-file", self.dir / "new"]
        yield ["init"], self.fresh, self.after_init
        yield add, self.repository_with_a_point, self.after_key_add
        yield rotate, self.repository_with_a_point, self.after_rotation
