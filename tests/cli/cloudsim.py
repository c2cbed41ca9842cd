"""perdure-cloudsim, which does as AWS does, on a loopback port for as long as a test lives.

The program is named by PERDURE_CLOUDSIM, which ctest sets. See docs/cloudsim.md.
"""

import json
import os
import subprocess
import urllib.parse
import urllib.request

from gateway import Gateway, end_with_parent

PROGRAM = os.environ.get("PERDURE_CLOUDSIM", "perdure-cloudsim")
ACCOUNT = "123456789012"


class CloudSim(Gateway):
    """Requests as the account's root; users are added with `identities`."""

    ACCESS, SECRET = "test", "test"
    scheme = "http"

    def __init__(self):
        self.process = subprocess.Popen([PROGRAM, "--listen", "127.0.0.1:0", "--state", "memory"],
                                        stdout=subprocess.PIPE, text=True, preexec_fn=end_with_parent)
        line = self.process.stdout.readline()
        assert line.startswith("listening on "), line
        self.port = urllib.parse.urlsplit(line.split()[2].rstrip(",")).port

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def make_bucket(self, name="bucket"):
        self.request("PUT", name)

    def admin(self, method, what, document=None):
        body = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(f"{self.endpoint}/_cloudsim/{what}", data=body, method=method)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def add_users(self, policies):
        """`policies`: by the user's name; its key is that name, and the secret "usersecret"."""
        self.admin("PUT", "identities", {"users": [
            {"name": name, "account": ACCOUNT, "keys": [{"id": name, "secret": "usersecret"}],
             "policies": {"policy": policy}} for name, policy in policies.items()]})

    def add_role(self, name, policy, trust):
        self.admin("PUT", "identities", {"roles": [{"name": name, "trust": trust, "policies": {"policy": policy}}]})
