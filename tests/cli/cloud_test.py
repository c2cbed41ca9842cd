"""What the tests against perdure-cloudsim and against servers that go wrong begin with."""

import os

from cloudsim import CloudSim
from harness import CliTest
from wrong_server import WrongServer

EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


class CloudTest(CliTest):
    """A cloud of its own, with no bucket yet, and a tree with one file of BIG bytes."""

    BIG = 2_000_000

    def setUp(self):
        super().setUp()
        self.cloud = CloudSim()
        self.addCleanup(self.cloud.stop)
        self.env.update(self.cloud.environment())
        self.env["PERDURE_REPOSITORY"] = self.cloud.location()
        self.tree = self.make_tree({"a.txt": "first\n", "big.bin": os.urandom(self.BIG), "sub/b.txt": "second\n"})


class WrongServerTest(CliTest):
    """A server that does what no real one here does on demand, and for now nothing wrong."""

    def setUp(self):
        super().setUp()
        self.server = WrongServer()
        self.addCleanup(self.server.stop)
        self.server.honours_conditions = True
        self.env.update({"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s",
                         "PERDURE_REPOSITORY": self.server.location()})
        self.tree = self.make_tree({"a": "one\n"})
