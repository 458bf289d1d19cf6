"""HTTP receivers get the exact bytes of events in the configured framing."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import trailforward
from tests.support.receiver import Receiver
from tests.support.settings import read
from trailforward.sinks.base import Entry, Rejection
from trailforward.sinks.http.sink import HttpSettings, HttpSink

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Bytes that any re-serialization would change.
ODD = [b'{"a": 1.10,"b":1.688560107857E9 }', '{"name":"bücher\\u003d","big":12345678901234567890}'.encode()]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver without faults."""
    with Receiver() as receiver:
        yield receiver


def entries(*data: bytes) -> list[Entry]:
    """Entries with these bytes."""
    return [Entry(each, f"key-{index}") for index, each in enumerate(data)]


def deliver(receiver: Receiver, data: list[bytes], **settings: Any) -> list[Rejection]:
    """Sends one batch with a new sink."""
    sink = HttpSink(HttpSettings(to=receiver.url, **settings))
    try:
        return sink.send(entries(*data))
    finally:
        sink.close()


def test_an_array_contains_the_exact_bytes_of_each_event(receiver: Receiver) -> None:
    """The default body is a JSON array of the events' exact bytes."""
    assert deliver(receiver, ODD) == []
    (request,) = receiver.requests
    assert request.body == b"[" + ODD[0] + b"," + ODD[1] + b"]"
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Content-Length"] == str(len(request.body))


def test_ndjson_is_one_line_per_event_with_a_final_line_break(receiver: Receiver) -> None:
    """In NDJSON every event ends with a line break, including the last one."""
    assert deliver(receiver, ODD, batch="ndjson") == []
    (request,) = receiver.requests
    assert request.body == ODD[0] + b"\n" + ODD[1] + b"\n"
    assert request.headers["Content-Type"] == "application/x-ndjson"


def test_single_sends_exactly_the_event(receiver: Receiver) -> None:
    """With batch = "single" the body is exactly the event, including line breaks."""
    data = b'{\n "a": 1.10\r\n}'
    assert deliver(receiver, [data], batch="single") == []
    (request,) = receiver.requests
    assert request.body == data
    assert request.headers["Content-Type"] == "application/json"


def test_text_is_sent_as_one_event_per_request(receiver: Receiver) -> None:
    """A format that is not JSON is sent with its own content type."""
    sink = HttpSink(HttpSettings(to=receiver.url, batch="single", format="text"))
    sink.send([Entry(b"ConsoleLogin by alice\n", "key", content_type="text/plain; charset=utf-8")])
    sink.close()
    assert receiver.bodies == [b"ConsoleLogin by alice\n"]
    assert receiver.requests[0].headers["Content-Type"] == "text/plain; charset=utf-8"


def test_ndjson_puts_events_with_line_breaks_on_one_line(receiver: Receiver) -> None:
    """CR and LF between tokens are removed; escapes in strings and all other whitespace stay."""
    events = [b'{"a":1}', b'{\n "b":\t"\\r\\n"}', b'{"d":\r4}']
    assert list(deliver(receiver, events, batch="ndjson")) == []
    assert receiver.bodies == [b'{"a":1}\n{ "b":\t"\\r\\n"}\n{"d":4}\n']


def test_an_empty_batch_makes_no_request(receiver: Receiver) -> None:
    """If there is nothing to send, no request is made."""
    assert list(deliver(receiver, [], batch="ndjson")) == []
    assert receiver.requests == []


def test_gzip_is_reproducible_and_announced(receiver: Receiver) -> None:
    """A compressed body decodes to the same bytes, and the same batch always compresses to the same bytes."""
    for _ in range(2):
        deliver(receiver, ODD, gzip=True)
    first, second = receiver.requests
    assert first.decoded == b"[" + ODD[0] + b"," + ODD[1] + b"]"
    assert first.body == second.body
    assert first.headers["Content-Encoding"] == "gzip"
    assert first.headers["Content-Length"] == str(len(first.body))


