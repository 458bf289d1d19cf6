from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from trailforward.demo import run as demo
from trailforward.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Variables that a user's shell may have set, each of which would lead away from the local AWS.
HOSTILE = {
    "AWS_PROFILE": "no-such-profile",
    "AWS_ENDPOINT_URL_KINESIS": "http://127.0.0.1:9",
    "AWS_SESSION_TOKEN": "leftover",
    "http_proxy": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "TRAILFORWARD_CONFIG": "no = such",
    "POWERTOOLS_DEV": "true",
}


def run(arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Runs Python in a separate process, with environment variables for another AWS."""
    environ = {**os.environ, **HOSTILE, "COLUMNS": "80", "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-W", "error", *arguments]
    return subprocess.run(
        command, env=environ, capture_output=True, encoding="utf-8", timeout=600, check=False
    )


def test_the_demo_proves_what_it_promises() -> None:
    """`trailforward demo` exits with status 0: all digests are equal, and the ledger adds up."""
    done = run(["-m", "trailforward", "demo"])
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert "60 of 60 digests equal" in done.stdout
    assert "Kinesis throttled 3 records and the HTTP API rejected 1 request" in " ".join(done.stdout.split())
    assert done.stdout.count("filtered (self)") == 1
    words = " ".join(done.stdout.split())
    assert "200 denied calls of 3 users became 3 messages; 197 were held back and counted" in words
    assert "(200 = 3 delivered + 197 filtered + 0 dead-lettered + 0 returned)" in words
    assert [line.split()[-5:] for line in done.stdout.splitlines() if line.startswith("Kinesis  ")] == [
        ["1", "0", "0", "✓", "3"]
    ]
    assert max(map(len, done.stdout.splitlines()[:-1])) <= 80
    assert "{" not in done.stdout  # neither logs nor metrics


def test_the_demo_fails_when_a_destination_does() -> None:
    """If a destination has changed bytes, the exit status is 1, and the demo says so."""
    code = """
import sys
from trailforward.demo import local_aws, run
honest = local_aws.LocalAws.arrived_at_topic
local_aws.LocalAws.arrived_at_topic = lambda self: [body + b' ' for body in honest(self)]
sys.exit(run.run())
"""
    done = run(["-c", code])
    assert done.returncode == 1, done.stdout + done.stderr
    assert "15 of 60 deliveries with other bytes" in done.stdout
    assert "SNS has 15 events too many" in done.stdout


def test_the_environment_leads_to_the_local_aws_only() -> None:
    """The variables of the shell are removed, and the credentials are dummies."""
    environ = {"PATH": "/bin", **HOSTILE}
    demo.become_lambda(environ, "http://localhost:4566")
    assert environ["PATH"] == "/bin"
    assert not HOSTILE.keys() & environ.keys()
    assert environ["AWS_ENDPOINT_URL"] == "http://localhost:4566"
    assert environ["AWS_ACCESS_KEY_ID"] == environ["AWS_SECRET_ACCESS_KEY"] == "demo"
    assert environ["AWS_CONFIG_FILE"] == environ["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without moto, one sentence gives the command that installs it."""
    monkeypatch.setitem(sys.modules, "moto.server", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'trailforward\[demo\]'"):
        demo.run()
