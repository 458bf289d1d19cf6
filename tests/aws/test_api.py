"""Direct calls: what answers mean is what botocore reads in them, and connections are kept."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.aws import use_botocore
from tests.support.receiver import Receiver, Status
from tests.support.stub_aws import Refuse, Response, Silence
from trailforward.aws import api
from trailforward.aws.client import Client
from trailforward.errors import PermanentError, SinkError, TransientError
from trailforward.sinks._aws_batches import by_id, by_position
from trailforward.sinks.base import Entry, Rejection
from trailforward.sinks.sns import SnsSettings, SnsSink
from trailforward.sinks.sqs import SqsSettings, SqsSink

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.stub_aws import Fault, StubAws
    from trailforward.sinks.base import Sink

PLACE = "sqs:us-west-2"
ARN = "arn:aws:sqs:us-west-2:111122223333:cloudsec"
TOPIC = "arn:aws:sns:us-west-2:111122223333:alerts"
STREAM = "arn:aws:kinesis:us-west-2:111122223333:stream/cloudsec"
BATCH = [Entry(b"{}", "key")]


@pytest.fixture
def sink() -> Iterator[SqsSink]:
    """A queue's."""
    made = SqsSink(SqsSettings(to=ARN))
    yield made
    made.close()


@pytest.fixture
def topic() -> Iterator[SnsSink]:
    """A topic's."""
    made = SnsSink(SnsSettings(to=TOPIC))
    yield made
    made.close()


def failure(sink: Sink) -> SinkError:
    """What a call raises."""
    with pytest.raises(SinkError) as caught:
        sink.send(BATCH)
    return caught.value


def shown(error: SinkError) -> tuple[object, ...]:
    """All that there is to an error."""
    more = error.divisible if isinstance(error, PermanentError) else getattr(error, "retry_after", None)
    return type(error), error.code, str(error), more


@pytest.mark.parametrize(
    "fault",
    [
        Refuse(400, "RequestThrottled"),
        Refuse(403, "AccessDeniedException"),
        Refuse(400, "InvalidMessageContents"),
        Refuse(
            400, "QueueDoesNotExist", {"x-amzn-query-error": "AWS.SimpleQueueService.NonExistentQueue;Sender"}
        ),
        Refuse(429, "Whatever", {"Retry-After": "7"}),
        Response(b'{"__type":"aws#Odd:http://internal/coral/","Message":"words"}', status=400),
        Response(b'{"message":"no type"}', status=400),
        Response(b'{"message":null,"__type":"Odd"}', status=400),
        Response(b'{"__type":"Odd"}', status=500),
        Response(b"", status=400),
        Response(b"", status=413),
    ],
    ids=str,
)
def test_errors_are_those_that_botocore_reads(
    stub: StubAws, sink: SqsSink, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind, code, words, divisibility and the time to wait are the same by either way."""
    stub.always(PLACE, fault)
    mine = failure(sink)
    use_botocore(monkeypatch)
    sink.close()
    assert shown(mine) == shown(failure(sink))


def test_a_code_may_come_in_a_header(stub: StubAws, sink: SqsSink) -> None:
    """Where the body has no code, the header's counts."""
    stub.always(PLACE, Response(b"{}", status=400, headers={"x-amzn-ErrorType": "Odd:http://internal/"}))
    assert failure(sink).code == "Odd"


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (403, b"<html>no</html>", PermanentError),
        (403, b"[]", PermanentError),
        (400, b"", PermanentError),
        (503, b"<html>no", TransientError),
        (302, b'{"Successful":[]}', PermanentError),
    ],
)
def test_answers_of_others_are_sorted_by_their_status(
    stub: StubAws, sink: SqsSink, topic: SnsSink, status: int, body: bytes, kind: type[SinkError]
) -> None:
    """What is no answer of AWS's is told by its status, and its text is not repeated."""
    for place, made in ((PLACE, sink), ("sns:us-west-2", topic)):
        stub.always(place, Response(body, status=status))
        error = failure(made)
        assert (type(error), error.code) == (kind, str(status))
        assert "html" not in str(error)


_XML = '<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error>{}</Error></ErrorResponse>'


