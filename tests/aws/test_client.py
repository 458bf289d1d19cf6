"""What all AWS sinks share, directly and by botocore: one attempt per call, and what each answer means."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.support.stub_aws import Partial, Refusal, Refuse, Reset, Response, Shortened, Silence, at
from trailforward.aws import client as aws_client
from trailforward.aws import session
from trailforward.errors import MissingExtraError, PermanentError, SinkError, TransientError
from trailforward.sinks.base import Entry
from trailforward.sinks.firehose import FirehoseSettings, FirehoseSink
from trailforward.sinks.kinesis import KinesisSettings, KinesisSink
from trailforward.sinks.sns import SnsSettings, SnsSink
from trailforward.sinks.sqs import SqsSettings, SqsSink

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.stub_aws import Fault, StubAws
    from trailforward.sinks.base import Sink


class Kind(NamedTuple):
    """A sink type, an ARN, and the codes its service uses."""

    sink: Any
    settings: Any
    to: str
    throttled: str
    absent: str
    invalid: str

    @property
    def place(self) -> str:
        """Where its requests arrive."""
        return f"{self.settings.service}:{self.to.split(':')[3]}"


KINDS = {
    "kinesis": Kind(
        KinesisSink,
        KinesisSettings,
        "arn:aws:kinesis:us-west-2:111122223333:stream/cloudsec",
        "ProvisionedThroughputExceededException",
        "ResourceNotFoundException",
        "InvalidArgumentException",
    ),
    "firehose": Kind(
        FirehoseSink,
        FirehoseSettings,
        "arn:aws:firehose:eu-central-1:111122223333:deliverystream/archive",
        "ServiceUnavailableException",
        "ResourceNotFoundException",
        "InvalidArgumentException",
    ),
    "sns": Kind(
        SnsSink,
        SnsSettings,
        "arn:aws:sns:sa-east-1:111122223333:alerts",
        "KMSThrottling",
        "NotFound",
        "InvalidParameter",
    ),
    "sqs": Kind(
        SqsSink,
        SqsSettings,
        "arn:aws:sqs:us-gov-west-1:111122223333:cloudsec",
        "RequestThrottled",
        "AWS.SimpleQueueService.NonExistentQueue",
        "InvalidMessageContents",
    ),
}

BATCH = [Entry(b'{"n":%d}' % number, f"key-{number}") for number in range(3)]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Each of the four."""
    return KINDS[request.param]


@pytest.fixture
def sink(kind: Kind, stub: StubAws, way: str) -> Iterator[Sink]:
    """A sink of this kind, in front of the stub."""
    made = kind.sink(kind.settings(to=kind.to))
    yield made
    made.close()


def failure(sink: Sink, kind: Kind, stub: StubAws, fault: Fault) -> SinkError:
    """What a call that meets this fault raises; it was one request."""
    stub.script(kind.place, fault)
    with pytest.raises(SinkError) as caught:
        sink.send(BATCH)
    assert stub.calls == {kind.place: 1}
    return caught.value


def test_region_comes_from_the_arn(sink: Sink, kind: Kind, stub: StubAws) -> None:
    """Nobody types a Region twice: the request goes to the Region that the ARN names."""
    assert sink.send(BATCH) == []
    assert stub.calls == {kind.place: 1}
    assert len(stub.taken(kind.place)) == 3


def test_throttling_passes(sink: Sink, kind: Kind, stub: StubAws) -> None:
    """A throttled call may be sent again, and is not repeated behind the forwarder's back."""
    error = failure(sink, kind, stub, Refuse(400, kind.throttled))
    assert isinstance(error, TransientError)
    assert (error.code, error.retry_after) == (kind.throttled, None)


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("Mon, 04 May 2026", None), ("\u00b2", None)])
def test_retry_after_in_seconds_is_handed_on(
    sink: Sink, kind: Kind, stub: StubAws, header: str, seconds: float | None
) -> None:
    """A destination that names a time to wait is heard; anything unreadable there does no harm."""
    error = failure(sink, kind, stub, Refuse(429, "Whatever", {"Retry-After": header}))
    assert isinstance(error, TransientError)
    assert error.retry_after == seconds


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_server_errors_pass_whatever_their_code(sink: Sink, kind: Kind, stub: StubAws, status: int) -> None:
    """Every 5xx may be sent again, with a code that nobody has heard of too, or without one."""
    assert isinstance(failure(sink, kind, stub, Refuse(status, "NeverHeardOf")), TransientError)
    stub.reset()
    assert isinstance(failure(sink, kind, stub, Refuse(status)), TransientError)


