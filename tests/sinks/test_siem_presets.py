"""Presets of SIEMs: requests, limits, and errors are those that each vendor documents."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.receiver import Receiver, Status
from tests.support.secrets import REFERENCE, FixedSecrets
from tests.support.settings import read
from trailforward import Config, ConfigError, Forwarder, Message, Origin
from trailforward.errors import Cause, EventError, PermanentError, TransientError
from trailforward.pipeline.batching import batches
from trailforward.sinks.base import Entry
from trailforward.sinks.http.presets.sentinel import MAX_VALUE_BYTES
from trailforward.sinks.http.sink import HttpSettings, HttpSink

if TYPE_CHECKING:
    from collections.abc import Iterator

ODD = [b'{"a": 1.10,"b":1.688560107857E9 }', '{"name":"bücher\\u003d"}'.encode()]
TIME = "2026-05-04T09:15:00Z"
STREAM = "/dataCollectionRules/dcr-000a00a000a00000a000000aa000a0aa/streams/Custom-CloudTrail_CL"
INGESTION = f"{STREAM}?api-version=2023-01-01"
TOKEN = Status(200, {}, b'{"access_token":"t","expires_in":3599,"token_type":"Bearer"}')
FEED = "/v1alpha/projects/p/locations/eu/instances/i/feeds/f:importPushLogs"
KEYS = "?key=AIza-key&secret=feed-secret"
ITEMS = Status(200, {}, b'{"errors":false,"items":[{"create":{"status":201}},{"create":{"status":201}}]}')
SIGNED = {"type": "sigv4", "service": "es", "region": "eu-west-1"}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver of events."""
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def server() -> Iterator[Receiver]:
    """A token endpoint."""
    with Receiver(then=TOKEN) as server:
        yield server


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)


def sink(preset: str, receiver: Receiver, server: Receiver, **more: Any) -> HttpSink:
    """A sink of this preset, with the authentication that it needs."""
    origin = f"http://127.0.0.1:{receiver.port}"
    oauth = {
        "type": "oauth2",
        "token_url": f"http://127.0.0.1:{server.port}/TENANT/oauth2/v2.0/token",
        "client_id": "11111111-1111-1111-1111-111111111111",
        "client_secret": REFERENCE,
        "scope": "https://monitor.azure.com/.default",
    }
    tables: dict[str, dict[str, Any]] = {
        "otlp": {},
        "sentinel": {"to": origin + INGESTION, "auth": oauth},
        "opensearch": {"to": f"{origin}/trail/_bulk", "auth": SIGNED},
        "google-secops": {"secret": REFERENCE},
    }
    table = {"to": origin, "preset": preset, **tables[preset], **more}
    return HttpSink(read(HttpSettings, table), secrets=FixedSecrets(f"{origin}{FEED}{KEYS}"))


def entries(*data: bytes) -> list[Entry]:
    """Entries with these bytes."""
    return [Entry(each, f"key-{index}", time=TIME) for index, each in enumerate(data)]


def test_sentinel_gets_rows_whose_column_is_the_event(receiver: Receiver, server: Receiver) -> None:
    """Each row has the time, the ID, and the event as a string, at the URL of the stream, with a token."""
    receiver.script(Status(204))
    made = sink("sentinel", receiver, server)
    assert made.send(entries(*ODD)) == []
    made.close()
    (request,) = receiver.requests
    assert request.path == INGESTION
    assert (request.headers["Authorization"], request.headers["Content-Type"]) == (
        "Bearer t",
        "application/json",
    )
    rows = request.json
    assert [row.pop("Event").encode() for row in rows] == ODD
    assert rows == [{"TimeGenerated": TIME, "EventId": f"key-{index}"} for index in range(2)]


@pytest.mark.parametrize(
    ("status", "code", "kind", "divisible", "words"),
    [
        (400, "InvalidStream", PermanentError, True, "InvalidStream"),
        (403, "OperationFailed", PermanentError, False, "Monitoring Metrics Publisher"),
        (404, "NotFound", PermanentError, False, "check the path"),
        (413, "ContentLengthLimitExceeded", PermanentError, True, "too large"),
        (429, "", TransientError, None, "429"),
        (503, "", TransientError, None, "503"),
        (200, "", TransientError, None, "unparseable"),
    ],
)
def test_sentinels_errors_are_classified(  # noqa: PLR0913, PLR0917  # the columns of the table
    receiver: Receiver,
    server: Receiver,
    status: int,
    code: str,
    kind: type[Exception],
    divisible: bool | None,  # noqa: FBT001
    words: str,
) -> None:
    """A missing role and a wrong rule are the destination's fault, and any success but 204 is not Azure's."""
    receiver.script(Status(status, {}, json.dumps({"error": {"code": code, "message": "no"}}).encode()))
    made = sink("sentinel", receiver, server)
    with pytest.raises(kind, match=words) as caught:
        made.send(entries(*ODD))
    made.close()
    assert getattr(caught.value, "divisible", None) is divisible


