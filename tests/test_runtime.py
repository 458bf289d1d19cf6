"""Integration with the Lambda runtime: fast payload parsing, and SnapStart hooks."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.events import envelope, sqs, sqs_record
from tests.support.receiver import Receiver
from tests.support.runtime_api import Function
from trailforward import runtime
from trailforward.sources import detect

if TYPE_CHECKING:
    from pathlib import Path

client = pytest.importorskip("awslambdaric.lambda_runtime_client", reason="AWS's runtime client: Linux only")
snapshots = pytest.importorskip("snapshot_restore_py")

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def original() -> Any:
    """The runtime client's marshaller."""
    return client.LambdaMarshaller()


def outcome(marshaller: Any, request: Any, kind: str = "application/json") -> str:
    """The payload that a function gets, or the error that the runtime client reports."""
    try:
        return repr(marshaller.unmarshal_request(request, kind))
    except client.FaultException as error:
        return str(error.msg)


@given(st.lists(JSON, max_size=3))
def test_a_batch_is_parsed_as_the_runtime_client_parses_it(original: Any, records: list[Any]) -> None:
    """For any batch, the function gets the same payload as from the runtime client."""
    request = json.dumps({"Records": records}, separators=(",", ":")).encode()
    assert outcome(runtime.Marshaller(original), request) == outcome(original, request)


def test_lists_and_events_with_metadata_keep_their_bytes(original: Any) -> None:
    """The function delivers the bytes of a list, and of ``Data``, as Lambda passed them."""
    for request, expected in (
        (b" ,\n".join([b"[" + envelope(1), envelope(2) + b"]"]), [envelope(1), envelope(2)]),
        (b'{"Data": ' + envelope(3) + b',"Metadata":{},"SystemMetadata":{}}', [envelope(3)]),
        (b'{"SystemMetadata":{},"Data":' + envelope(4) + b"}", [envelope(4)]),
    ):
        payload = runtime.Marshaller(original).unmarshal_request(request)
        assert payload == json.loads(request)
        assert [message.raw for message in detect(payload).messages(payload)] == expected


@pytest.mark.parametrize(
    ("request_", "kind"),
    [
        (b'{"Records":[', "application/json"),
        (b'{"Records":[NaN]}', "application/json"),
        (b"\xff", "application/json"),
        (b'{"id":123456789012345678901234567890}', "application/json"),
        (b'{"version":"0",', "application/json"),
        (b'{"Records":[]}', "text/plain"),
        ('{"Records":[]}', "application/json"),
    ],
)
def test_everything_else_is_left_to_the_runtime_client(original: Any, request_: Any, kind: str) -> None:
    """Invalid payloads, other payloads, and other content types are handled by the runtime client."""
    assert outcome(runtime.Marshaller(original), request_, kind) == outcome(original, request_, kind)
    assert runtime.Marshaller(original).marshal_response({"a": 1}) == original.marshal_response({"a": 1})


def test_an_event_keeps_its_bytes(original: Any) -> None:
    """A direct event is parsed as usual, and the bytes that Lambda passed are forwarded."""
    request = envelope(0, text="a=b").replace(b"a=b", b"a\\u003db")
    payload = runtime.Marshaller(original).unmarshal_request(request)
    assert payload == original.unmarshal_request(request)
    (message,) = detect(payload).messages(payload)
    assert message.raw == request
    assert message.event == payload
    (encoded_again,) = detect(dict(payload)).messages(dict(payload))
    assert encoded_again.raw != request


def test_only_the_handler_replaces_the_marshaller(tmp_path: Path) -> None:
    """Only trailforward's handler replaces the marshaller; it also freezes the loaded objects."""
    (tmp_path / "spy.py").write_text(
        "import gc, sys\n"
        "import trailforward\n"
        "forwarder = trailforward.Forwarder.from_env()\n"
        "def marshaller():\n"
        "    client = sys.modules['awslambdaric.lambda_runtime_client'].BaseLambdaRuntimeClient\n"
        "    ours = client.marshaller\n"
        "    return type(ours).__module__, type(getattr(ours, '_original', None)).__name__\n"
        "before = marshaller()\n"
        "from trailforward import handler as inner\n"
        "inner.read_payloads()\n"
        "def handler(event, context):\n"
        "    collector = [gc.isenabled(), gc.get_freeze_count() > 10_000]\n"
        "    return [inner.lambda_handler(event, context), before, marshaller(), collector]\n"
    )
    with Receiver() as receiver:
        with Function({"TRAILFORWARD_TO": receiver.url}, tmp_path, "spy.handler") as function:
            response = function.invoke(sqs(sqs_record(envelope(0), "m-0")))
        assert receiver.requests[0].body == b"[" + envelope(0) + b"]"
    theirs = ["awslambdaric.lambda_runtime_marshaller", "NoneType"]
    ours = ["trailforward.runtime", "LambdaMarshaller"]
    assert response == ("response", [{"batchItemFailures": []}, theirs, ours, [True, True]])


def test_restored_copies_use_different_random_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """With SnapStart, sinks are prepared before the snapshot, and copies retry at different times."""
    monkeypatch.setattr(snapshots, "_before_snapshot_registry", [])
    monkeypatch.setattr(snapshots, "_after_restore_registry", [])
    prepared: list[bool] = []
    runtime.around_snapshots(lambda: prepared.append(True))
    for hook, arguments, named in snapshots.get_before_snapshot():
        hook(*arguments, **named)
    assert prepared == [True]
    drawn = set()
    for _ in range(2):
        random.seed(1)  # as the snapshot left it
        for hook, arguments, named in snapshots.get_after_restore():
            hook(*arguments, **named)
        drawn.add(random.random())  # noqa: S311  # guards nothing
    assert len(drawn) == 2