@pytest.mark.parametrize("code", ["AccessDeniedException", "UnrecognizedClientException", "KMSDisabled"])
def test_refusals_of_the_destination_are_permanent(sink: Sink, kind: Kind, stub: StubAws, code: str) -> None:
    """What no retry can heal and no single event caused is neither repeated nor split."""
    error = failure(sink, kind, stub, Refuse(400, code))
    assert isinstance(error, PermanentError)
    assert (error.code, error.divisible) == (code, False)


def test_a_destination_that_is_absent_is_permanent(sink: Sink, kind: Kind, stub: StubAws) -> None:
    """A stream, topic or queue that does not exist is named by the service's code, without its prefix."""
    error = failure(sink, kind, stub, Refuse(400, kind.absent))
    assert isinstance(error, PermanentError)
    assert (error.code, error.divisible) == (kind.absent.rpartition(".")[2], False)


def test_a_call_that_one_entry_may_have_spoilt_is_divisible(sink: Sink, kind: Kind, stub: StubAws) -> None:
    """Where AWS blames what was sent, the batch is worth splitting."""
    error = failure(sink, kind, stub, Refuse(400, kind.invalid))
    assert isinstance(error, PermanentError)
    assert error.divisible


def test_reasons_hold_no_payload(sink: Sink, kind: Kind, stub: StubAws) -> None:
    """AWS's validation errors quote the value they refuse: reasons, which are logged, do not."""
    message = (
        "1 validation error detected: Value '{secret: 'x'}' at 'records.1.member.data' failed: " + "y" * 999
    )
    text = str(failure(sink, kind, stub, Refuse(400, kind.invalid, message=message)))
    assert "secret" not in text
    assert "a value at 'records.1.member.data' failed" in text
    assert len(text) < 400


@pytest.mark.parametrize(
    "fault",
    [
        Reset(stored=False),
        Reset(stored=True),
        Response(b'{"FailedRecordCount":0,"FailedPutCount":0,"Records":[{"Sequ', promised=500),
        Response(b""),
        Response(b"<html>proxy</html>"),
        Response(b"nonsense"),
        Response(b"[]"),
        Response(b"null"),
        Response(b"\xff\xfe"),
        Response(b'{"Records":7,"RequestResponses":7,"Successful":7}'),
        Response(b'{"Records":[null],"RequestResponses":[null],"Successful":[null]}'),
        Response(b'{"Records":[{}],"RequestResponses":[{}],"Successful":[{}]}'),
        Response(b'{"Records":{"0":1},"RequestResponses":{"0":1},"Successful":{"Id":"0"}}'),
    ],
    ids=str,
)
def test_no_answer_or_one_that_makes_no_sense_is_never_a_success(
    sink: Sink, kind: Kind, stub: StubAws, fault: Fault
) -> None:
    """Only an explicit success counts: after an empty, cut or foreign answer the batch is sent again."""
    assert isinstance(failure(sink, kind, stub, fault), TransientError)
    assert sink.send(BATCH) == []


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("stored", [False, True])
def test_a_silent_destination_is_given_up(
    kind: Kind, stub: StubAws, monkeypatch: pytest.MonkeyPatch, *, stored: bool
) -> None:
    """A call without answer ends by itself, whether or not it was carried out."""
    monkeypatch.setattr(aws_client, "READ_TIMEOUT", 0.05)
    sink = kind.sink(kind.settings(to=kind.to))
    error = failure(sink, kind, stub, Silence(stored=stored))
    assert isinstance(error, TransientError)
    assert error.code in {"read_timeout", "ReadTimeoutError"}
    assert len(stub.taken(kind.place)) == (3 if stored else 0)
    sink.close()


def test_an_entry_the_answer_does_not_tell_of_is_not_delivered(sink: Sink, kind: Kind, stub: StubAws) -> None:
    """A service that says nothing of an entry has not taken it, as far as anybody knows."""
    stub.script(kind.place, Shortened())
    try:
        refused = {rejection.index for rejection in sink.send(BATCH) if rejection.transient}
    except TransientError:
        refused = {0, 1, 2}  # by position, nobody can tell which one is missing
    assert 2 in refused


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("name", ["kinesis", "firehose"])
@pytest.mark.parametrize("told", [b"[{},{},{}]", b"[null,null,null]"])
def test_an_entry_without_receipt_is_not_delivered(name: str, told: bytes, stub: StubAws) -> None:
    """Saying nothing bad of an entry is not enough: only a receipt makes it delivered."""
    kind = KINDS[name]
    made = kind.sink(kind.settings(to=kind.to))
    stub.script(kind.place, Response(b'{"Records":%b,"RequestResponses":%b}' % (told, told)))
    refused = made.send(BATCH)
    assert [(found.index, found.code, found.transient) for found in refused] == [
        (index, "unparseable_response", True) for index in range(3)
    ]
    made.close()


