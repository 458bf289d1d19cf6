"""Nobody can hide an event from the forwarder: attacks on the self-guard, with a real STS on loopback."""

from __future__ import annotations

import json
import os
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.events import QUEUE, Context, envelope, sqs, sqs_record
from tests.support.stub_aws import Refuse, Reset, Response, Silence
from trailforward.pipeline.forwarder import Forwarder

if TYPE_CHECKING:
    from tests.support.stub_aws import Fault, StubAws
    from trailforward.outcome import Outcome

ACCOUNT = "111122223333"
STREAM = f"arn:aws:kinesis:us-west-2:{ACCOUNT}:stream/cloudsec"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/service-role/forwarder"
STS = "sts:eu-west-1"

STS_STATES: dict[str, Fault] = {
    "slow": Silence(stored=False, seconds=30.0),
    "throttled": Refuse(400, "Throttling"),
    "failing": Refuse(503),
    "refusing": Refuse(403, "AccessDenied"),
    "resetting": Reset(),
    "odd": Response(b"<x/>"),
}


def session(role: str, name: str = "trailforward", **more: Any) -> dict[str, Any]:
    """The identity of a role's session; by default it is named like the function."""
    return {
        "type": "AssumedRole",
        "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{name}",
        "accessKeyId": "ASIAI44QH8DHBEXAMPLE",
        "sessionContext": {"sessionIssuer": {"arn": f"arn:aws:iam::{ACCOUNT}:role/service-role/{role}"}},
        **more,
    }


def stop_logging(identity: dict[str, Any]) -> dict[str, Any]:
    """What an attacker does first."""
    return {"userIdentity": identity, "eventSource": "cloudtrail.amazonaws.com", "eventName": "StopLogging"}


def put_records(identity: dict[str, Any]) -> dict[str, Any]:
    """What the function does with each batch."""
    return {
        "userIdentity": identity,
        "eventSource": "kinesis.amazonaws.com",
        "eventName": "PutRecords",
        "awsRegion": "us-west-2",
        "requestParameters": {"streamARN": STREAM},
    }


