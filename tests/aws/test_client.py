"""All AWS sinks make one attempt per call and classify responses alike, directly and through botocore."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.support.stub_aws import (
    Fault,
    Partial,
    Refusal,
    Refuse,
    Reset,
    Response,
    Shortened,
    Silence,
    StubAws,
    Take,
    at,
)
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
        """The stub's place for its requests."""
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
    """Each of the four sink types."""
    return KINDS[request.param]


@pytest.fixture
def sink(kind: Kind, stub: StubAws, way: str) -> Iterator[Sink]:
    """A sink of this type that sends to the stub."""
    made = kind.sink(kind.settings(to=kind.to))
    yield made
    made.close()


def failure(sink: Sink, kind: Kind, stub: StubAws, fault: Fault) -> SinkError:
    """The error that a call with this fault raises, after exactly one request."""
    stub.script(kind.place, fault)
    with pytest.raises(SinkError) as caught:
        sink.send(BATCH)
    assert stub.calls == {kind.place: 1}
    return caught.value


def test_region_comes_from_the_arn(sink: Sink, kind: Kind, stub: StubAws) -> None:
    """The request goes to the Region of the ARN, so that users write the Region only once."""
    assert sink.send(BATCH) == []
    assert stub.calls == {kind.place: 1}
    assert len(stub.taken(kind.place)) == 3


def test_throttling_is_transient(sink: Sink, kind: Kind, stub: StubAws) -> None:
    """A throttled call raises a transient error, and only the forwarder retries it."""
    error = failure(sink, kind, stub, Refuse(400, kind.throttled))
    assert isinstance(error, TransientError)
    assert (error.code, error.retry_after) == (kind.throttled, None)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0), ("Mon, 04 May 2026", None), ("\u00b2", None)],
)
def test_retry_after_is_passed_on(
    sink: Sink, kind: Kind, stub: StubAws, header: str, seconds: float | None
) -> None:
    """Seconds or a date in Retry-After become the retry delay; invalid values are ignored."""
    error = failure(sink, kind, stub, Refuse(429, "Whatever", {"Retry-After": header}))
    assert isinstance(error, TransientError)
    assert error.retry_after == seconds


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_server_errors_are_transient_whatever_their_code(
    sink: Sink, kind: Kind, stub: StubAws, status: int
) -> None:
    """Every 5xx status is transient, even with an unknown error code or without one."""
    assert isinstance(failure(sink, kind, stub, Refuse(status, "NeverHeardOf")), TransientError)
    stub.reset()
    assert isinstance(failure(sink, kind, stub, Refuse(status)), TransientError)


@pytest.mark.parametrize("code", ["AccessDeniedException", "UnrecognizedClientException", "KMSDisabled"])
def test_errors_of_the_destination_are_permanent(sink: Sink, kind: Kind, stub: StubAws, code: str) -> None:
    """An error that neither a retry nor a smaller batch can fix is permanent and not divisible."""
    error = failure(sink, kind, stub, Refuse(400, code))
    assert isinstance(error, PermanentError)
    assert (error.code, error.divisible) == (code, False)


def test_a_missing_destination_is_permanent(sink: Sink, kind: Kind, stub: StubAws) -> None:
    """If a stream, topic, or queue does not exist, the error has the service's code without its prefix."""
    error = failure(sink, kind, stub, Refuse(400, kind.absent))
    assert isinstance(error, PermanentError)
    assert (error.code, error.divisible) == (kind.absent.rpartition(".")[2], False)


def test_a_call_that_one_entry_may_have_failed_is_divisible(sink: Sink, kind: Kind, stub: StubAws) -> None:
    """If AWS reports invalid input, the error is divisible, so that the forwarder splits the batch."""
    error = failure(sink, kind, stub, Refuse(400, kind.invalid))
    assert isinstance(error, PermanentError)
    assert error.divisible


def test_error_messages_contain_no_payload(sink: Sink, kind: Kind, stub: StubAws) -> None:
    """AWS's validation errors quote the invalid value; error messages, which are logged, do not."""
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
def test_a_missing_or_unparseable_response_is_never_a_success(
    sink: Sink, kind: Kind, stub: StubAws, fault: Fault
) -> None:
    """After a missing or unparseable response the error is transient, and the batch is sent again."""
    assert isinstance(failure(sink, kind, stub, fault), TransientError)
    assert sink.send(BATCH) == []


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("stored", [False, True])
def test_a_call_without_a_response_times_out(
    kind: Kind, stub: StubAws, monkeypatch: pytest.MonkeyPatch, *, stored: bool
) -> None:
    """A call without a response ends with a transient error, whatever the service stored."""
    monkeypatch.setattr(aws_client, "READ_TIMEOUT", 0.05)
    sink = kind.sink(kind.settings(to=kind.to))
    error = failure(sink, kind, stub, Silence(stored=stored))
    assert isinstance(error, TransientError)
    assert error.code in {"read_timeout", "ReadTimeoutError"}
    assert len(stub.taken(kind.place)) == (3 if stored else 0)
    sink.close()


