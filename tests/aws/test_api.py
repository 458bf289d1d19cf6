"""Direct calls interpret responses as botocore does, and reuse connections."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.alerts import alert
from tests.support.aws import use_botocore
from tests.support.receiver import Receiver, Status
from tests.support.stub_aws import Refuse, Response, Silence
from trailforward.aws import api
from trailforward.aws.client import Client
from trailforward.errors import PermanentError, SinkError, TransientError
from trailforward.formats import load
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
    """A sink for a queue."""
    made = SqsSink(SqsSettings(to=ARN))
    yield made
    made.close()


@pytest.fixture
def topic() -> Iterator[SnsSink]:
    """A sink for a topic."""
    made = SnsSink(SnsSettings(to=TOPIC))
    yield made
    made.close()


def failure(sink: Sink) -> SinkError:
    """The error that a call raises."""
    with pytest.raises(SinkError) as caught:
        sink.send(BATCH)
    return caught.value


def details(error: SinkError) -> tuple[object, ...]:
    """Type, code, text, and other attributes of an error."""
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
def test_errors_are_the_same_as_through_botocore(
    stub: StubAws, sink: SqsSink, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Direct calls and botocore give the same error type, code, text, divisibility, and retry delay."""
    stub.always(PLACE, fault)
    direct = failure(sink)
    use_botocore(monkeypatch)
    sink.close()
    assert details(direct) == details(failure(sink))


def test_an_error_code_in_a_header_is_used(stub: StubAws, sink: SqsSink) -> None:
    """If the body has no error code, the code in the header is used."""
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
def test_responses_from_other_servers_are_classified_by_status(
    stub: StubAws, sink: SqsSink, topic: SnsSink, status: int, body: bytes, kind: type[SinkError]
) -> None:
    """An error response from another server is classified by its status, and its text is not repeated."""
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
def test_query_protocol_errors_are_the_same_as_through_botocore(
    stub: StubAws, topic: SnsSink, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Errors in SNS's XML have the same type, code, text, and retry delay as through botocore."""
    stub.always("sns:us-west-2", fault)
    direct = failure(topic)
    use_botocore(monkeypatch)
    topic.close()
    assert details(direct) == details(failure(topic))


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
def test_unexpected_xml_is_not_a_success(stub: StubAws, topic: SnsSink, body: bytes) -> None:
    """If the response is XML of another shape, the batch counts as not delivered."""
    stub.script("sns:us-west-2", Response(body))
    error = failure(topic)
    assert isinstance(error, TransientError)
    assert error.code == "unparseable_response"


def test_an_attribute_with_a_lone_surrogate_does_not_stop_the_event(stub: StubAws, topic: SnsSink) -> None:
    """A lone surrogate in a field becomes a question mark in the attribute; the message is unchanged."""
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
def test_parsers_never_raise_unexpected_errors(results: Any, failed: Any) -> None:
    """Whatever the JSON value, an entry counts as accepted only with a receipt."""
    with suppress(TransientError):
        rejections = by_position(results, 2, "SequenceNumber")
        assert all(isinstance(rejection, Rejection) for rejection in rejections)
        accepted = {0, 1} - {rejection.index for rejection in rejections}
        assert all(results[index]["SequenceNumber"] for index in accepted)
    with suppress(TransientError):
        rejections = by_id({"Successful": results, "Failed": failed}, [0, 1])
        accepted_ids = {"0", "1"} - {str(rejection.index) for rejection in rejections}
        named = results if isinstance(results, list) else []
        assert accepted_ids <= {str(entry.get("Id")) for entry in named if isinstance(entry, dict)}


def test_calls_reuse_one_connection(stub: StubAws, sink: SqsSink) -> None:
    """The connection stays open, so that the TLS handshake happens only once."""
    for _ in range(3):
        assert sink.send(BATCH) == []
    assert len(sink._client._api._pools) == 1  # type: ignore[union-attr]
    assert len(next(iter(sink._client._api._pools.values()))._idle) == 1  # type: ignore[union-attr]


def test_credentials_are_read_for_each_call(
    stub: StubAws, sink: SqsSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Credentials that are renewed in the environment take effect at once."""
    with Receiver([Status(400), Status(400)]) as receiver:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{receiver.port}")
        failure(sink)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "renewed")
        failure(sink)
        used = [request.headers["Authorization"].split("Credential=")[1] for request in receiver.requests]
    assert [credential.partition("/")[0] for credential in used] == ["test", "renewed"]


def test_a_lone_surrogate_is_sent_as_an_escape(stub: StubAws) -> None:
    """Text that UTF-8 cannot encode arrives as botocore would send it."""
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


def test_an_empty_response_to_create_log_stream_is_a_success(stub: StubAws) -> None:
    """CreateLogStream succeeds with an empty body; PutLogEvents does not."""
    client = Client("logs", "us-west-2")
    stub.script("logs:us-west-2:CreateLogStream", Response(b"", stored=False))
    assert client.call("create_log_stream", logGroupName="g", logStreamName="s") == {}
    stub.script("logs:us-west-2", Response(b"", stored=False))
    with pytest.raises(TransientError, match="unparseable_response"):
        client.call("put_log_events", logGroupName="g", logStreamName="s", logEvents=[])
    client.close()


@pytest.mark.parametrize("way", [True, False], ids=["directly", "by botocore"])
@pytest.mark.parametrize(
    ("headers", "body", "code"),
    [
        (
            {"x-amzn-ErrorType": "InvalidAccessException:http://x/"},
            b'{"Message":"off"}',
            "InvalidAccessException",
        ),
        ({"x-amzn-ErrorType": "InvalidAccessException"}, b'{"Code":"other"}', "InvalidAccessException"),
        ({}, b'{"__type":"InvalidAccessException","message":"off"}', "InvalidAccessException"),
        ({}, b'{"code":"InvalidAccessException"}', "InvalidAccessException"),
        ({}, b"<html>", "401"),
    ],
)
def test_errors_of_the_rest_protocol(
    headers: dict[str, str], body: bytes, code: str, *, way: bool, stub: StubAws
) -> None:
    """The code of a REST service is read from the header, else from the body, as botocore does."""
    client = Client("securityhub", "us-west-2", direct=way)
    stub.script("securityhub:us-west-2", Response(body, status=401, stored=False, headers=headers))
    with pytest.raises(PermanentError) as caught:
        client.call("batch_import_findings", Findings=[json.loads(load("asff").data(alert()))])
    client.close()
    assert caught.value.code == code
    assert ("off" in str(caught.value)) is (b"off" in body)


def test_the_servers_certificate_is_verified(
    stub: StubAws, sink: SqsSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests are sent only to a server with a certificate that the system trusts, over TLS 1.2 or newer."""
    response = Status(body=b'{"Successful":[{"Id":"0","MessageId":"m"}]}')
    with Receiver([response], tls="localhost") as receiver:
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


def test_a_client_can_have_other_timeouts(stub: StubAws) -> None:
    """A client with a short read timeout raises ``read_timeout``."""
    client = Client("kinesis", "us-west-2", read_timeout=0.05)
    stub.script("kinesis:us-west-2", Silence(stored=False))
    with pytest.raises(TransientError, match="read_timeout"):
        client.call("put_records", StreamARN=STREAM, Records=[])
    client.close()