def test_an_event_that_log_analytics_would_cut_is_refused(receiver: Receiver, server: Receiver) -> None:
    """A value of exactly 64 KiB is sent; one byte more is refused, because Azure would cut it silently."""
    receiver.script(Status(204))
    made = sink("sentinel", receiver, server)
    (largest,) = entries(b'"' + b"x" * (MAX_VALUE_BYTES - 2) + b'"')
    assert made.send([largest]) == []
    assert len(receiver.requests[0].json[0]["Event"]) == 65_536
    with pytest.raises(EventError, match="cuts values"):
        made.size(entries(b'"' + b"x" * (MAX_VALUE_BYTES - 1) + b'"')[0])
    toml = f'[sinks.s]\nto = "{receiver.url}"\n'
    event = b'{"source":"aws.ec2","detail":{"x":"' + b"x" * MAX_VALUE_BYTES + b'"}}'
    outcome = Forwarder(Config.from_toml(toml), made={"s": made}).forward([Message(event, Origin("test"))])
    assert outcome.verdicts["s"][0].code == "too_large"
    made.close()


def test_opensearch_requests_are_signed_and_idempotent(receiver: Receiver, server: Receiver) -> None:
    """Each event is created under its ID, with the hash of the body that Serverless requires."""
    receiver.script(ITEMS)
    made = sink("opensearch", receiver, server)
    assert made.send(entries(*ODD)) == []
    made.close()
    (request,) = receiver.requests
    lines = request.body.split(b"\n")
    assert lines[0::2] == [b'{"create":{"_id":"key-0"}}', b'{"create":{"_id":"key-1"}}', b""]
    assert lines[1::2] == ODD
    assert "/eu-west-1/es/aws4_request" in request.headers["Authorization"]
    assert "x-amz-content-sha256" in request.headers["Authorization"]
    assert len(request.headers["X-Amz-Content-SHA256"]) == 64


def test_a_time_series_collection_gets_events_without_ids(receiver: Receiver, server: Receiver) -> None:
    """With ``ids = "none"`` the action has no ID, and the size counts exactly what is sent."""
    receiver.script(ITEMS)
    made = sink("opensearch", receiver, server, metadata={"ids": "none"})
    batch = entries(*ODD)
    assert made.send(batch) == []
    made.close()
    body = receiver.bodies[0]
    assert body.split(b"\n")[0::2] == [b'{"create":{}}', b'{"create":{}}', b""]
    assert sum(map(made.size, batch)) == len(body)


def test_an_item_that_opensearch_refuses_is_reported_alone(receiver: Receiver, server: Receiver) -> None:
    """409 is a success, a mapping error is the event's fault, and 429 is retried."""
    results = [
        {"status": 409},
        {"status": 400, "error": {"type": "mapper_parsing_exception"}},
        {"status": 429, "error": {"type": "es_rejected_execution_exception"}},
    ]
    content = {"errors": True, "items": [{"create": result} for result in results]}
    receiver.script(Status(200, {}, json.dumps(content).encode()))
    made = sink("opensearch", receiver, server)
    found = made.send(entries(b"{}", b"{}", b"{}"))
    made.close()
    assert [(each.index, each.transient, each.cause) for each in found] == [
        (1, False, Cause.CONTENT),
        (2, True, Cause.THROTTLING),
    ]


def test_a_collection_that_refuses_ids_is_distinguished_from_a_bad_event(
    receiver: Receiver, server: Receiver
) -> None:
    """OpenSearch Serverless refuses every document: the text names the setting, and no event is blamed."""
    reason = "Document ID is not supported in create/index operation request"
    error = {"type": "illegal_argument_exception", "reason": reason}
    content = {"errors": True, "items": [{"create": {"status": 400, "error": error}}] * 2}
    receiver.script(Status(200, {}, json.dumps(content).encode()))
    made = sink("opensearch", receiver, server)
    found = made.send(entries(*ODD))
    made.close()
    assert {(each.transient, each.cause) for each in found} == {(False, Cause.DESTINATION)}
    assert 'metadata = { ids = "none" }' in found[0].message


def test_opensearchs_missing_permission_is_the_destinations_fault(
    receiver: Receiver, server: Receiver
) -> None:
    """403 does not divide the batch, and the text names the permission."""
    receiver.script(Status(403))
    made = sink("opensearch", receiver, server)
    with pytest.raises(PermanentError, match="es:ESHttpPost") as caught:
        made.send(entries(*ODD))
    made.close()
    assert not caught.value.divisible