def test_an_entry_without_a_result_is_not_delivered(sink: Sink, kind: Kind, stub: StubAws) -> None:
    """If the response has no result for an entry, the entry counts as not delivered."""
    stub.script(kind.place, Shortened())
    try:
        rejected = {rejection.index for rejection in sink.send(BATCH) if rejection.transient}
    except TransientError:
        rejected = {0, 1, 2}  # by position, the missing result could be any
    assert 2 in rejected


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("name", ["kinesis", "firehose"])
@pytest.mark.parametrize("results", [b"[{},{},{}]", b"[null,null,null]"])
def test_an_entry_without_a_receipt_is_not_delivered(name: str, results: bytes, stub: StubAws) -> None:
    """An entry counts as delivered only if its result contains a receipt, not if an error is missing."""
    kind = KINDS[name]
    made = kind.sink(kind.settings(to=kind.to))
    stub.script(kind.place, Response(b'{"Records":%b,"RequestResponses":%b}' % (results, results)))
    rejections = made.send(BATCH)
    assert [(found.index, found.code, found.transient) for found in rejections] == [
        (index, "unparseable_response", True) for index in range(3)
    ]
    made.close()


def test_rejected_entries_are_returned_and_the_others_are_accepted(
    sink: Sink, kind: Kind, stub: StubAws
) -> None:
    """After a partial failure the sink returns each rejected entry with its index in the batch."""
    stub.script(kind.place, Partial(at(0, 2), Refusal("InternalFailure")))
    rejections = sink.send(BATCH)
    assert {(rejection.index, rejection.code, rejection.transient) for rejection in rejections} == {
        (0, "InternalFailure", True),
        (2, "InternalFailure", True),
    }
    assert [data.rstrip() for data in stub.taken(kind.place)] == [BATCH[1].data]


def test_an_invalid_entry_is_rejected_permanently(sink: Sink, kind: Kind, stub: StubAws) -> None:
    """An invalid entry is a permanent rejection; throttling is transient, even with ``SenderFault``."""
    stub.script(kind.place, Partial(at(1), Refusal(kind.invalid, sender_fault=True)))
    assert [rejection.transient for rejection in sink.send(BATCH)] == [False]
    stub.script(kind.place, Partial(at(1), Refusal(kind.throttled, sender_fault=True)))
    assert [rejection.transient for rejection in sink.send(BATCH)] == [True]


@pytest.mark.usefixtures("way")
def test_a_refused_connection_is_transient(
    kind: Kind, monkeypatch: pytest.MonkeyPatch, stub: StubAws
) -> None:
    """If nothing listens on the port, the error is transient."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:9")
    with pytest.raises(TransientError, match=r"EndpointConnectionError|connection_refused"):
        kind.sink(kind.settings(to=kind.to)).send(BATCH)


def test_an_invalid_endpoint_is_transient_and_loses_nothing(
    kind: Kind, monkeypatch: pytest.MonkeyPatch, stub: StubAws
) -> None:
    """If no client can be created, the error is transient, so that the events are sent again."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "no address")
    with pytest.raises(TransientError, match="ValueError"):
        kind.sink(kind.settings(to=kind.to)).send(BATCH)


def test_missing_credentials_are_permanent(
    kind: Kind, monkeypatch: pytest.MonkeyPatch, stub: StubAws
) -> None:
    """Without credentials the call raises a permanent error with the code ``NoCredentials``."""
    monkeypatch.setattr(session, "_shared", [])
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(PermanentError, match="NoCredentials"):
        kind.sink(kind.settings(to=kind.to)).send(BATCH)


def test_a_missing_extra_fails_when_the_sink_is_created(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    """If botocore is needed and not installed, creating the sink fails with the command that installs it."""
    monkeypatch.setitem(sys.modules, "botocore", None)
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(MissingExtraError, match=r"pip install 'trailforward\[aws\]'"):
        kind.sink(kind.settings(to=kind.to))


def test_parameters_that_botocore_rejects_are_divisible(stub: StubAws) -> None:
    """A call that botocore rejects before sending is a permanent, divisible error that repeats no values."""
    with pytest.raises(PermanentError) as caught:
        aws_client.Client("kinesis", "us-west-2", direct=False).call("put_records", Records="secret")
    assert caught.value.divisible
    assert "secret" not in str(caught.value)


def test_a_closed_sink_opens_new_connections(sink: Sink, kind: Kind, stub: StubAws) -> None:
    """A closed sink can be used again; closing an unused sink does nothing."""
    sink.close()
    assert sink.send(BATCH) == []
    sink.close()
    assert sink.send(BATCH) == []


@pytest.mark.parametrize(
    ("arn", "expected"),
    [
        ("arn:aws:sts::111122223333:assumed-role/forwarder/name", ("111122223333", "forwarder")),
        ("arn:aws:iam::111122223333:user/rosa", None),
    ],
)
@pytest.mark.usefixtures("way")
def test_the_role_of_the_process_is_asked_of_sts(
    stub: StubAws, arn: str, expected: tuple[str, str] | None
) -> None:
    """A role's session gives account and role name; anybody else's credentials give none."""
    stub.always("sts:eu-west-1", Take({"arn": arn}))
    assert aws_client.caller_role("eu-west-1") == expected


@pytest.mark.parametrize(
    "fault", [Refuse(400, "Throttling"), Refuse(503), Take({"arn": "nonsense"}), Reset()]
)
@pytest.mark.usefixtures("way")
def test_an_sts_that_does_not_say_is_an_error(stub: StubAws, fault: Fault) -> None:
    """A throttled, failing, or odd STS is not taken for a process without a role: it is asked again later."""
    stub.always("sts:eu-west-1", fault)
    with pytest.raises(TransientError):
        aws_client.caller_role("eu-west-1")