def test_refused_entries_are_named_and_the_others_are_taken(sink: Sink, kind: Kind, stub: StubAws) -> None:
    """A partial failure names each entry that was refused, at its place in the batch."""
    stub.script(kind.place, Partial(at(0, 2), Refusal("InternalFailure")))
    refused = sink.send(BATCH)
    assert {(rejection.index, rejection.code, rejection.transient) for rejection in refused} == {
        (0, "InternalFailure", True),
        (2, "InternalFailure", True),
    }
    assert [data.rstrip() for data in stub.taken(kind.place)] == [BATCH[1].data]


def test_an_entry_that_is_itself_to_blame_is_refused_for_good(sink: Sink, kind: Kind, stub: StubAws) -> None:
    """A refusal by which the service blames the entry is permanent; a throttled sender's fault passes."""
    stub.script(kind.place, Partial(at(1), Refusal(kind.invalid, sender_fault=True)))
    assert [rejection.transient for rejection in sink.send(BATCH)] == [False]
    stub.script(kind.place, Partial(at(1), Refusal(kind.throttled, sender_fault=True)))
    assert [rejection.transient for rejection in sink.send(BATCH)] == [True]


@pytest.mark.usefixtures("way")
def test_nobody_listening_passes(kind: Kind, monkeypatch: pytest.MonkeyPatch, stub: StubAws) -> None:
    """A refused connection may be tried again."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:9")
    with pytest.raises(TransientError, match=r"EndpointConnectionError|connection_refused"):
        kind.sink(kind.settings(to=kind.to)).send(BATCH)


def test_an_unusable_endpoint_or_profile_is_told_and_loses_nothing(
    kind: Kind, monkeypatch: pytest.MonkeyPatch, stub: StubAws
) -> None:
    """Where no client can be made at all, the events are refused for now and go back."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "no address")
    with pytest.raises(TransientError, match="ValueError"):
        kind.sink(kind.settings(to=kind.to)).send(BATCH)


def test_without_credentials_nothing_is_retried(
    kind: Kind, monkeypatch: pytest.MonkeyPatch, stub: StubAws
) -> None:
    """A process without credentials is told so."""
    monkeypatch.setattr(session, "_shared", [])
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(PermanentError, match="NoCredentials"):
        kind.sink(kind.settings(to=kind.to)).send(BATCH)


def test_a_missing_extra_is_told_when_the_sink_is_made(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without botocore, where it is needed, the configuration fails at once, with the command to type."""
    monkeypatch.setitem(sys.modules, "botocore", None)
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(MissingExtraError, match=r"pip install 'trailforward\[aws\]'"):
        kind.sink(kind.settings(to=kind.to))


def test_parameters_botocore_itself_refuses_are_worth_splitting(stub: StubAws) -> None:
    """A call that botocore will not even send is refused for good, without repeating its values."""
    with pytest.raises(PermanentError) as caught:
        aws_client.Client("kinesis", "us-west-2", direct=False).call("put_records", Records="secret")
    assert caught.value.divisible
    assert "secret" not in str(caught.value)


def test_closing_gives_up_connections_and_the_next_call_makes_new_ones(
    sink: Sink, kind: Kind, stub: StubAws
) -> None:
    """A closed sink can be used again; closing one that was never used does nothing."""
    sink.close()
    assert sink.send(BATCH) == []
    sink.close()
    assert sink.send(BATCH) == []


@pytest.mark.parametrize(
    ("arn", "expected"),
    [
        ("arn:aws:sts::111122223333:assumed-role/forwarder/name", ("111122223333", "forwarder")),
        ("arn:aws:iam::111122223333:user/rosa", None),
        ("nonsense", None),
    ],
)
def test_the_role_of_the_process_is_asked_of_sts(
    monkeypatch: pytest.MonkeyPatch, arn: str, expected: tuple[str, str] | None
) -> None:
    """A role's session gives account and role name; anything else gives none."""
    monkeypatch.setattr(aws_client.Client, "call", lambda *_, **__: {"Arn": arn})
    assert aws_client.caller_role("eu-west-1") == expected


def test_a_silent_sts_is_no_error(monkeypatch: pytest.MonkeyPatch, stub: StubAws) -> None:
    """Who this process is stays unknown where STS does not answer."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:9")
    assert aws_client.caller_role() is None
