from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from trailforward.demo import play
from trailforward.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Sequence

#: What may lie around in a person's shell: all of it leads away from the local AWS.
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
    """Runs Python in a process of its own, in a shell that is set up for something else."""
    environ = {**os.environ, **HOSTILE, "COLUMNS": "80", "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-W", "error", *arguments]
    return subprocess.run(
        command, env=environ, capture_output=True, encoding="utf-8", timeout=600, check=False
    )


def test_the_demo_proves_what_it_promises() -> None:
    """`trailforward demo` ends with 0: all digests equal at four destinations, a ledger that adds up."""
    done = run(["-m", "trailforward", "demo"])
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert "60 of 60 digests equal" in done.stdout
    assert "Kinesis throttled 3 records and the HTTP API refused 1 request" in " ".join(done.stdout.split())
    assert done.stdout.count("filtered (self)") == 1
    assert [line.split()[-5:] for line in done.stdout.splitlines() if line.startswith("Kinesis  ")] == [
        ["1", "0", "0", "✓", "3"]
    ]
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "{" not in done.stdout  # neither logs nor metrics


def test_the_demo_fails_when_a_destination_does() -> None:
    """A destination that holds other bytes than were sent makes the exit code 1, and the demo says so."""
    code = """
import sys
from trailforward.demo import local_aws, play
honest = local_aws.LocalAws.arrived_at_topic
local_aws.LocalAws.arrived_at_topic = lambda self: [body + b' ' for body in honest(self)]
sys.exit(play.run())
"""
    done = run(["-c", code])
    assert done.returncode == 1, done.stdout + done.stderr
    assert "15 of 60 deliveries with other bytes" in done.stdout
    assert "SNS holds 15 events too many" in done.stdout


def test_the_environment_leads_to_the_local_aws_only() -> None:
    """Whatever the shell was set up for is gone, and the credentials are dummies."""
    environ = {"PATH": "/bin", **HOSTILE}
    play.become_lambda(environ, "http://localhost:4566")
    assert environ["PATH"] == "/bin"
    assert not HOSTILE.keys() & environ.keys()
    assert environ["AWS_ENDPOINT_URL"] == "http://localhost:4566"
    assert environ["AWS_ACCESS_KEY_ID"] == environ["AWS_SECRET_ACCESS_KEY"] == "demo"
    assert environ["AWS_CONFIG_FILE"] == environ["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without moto, one sentence says what to install."""
    monkeypatch.setitem(sys.modules, "moto.server", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'trailforward\[demo\]'"):
        play.run()