@pytest.fixture(name="environ")
def _environ(stub: StubAws, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment of a function with ``TRAILFORWARD_TO`` only."""
    for name, value in {
        "TRAILFORWARD_TO": STREAM,
        "AWS_LAMBDA_FUNCTION_NAME": "trailforward",
        "AWS_REGION": "eu-west-1",
        "POWERTOOLS_METRICS_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    return dict(os.environ)


def run(forwarder: Forwarder, *details: dict[str, Any]) -> Outcome:
    """One batch."""
    records = [sqs_record(envelope(number, **detail), f"m-{number}") for number, detail in enumerate(details)]
    return forwarder.process(sqs(*records), Context())[1]


def codes(outcome: Outcome) -> list[str]:
    """``delivered`` or ``self``, in order."""
    (verdicts,) = outcome.verdicts.values()
    return [verdicts[index].code or str(verdicts[index].fate) for index in sorted(verdicts)]


def asked() -> None:
    """Waits until the question to STS is over."""
    for thread in threading.enumerate():
        if thread.name == "trailforward-role":
            thread.join(30)


def again(forwarder: Forwarder) -> None:
    """A minute later."""
    asked()
    lookup = forwarder._guard._lookup
    assert lookup is not None
    lookup._next = float("-inf")


def names_taken(stub: StubAws) -> list[str]:
    """The calls whose events arrived."""
    return [json.loads(data)["detail"]["eventName"] for data in stub.taken("kinesis:us-west-2")]


def test_while_sts_answers_a_session_name_hides_nothing(stub: StubAws, environ: dict[str, str]) -> None:
    """A session named like the function is forwarded before and after STS has named the function's role."""
    forwarder = Forwarder.from_env(environ)
    attack, own = stop_logging(session("admin")), put_records(session("forwarder"))
    # The first batch does not wait for STS.
    assert codes(run(forwarder, own, attack)) == ["delivered", "delivered"]
    asked()
    assert codes(run(forwarder, own, attack)) == ["self", "delivered"]
    assert names_taken(stub) == ["PutRecords", "StopLogging", "StopLogging"]
    assert stub.calls[STS] == 1


@pytest.mark.parametrize("state", STS_STATES)
def test_while_sts_does_not_answer_everything_is_forwarded(
    stub: StubAws, environ: dict[str, str], state: str
) -> None:
    """Slow, throttled, or odd: no event waits or is hidden, and STS is asked again a minute later."""
    stub.script(STS, STS_STATES[state])
    forwarder = Forwarder.from_env(environ)
    attack, own = stop_logging(session("admin")), put_records(session("forwarder"))
    for _ in range(3):
        assert codes(run(forwarder, own, attack)) == ["delivered", "delivered"]
    assert stub.calls[STS] <= 1
    again(forwarder)
    assert codes(run(forwarder, own, attack)) == ["delivered", "delivered"]
    asked()
    assert stub.calls[STS] == 2
    assert codes(run(forwarder, own, attack)) == ["self", "delivered"]


def test_an_unreachable_sts_hides_nothing(
    environ: dict[str, str], stub: StubAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a way to STS every event is forwarded, for as long as that lasts."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://localhost:9")
    forwarder = Forwarder.from_env({**environ, "AWS_ENDPOINT_URL_STS": "http://localhost:9"})
    attack = stop_logging(session("admin"))
    for _ in range(3):
        assert codes(run(forwarder, attack)) == ["delivered"]
        again(forwarder)
    assert names_taken(stub) == ["StopLogging"] * 3


def test_many_events_ask_sts_once(stub: StubAws, environ: dict[str, str]) -> None:
    """A thousand events of sessions named like the function start one question, and other sessions none."""
    forwarder = Forwarder.from_env(environ)
    run(forwarder, *[stop_logging(session("admin", "somebody"))] * 10)
    asked()
    assert stub.calls[STS] == 0
    stub.script(STS, STS_STATES["throttled"])
    run(forwarder, *[stop_logging(session(f"role-{number}")) for number in range(1_000)])
    asked()
    assert stub.calls[STS] == 1


def test_with_own_arns_sts_is_never_asked(stub: StubAws, environ: dict[str, str]) -> None:
    """Where ``own_arns`` names the role, sessions of its name by other roles cost no call of STS."""
    forwarder = Forwarder.from_env({**environ, "TRAILFORWARD_OWN_ARNS": ROLE})
    whoami = {"eventSource": "sts.amazonaws.com", "eventName": "GetCallerIdentity"}
    details = [
        stop_logging(session("admin")),
        put_records(session("forwarder")),
        # So it is never the function's own, and what a thief of its credentials calls first is seen.
        {"userIdentity": session("forwarder"), **whoami},
    ]
    outcome = run(forwarder, *details)
    assert codes(outcome) == ["delivered", "self", "delivered"]
    assert outcome.unusual_self == {"sts.amazonaws.com:GetCallerIdentity": 1}
    asked()
    assert stub.calls[STS] == 0


def test_what_stolen_credentials_do_is_forwarded_and_counted(stub: StubAws, environ: dict[str, str]) -> None:
    """However the function's role is proven, all its calls except the pipeline's own are forwarded."""
    thief = {
        "by own_arns": session("forwarder", "x"),
        "by access key": session("any", "x", accessKeyId=environ["AWS_ACCESS_KEY_ID"]),
        "by inScopeOf": session("any", "x", inScopeOf={"credentialsIssuedTo": Context.invoked_function_arn}),
    }
    forwarder = Forwarder.from_env({**environ, "TRAILFORWARD_OWN_ARNS": ROLE})
    for identity in thief.values():
        outcome = run(forwarder, stop_logging(identity), put_records(identity))
        assert codes(outcome) == ["delivered", "self"]
        assert outcome.unusual_self == {"cloudtrail.amazonaws.com:StopLogging": 1}
    assert names_taken(stub) == ["StopLogging"] * 3


@pytest.mark.parametrize(
    "detail",
    [
        {
            "userIdentity": {"type": "AWSService", "invokedBy": "ec2.amazonaws.com"},
            "eventSource": "sts.amazonaws.com",
            "eventName": "AssumeRole",
            "requestParameters": {"roleArn": f"arn:aws:iam::{ACCOUNT}:role/admin", "externalId": STREAM},
        },
        {
            "userIdentity": {"type": "AWSService", "invokedBy": "s3.amazonaws.com"},
            "eventSource": "s3.amazonaws.com",
            "eventName": "DeleteObject",
            "requestParameters": {"bucketName": "archive", "key": "x", "note": STREAM},
            "resources": [{"ARN": "arn:aws:s3:::archive/x"}, {"ARN": STREAM}],
        },
        {
            "userIdentity": {"type": "AWSService", "invokedBy": "events.amazonaws.com"},
            "eventSource": "sts.amazonaws.com",
            "eventName": "AssumeRole",
            "requestParameters": {"roleArn": f"arn:aws:iam::{ACCOUNT}:role/admin", "externalId": ROLE},
        },
    ],
    ids=["external id", "lifecycle", "role as external id"],
)
def test_services_that_mention_a_destination_are_forwarded(
    stub: StubAws, environ: dict[str, str], detail: dict[str, Any]
) -> None:
    """The ARN of a destination, queue, or role in some parameter of a service's call hides nothing."""
    own = f"{ROLE} {QUEUE} arn:aws:s3:::archive"
    outcome = run(Forwarder.from_env({**environ, "TRAILFORWARD_OWN_ARNS": own}), detail)
    assert codes(outcome) == ["delivered"]
    assert outcome.unusual_self == {}
    assert names_taken(stub) == [detail["eventName"]]


def test_names_of_unusual_calls_are_bounded(stub: StubAws, environ: dict[str, str]) -> None:
    """Events name the calls: a few short names are kept, and nothing that is not one."""
    forwarder = Forwarder.from_env({**environ, "TRAILFORWARD_OWN_ARNS": ROLE})
    own = session("forwarder")
    names: list[Any] = [*(f"N{number}" for number in range(50)), "a\nb", "y" * 200, 3, None]
    details = [{"userIdentity": own, "eventSource": "x", "eventName": name} for name in names]
    outcome = run(forwarder, *details)
    assert outcome.unusual_self.total() == len(details)
    assert len(outcome.unusual_self) <= 21
    assert all(len(name) <= 10 for name in outcome.unusual_self)
    assert set(codes(outcome)) == {"delivered"}