def test_the_request_is_a_post_to_exactly_the_url(receiver: Receiver) -> None:
    """Path and query arrive unchanged, with the User-Agent and the configured headers."""
    url = f"http://127.0.0.1:{receiver.port}/in/%41//b?topic=a%20b&c"
    sink = HttpSink(HttpSettings(to=url, headers={"X-Tenant": "blue", "X-Empty": ""}))
    sink.send(entries(b"{}"))
    sink.close()
    (request,) = receiver.requests
    assert (request.method, request.path) == ("POST", "/in/%41//b?topic=a%20b&c")
    assert request.headers["Host"] == f"127.0.0.1:{receiver.port}"
    assert request.headers["User-Agent"] == f"trailforward/{trailforward.__version__}"
    assert (request.headers["X-Tenant"], request.headers["X-Empty"]) == ("blue", "")
    assert request.headers["Authorization"] is None


def test_a_url_without_a_path_posts_to_the_root(receiver: Receiver) -> None:
    """A URL without a path means the path /."""
    sink = HttpSink(HttpSettings(to=f"http://localhost:{receiver.port}"))
    sink.send(entries(b"{}"))
    sink.close()
    assert receiver.requests[0].path == "/"


@pytest.mark.parametrize("batch", ["array", "ndjson", "single"])
@pytest.mark.parametrize("count", [1, 2, 7])
def test_sizes_never_add_up_to_less_than_the_body(receiver: Receiver, batch: Any, count: int) -> None:
    """The sum of the sizes and the overhead is the body's length, plus at most one comma."""
    data = [b'{"a":%d}' % index for index in range(1 if batch == "single" else count)]
    sink = HttpSink(HttpSettings(to=receiver.url, batch=batch))
    total = sink.limits.batch_overhead + sum(map(sink.size, entries(*data)))
    sink.send(entries(*data))
    sink.close()
    assert 0 <= total - len(receiver.requests[0].body) <= 1


def test_limits_have_defaults_and_can_be_set() -> None:
    """The defaults are 500 events and 1 MB before compression; with "single" one event."""
    url = "https://siem.example.com/in"
    array = HttpSink(HttpSettings(to=url)).limits
    assert (array.max_entries, array.max_entry_bytes, array.max_batch_bytes, array.batch_overhead) == (
        500,
        1_000_000,
        1_000_000,
        2,
    )
    settings = read(HttpSettings, {"to": url, "limits": {"max_entries": 9, "max_batch_bytes": 99}})
    raised = HttpSink(settings).limits
    assert (raised.max_entries, raised.max_entry_bytes, raised.max_batch_bytes) == (9, 1_000_000, 99)
    assert HttpSink(HttpSettings(to=url, batch="single")).limits.max_entries == 1
    assert HttpSink(HttpSettings(to=url, batch="ndjson")).limits.batch_overhead == 0


def test_a_sink_has_no_arn() -> None:
    """An HTTP sink has no ARN, because no CloudTrail event can be about it."""
    assert HttpSink(HttpSettings(to="https://siem.example.com")).arn == ""


def test_sending_over_http_imports_no_aws_library(receiver: Receiver) -> None:
    """A function whose only sink is HTTP does not import boto3, botocore, or urllib3."""
    code = """
import sys
from trailforward.formats import load
from trailforward.sinks.base import Entry
from trailforward.sinks.http.sink import HttpSettings, HttpSink
sink = HttpSink(HttpSettings(to=sys.argv[1], gzip=True))
assert sink.send([Entry(b"{}", "key")]) == []
sink.close()
print(sorted({"boto3", "botocore", "urllib3", "aws_lambda_powertools", "requests"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, receiver.url],
        env={**os.environ, "AWS_EC2_METADATA_DISABLED": "true"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
    assert [request.json for request in receiver.requests] == [[{}]]
