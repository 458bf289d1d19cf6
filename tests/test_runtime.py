"""What the handler asks of Lambda's runtime client: batches read quickly, SnapStart's hooks."""

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
def own() -> Any:
    """The runtime client's own marshaller."""
    return client.LambdaMarshaller()


def outcome(marshaller: Any, request: Any, kind: str = "application/json") -> str:
    """What a function gets, or the error that the runtime client reports."""
    try:
        return repr(marshaller.unmarshal_request(request, kind))
    except client.FaultException as error:
        return str(error.msg)


@given(st.lists(JSON, max_size=3))
def test_a_batch_is_read_as_the_runtime_client_reads_it(own: Any, records: list[Any]) -> None:
    """Whatever a batch holds, the function gets what it would have got."""
    request = json.dumps({"Records": records}, separators=(",", ":")).encode()
    assert outcome(runtime.Marshaller(own), request) == outcome(own, request)


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
def test_everything_else_is_left_to_the_runtime_client(own: Any, request_: Any, kind: str) -> None:
    """Broken payloads, single events and other types are read, or refused, as ever."""
    assert outcome(runtime.Marshaller(own), request_, kind) == outcome(own, request_, kind)
    assert runtime.Marshaller(own).marshal_response({"a": 1}) == own.marshal_response({"a": 1})


def test_an_event_keeps_its_bytes(own: Any) -> None:
    """A direct event is read as ever, and what is forwarded of it are the bytes that Lambda handed over."""
    request = envelope(0, text="a=b").replace(b"a=b", b"a\\u003db")
    payload = runtime.Marshaller(own).unmarshal_request(request)
    assert payload == own.unmarshal_request(request)
    (message,) = detect(payload).messages(payload)
    assert message.raw == request
    assert message.event == payload
    (written_anew,) = detect(dict(payload)).messages(dict(payload))
    assert written_anew.raw != request


def test_the_handler_puts_it_in_place_and_an_own_function_does_not(tmp_path: Path) -> None:
    """Only trailforward's own handler reads so; what it loaded, no collector looks at again."""
    (tmp_path / "spy.py").write_text(
        "import gc, sys\n"
        "import trailforward\n"
        "forwarder = trailforward.Forwarder.from_env()\n"
        "def marshaller():\n"
        "    client = sys.modules['awslambdaric.lambda_runtime_client'].BaseLambdaRuntimeClient\n"
        "    ours = client.marshaller\n"
        "    return type(ours).__module__, type(getattr(ours, '_own', None)).__name__\n"
        "before = marshaller()\n"
        "from trailforward import handler as inner\n"
        "inner.read_payloads()\n"
        "def handler(event, context):\n"
        "    collector = [gc.isenabled(), gc.get_freeze_count() > 10_000]\n"
        "    return [inner.lambda_handler(event, context), before, marshaller(), collector]\n"
    )
    with Receiver() as receiver:
        with Function({"TRAILFORWARD_TO": receiver.url}, tmp_path, "spy.handler") as function:
            answer = function.invoke(sqs(sqs_record(envelope(0), "m-0")))
        assert receiver.requests[0].body == b"[" + envelope(0) + b"]"
    theirs = ["awslambdaric.lambda_runtime_marshaller", "NoneType"]
    ours = ["trailforward.runtime", "LambdaMarshaller"]
    assert answer == ("response", [{"batchItemFailures": []}, theirs, ours, [True, True]])


def test_a_restored_copy_draws_its_own_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """With SnapStart the sinks are prepared before the snapshot, and no two copies retry in step."""
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