@pytest.mark.parametrize(
    "fault",
    [
        Refuse(400, "Throttling"),
        Refuse(400, "Throttled", {"Retry-After": "7"}),
        Refuse(403, "AuthorizationError"),
        Refuse(400, "InvalidParameter"),
        Refuse(404, "NotFound", message="Topic does not exist &amp; never did"),
        Response(_XML.format("<Type>Sender</Type><Code>Odd</Code>").encode(), status=400),
        Response(_XML.format("<Message>words</Message>").encode(), status=400),
        Response(_XML.format("<Code/><Message/>").encode(), status=500),
    ],
    ids=str,
)
def test_errors_of_the_query_protocol_are_those_that_botocore_reads(
    stub: StubAws, topic: SnsSink, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind, code, words, divisibility and the time to wait are the same by either way, for SNS's XML too."""
    stub.always("sns:us-west-2", fault)
    mine = failure(topic)
    use_botocore(monkeypatch)
    topic.close()
    assert shown(mine) == shown(failure(topic))


@pytest.mark.parametrize(
    "body",
    [
        b"<html><body>Welcome</body></html>",
        b"<PublishBatchResponse/>",
        b"<PublishBatchResponse><PublishBatchResult>yes</PublishBatchResult></PublishBatchResponse>",
        b"<PublishBatchResponse><PublishBatchResult><Successful/></PublishBatchResult></PublishBatchResponse>",
        b"<a>" * 50_000 + b"</a>" * 50_000,
        b"<PublishBatchResponse><PublishBatchResult>" + b"<a>" * 50_000 + b"</a>" * 50_000,
        b'<!DOCTYPE a [<!ENTITY b "c">]><PublishBatchResponse>&d;</PublishBatchResponse>',
    ],
    ids=lambda body: body[:60].decode(),
)
def test_only_the_answer_of_a_topic_is_one(stub: StubAws, topic: SnsSink, body: bytes) -> None:
    """XML of any other shape leaves the batch unsent, as far as anybody knows."""
    stub.script("sns:us-west-2", Response(body))
    error = failure(topic)
    assert isinstance(error, TransientError)
    assert error.code == "unparseable_response"


def test_an_attribute_that_no_form_can_hold_does_not_stop_the_event(stub: StubAws, topic: SnsSink) -> None:
    """A lone surrogate in a field becomes a question mark in the attribute; the message is as it was."""
    entry = Entry(b'{"a":"\\ud800"}', "key", subject="\ud800", fields={"eventName": "a\ud800"})
    assert topic.send([entry]) == []
    (item,) = stub.stored("sns:us-west-2")
    assert (item.data, item.subject, item.attributes) == (entry.data, "?", {"eventName": "a?"})


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("0"),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["Id", "Code", "Message", "SenderFault", "ErrorCode", "ErrorMessage", "SequenceNumber"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(results=_JSON, failed=_JSON)
def test_no_shape_of_an_answer_is_a_surprise(results: Any, failed: Any) -> None:
    """Whatever JSON comes, an entry is taken by its receipt alone, or refused, or the call fails for now."""
    with suppress(TransientError):
        refused = by_position(results, 2, "SequenceNumber")
        assert all(isinstance(rejection, Rejection) for rejection in refused)
        taken = {0, 1} - {rejection.index for rejection in refused}
        assert all(results[index]["SequenceNumber"] for index in taken)
    with suppress(TransientError):
        refused = by_id({"Successful": results, "Failed": failed}, [0, 1])
        taken = {"0", "1"} - {str(rejection.index) for rejection in refused}
        named = results if isinstance(results, list) else []
        assert taken <= {str(entry.get("Id")) for entry in named if isinstance(entry, dict)}


def test_one_connection_serves_call_after_call(stub: StubAws, sink: SqsSink) -> None:
    """The connection is kept, so that TLS is paid for once."""
    for _ in range(3):
        assert sink.send(BATCH) == []
    assert len(sink._client._api._pools) == 1  # type: ignore[union-attr]
    assert len(next(iter(sink._client._api._pools.values()))._idle) == 1  # type: ignore[union-attr]


def test_credentials_are_read_for_each_call(
    stub: StubAws, sink: SqsSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Credentials that somebody renews in the environment are used at once."""
    with Receiver([Status(400), Status(400)]) as receiver:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{receiver.port}")
        failure(sink)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "renewed")
        failure(sink)
        used = [request.headers["Authorization"].split("Credential=")[1] for request in receiver.requests]
    assert [credential.partition("/")[0] for credential in used] == ["test", "renewed"]


def test_a_lone_surrogate_travels_as_its_escape(stub: StubAws) -> None:
    """Text that UTF-8 cannot hold arrives as botocore would send it."""
    client = Client("events", "us-west-2")
    entry = {
        "Detail": '{"a":"\ud800"}',
        "DetailType": "x",
        "Source": "y",
        "Resources": [],
        "EventBusName": "z",
    }
    client.call("put_events", Entries=[entry])
    client.close()
    assert stub.taken("events:us-west-2") == [b'{"a":"\xed\xa0\x80"}']


def test_a_stream_is_made_without_an_answer(stub: StubAws) -> None:
    """CreateLogStream succeeds with an empty body; a batch does not."""
    client = Client("logs", "us-west-2")
    stub.script("logs:us-west-2:CreateLogStream", Response(b"", stored=False))
    assert client.call("create_log_stream", logGroupName="g", logStreamName="s") == {}
    stub.script("logs:us-west-2", Response(b"", stored=False))
    with pytest.raises(TransientError, match="unparseable_response"):
        client.call("put_log_events", logGroupName="g", logStreamName="s", logEvents=[])
    client.close()


def test_the_certificate_of_the_server_is_checked(
    stub: StubAws, sink: SqsSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a server that the system's authorities vouch for gets anything, over TLS 1.2 or newer."""
    answer = Status(body=b'{"Successful":[{"Id":"0","MessageId":"m"}]}')
    with Receiver([answer], tls="localhost") as receiver:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"https://localhost:{receiver.port}")
        api._tls.cache_clear()
        error = failure(sink)
        assert isinstance(error, PermanentError)
        assert error.code == "tls"
        assert "AWS_CA_BUNDLE" in str(error)
        assert receiver.requests == []
        sink.close()
        monkeypatch.setenv("SSL_CERT_FILE", str(receiver.ca_file))
        api._tls.cache_clear()
        assert sink.send(BATCH) == []
        assert api._tls().minimum_version.name == "TLSv1_2"
    api._tls.cache_clear()


def test_the_timeouts_of_a_client_are_its_own(stub: StubAws) -> None:
    """A client that may wait for a short time only gives up by itself."""
    client = Client("kinesis", "us-west-2", read_timeout=0.05)
    stub.script("kinesis:us-west-2", Silence(stored=False))
    with pytest.raises(TransientError, match="read_timeout"):
        client.call("put_records", StreamARN=STREAM, Records=[])
    client.close()