def test_google_secops_gets_lines_at_the_secret_url(receiver: Receiver, server: Receiver) -> None:
    """One event per line goes to the feed's endpoint; API key and secret key are in its query only."""
    made = sink("google-secops", receiver, server)
    assert made.send(entries(*ODD)) == []
    made.close()
    (request,) = receiver.requests
    assert request.path == FEED + KEYS
    assert request.body == b"".join(data + b"\n" for data in ODD)
    receiver.script(Status(403))
    with pytest.raises(PermanentError) as caught:
        made.send(entries(*ODD))
    assert "feed-secret" not in str(caught.value)
    assert not caught.value.divisible


@pytest.mark.parametrize(
    ("preset", "bytes_", "most", "ok"),
    [
        ("otlp", 1_000_000, 1_000, Status()),
        ("sentinel", 1_000_000, 1_000, Status(204)),
        ("opensearch", 5_000_000, 1_000, ITEMS),
        ("google-secops", 4_000_000, 10_000, Status()),
    ],
)
def test_a_full_request_is_exactly_as_large_as_the_vendor_allows(
    preset: str, bytes_: int, most: int, ok: Status, receiver: Receiver, server: Receiver
) -> None:
    """Events that fill the limit exactly go in one request; one byte more makes a second request."""
    made = sink(preset, receiver, server)
    limits = made.limits
    assert (limits.max_batch_bytes, limits.max_entries) == (bytes_, most)
    count = 2 if preset != "sentinel" else 20
    (empty,) = entries(b'""')
    room = bytes_ - limits.batch_overhead - count * made.size(empty)

    def cut(extra: int) -> list[Any]:
        sizes = [room // count] * (count - 1)
        sizes.append(room - sum(sizes) + extra)
        batch = [Entry(b'"' + b"x" * size + b'"', "key-0", time=TIME) for size in sizes]
        assert sum(map(made.size, batch)) + limits.batch_overhead == bytes_ + extra
        return list(
            batches(
                batch,
                made.size,
                most=limits.max_entries,
                most_bytes=limits.max_batch_bytes,
                overhead=limits.batch_overhead,
            )
        )

    assert len(cut(1)) == 2
    (full,) = cut(0)
    receiver.script(ok)
    assert made.send(full) == []
    made.close()
    # The sizes count a comma for every element of a JSON array; the last one has none.
    commas = preset in {"otlp", "sentinel"}
    assert len(receiver.bodies[0]) == bytes_ - commas


@pytest.mark.parametrize(
    ("toml", "what"),
    [
        ('to = "https://x.ingest.monitor.azure.com"\npreset = "sentinel"', "data collection rule"),
        (f'to = "https://x.ingest.monitor.azure.com{STREAM}"\npreset = "sentinel"', "API version"),
        (f'to = "https://x.ingest.monitor.azure.com{INGESTION}"\npreset = "sentinel"', "oauth2"),
        (
            (
                f'to = "https://x.ingest.monitor.azure.com{INGESTION}"\npreset = "sentinel"\n'
                f'secret = "{REFERENCE}"'
            ),
            "tenant",
        ),
        ('to = "https://x.eu-west-1.es.amazonaws.com/_bulk"\npreset = "opensearch"', "index"),
        ('to = "https://x.eu-west-1.es.amazonaws.com/a/_bulk"\npreset = "opensearch"', "sigv4"),
        (
            (
                'to = "https://x.eu-west-1.aoss.amazonaws.com/a/_bulk"\npreset = "opensearch"\n'
                'auth = { type = "sigv4", service = "es", region = "eu-west-1" }'
            ),
            'service = "aoss", region = "eu-west-1"',
        ),
        (
            (
                'to = "https://x.eu-west-1.es.amazonaws.com/a/_bulk"\npreset = "opensearch"\n'
                'metadata = { ids = "some" }\nauth = { type = "sigv4", service = "es", region = "eu-west-1" }'
            ),
            'write "none"',
        ),
        (
            (
                f'to = "https://chronicle.googleapis.com/elsewhere"\npreset = "google-secops"\n'
                f'secret = "{REFERENCE}"'
            ),
            "endpoint of a feed",
        ),
    ],
)
def test_a_wrong_url_or_authentication_is_found_before_anything_is_sent(toml: str, what: str) -> None:
    """The configuration is refused with the form that the vendor needs."""
    with pytest.raises(ConfigError, match="problem") as caught:
        Config.from_toml(f"[sinks.siem]\n{toml}\n")
    assert what in str(caught.value)
