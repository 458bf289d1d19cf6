"""A pattern that keeps the canary's events away fails the deployment, with the fix."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.canaries import ACCOUNT, ROLE
from trailforward.doctor.canary import handler
from trailforward.doctor.canary.pattern_check import problem_of
from trailforward.doctor.canary.places import Setup
from trailforward.doctor.canary.sample import sample_event
from trailforward.pipeline.canary import Canaries

if TYPE_CHECKING:
    from collections.abc import Iterator

MEMBER = "arn:aws:iam::123456789012:role/trailforward-eu-west-1-canary"
SETUP = Setup("trailforward", ("eu-west-1", "us-east-1"), ROLE, (MEMBER,), "", "arn:aws:sqs:x", "eu-west-1")
ADMITS = {
    "$or": [{"source": ["aws.iam"]}, {"source": ["aws.ssm"], "detail": {"eventName": ["DeleteParameter"]}}]
}


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        '{"source": [{"prefix": "aws."}]}',
        '{"detail-type": [{"suffix": " via CloudTrail"}]}',
        '{"detail": {"readOnly": [false]}}',
        json.dumps(ADMITS),
    ],
)
def test_patterns_that_admit_canaries_are_accepted(pattern: str) -> None:
    """A pattern may select events, as long as the canary's are among them; the fix that is printed works."""
    assert problem_of(pattern, SETUP) == ""


@pytest.mark.parametrize(
    ("pattern", "named"),
    [
        ('{"source": ["aws.iam"]}', "eu-west-1 of account 111122223333, us-east-1 of"),
        ('{"source": [{"prefix": "aws."}], "region": ["eu-west-1"]}', "us-east-1 of account 111122223333"),
        ('{"account": ["111122223333"]}', "eu-west-1 of account 123456789012"),
        ('{"detail": {"errorCode": [{"exists": false}]}}', "eu-west-1"),
        ('{"detail": {"userIdentity": {"type": ["IAMUser", "Root"]}}}', "eu-west-1"),
    ],
)
def test_narrower_patterns_are_rejected(pattern: str, named: str) -> None:
    """A pattern that keeps canaries away, anywhere, is rejected; the reason has the places and the fix."""
    problem = problem_of(pattern, SETUP)
    assert named in problem
    assert '"$or"' in problem
    assert "Canary=false" in problem


def test_an_invalid_pattern_is_rejected() -> None:
    """A pattern that EventBridge would reject is rejected here, too."""
    assert "not a valid event pattern" in problem_of('{"source": "aws.iam"}', SETUP)


def test_the_sample_is_a_canary() -> None:
    """The event that patterns are tested with is recognized by the forwarder."""
    seen = Canaries([ROLE]).sighting(sample_event(ROLE, "eu-west-1"))
    assert seen is not None
    assert (seen.account, seen.region) == (ACCOUNT, "eu-west-1")


class _Stack(HTTPServer):
    """CloudFormation's side of a custom resource."""

    received: dict[str, Any]


class _Handler(BaseHTTPRequestHandler):
    server: _Stack

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received = {"type": self.headers["Content-Type"], **json.loads(body)}
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Logs nothing."""


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Stack]:
    """A server that receives the responses of a custom resource."""
    for name, value in {
        "CANARY_SERVICE": "trailforward",
        "CANARY_REGIONS": "eu-west-1,us-east-1",
        "CANARY_ROLE": ROLE,
        "CANARY_ROLE_ARNS": MEMBER,
        "CANARY_DESTINATION": "arn:aws:sqs:eu-west-1:111122223333:trailforward-events",
        "AWS_REGION": "eu-west-1",
    }.items():
        monkeypatch.setenv(name, value)
    with _Stack(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join(10)


def ask(stack: _Stack, kind: str, pattern: str) -> dict[str, Any]:
    """What CloudFormation receives."""
    identity = {"StackId": "stack", "RequestId": "request", "LogicalResourceId": "CanaryPattern"}
    url = f"http://127.0.0.1:{stack.server_port}/"
    properties = {"ServiceToken": "function", "EventPattern": pattern}
    handler({"RequestType": kind, "ResponseURL": url, "ResourceProperties": properties, **identity})
    assert stack.received["type"] == ""
    assert {key: stack.received[key] for key in identity} == identity
    return stack.received


def test_cloudformation_gets_a_response(stack: _Stack) -> None:
    """A narrow pattern fails the deployment with the reason; another passes; deletion never fails."""
    failed = ask(stack, "Update", '{"source": ["aws.iam"]}')
    assert failed["Status"] == "FAILED"
    assert failed["Reason"].startswith("EventPattern does not admit the canary's events")
    assert failed["Reason"].endswith("deploy with Canary=false.")
    assert ask(stack, "Create", "")["Status"] == "SUCCESS"
    assert ask(stack, "Delete", '{"source": ["aws.iam"]}')["Status"] == "SUCCESS"
