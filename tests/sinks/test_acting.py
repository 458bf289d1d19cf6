"""The Lambda and Step Functions sinks: what they call, and what becomes of events that are sent twice."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.aws import ACCOUNT, unique, use_botocore
from tests.support.events import Context, envelope, sqs, sqs_record
from tests.support.stub_aws import Refuse, Reset, Response, StubAws
from trailforward import Config, ConfigError, Fate, Forwarder
from trailforward.errors import Cause, PermanentError, TransientError
from trailforward.pipeline.self_guard import SelfGuard
from trailforward.sinks import load, type_of
from trailforward.sinks.base import Entry
from trailforward.sinks.step_functions import _NAME, _name

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.aws import Reader
    from trailforward.sinks.base import Sink

FUNCTION = "arn:aws:lambda:us-west-2:111122223333:function:remediate"
MACHINE = "arn:aws:states:us-west-2:111122223333:stateMachine:remediate"
BOTH = pytest.mark.parametrize("to", [FUNCTION, MACHINE], ids=["lambda", "stepfunctions"])


def sink(to: str) -> Sink:
    """A sink for this function or state machine."""
    kind: Any = load(type_of(to) or "")
    made: Sink = kind(kind.Settings(to=to))
    return made


def place(to: str) -> str:
    """The stub's place of an ARN."""
    return ":".join(to.split(":")[2:4])


@pytest.mark.parametrize("way", ["directly", "by botocore"])
@pytest.mark.parametrize("qualifier", ["", ":7", ":live", ":$LATEST"])
def test_lambda_gets_the_event_byte_for_byte(
    way: str, qualifier: str, stub: StubAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each event is one asynchronous invocation of the function, the version, or the alias in the ARN."""
    if way == "by botocore":
        use_botocore(monkeypatch)
    batch = [Entry(envelope(number), f"k-{number}") for number in range(3)]
    assert sink(FUNCTION + qualifier).send(batch) == []
    stored = stub.stored(place(FUNCTION))
    assert [item.data for item in stored] == [entry.data for entry in batch]
    assert {(item.resource, item.key) for item in stored} == {(FUNCTION + qualifier, "Event")}


@pytest.mark.parametrize("status", [200, 204, 299])
def test_only_a_queued_invocation_is_delivered(status: int, stub: StubAws) -> None:
    """Any status but 202 is of another server or another kind of invocation."""
    stub.script(place(FUNCTION), Response(b"{}", status=status, stored=False))
    with pytest.raises(TransientError, match="asynchronous"):
        sink(FUNCTION).send([Entry(b"{}", "key")])


@pytest.mark.parametrize("way", ["directly", "by botocore"])
def test_executions_of_a_local_aws(way: str, local_aws: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """An execution has the event's ID as its name and the event as its input; a repeat starts nothing."""
    if way == "by botocore":
        use_botocore(monkeypatch)
    states = local_aws("stepfunctions")
    arn = states.create_state_machine(
        name=unique("remediate"),
        definition='{"StartAt": "S", "States": {"S": {"Type": "Succeed"}}}',
        roleArn=f"arn:aws:iam::{ACCOUNT}:role/states",
    )["stateMachineArn"]
    made, data = sink(arn), envelope(1)
    other = json.dumps(json.loads(data) | {"id": "forwarded-through-another-region"}).encode()
    for body in (data, data, other):
        assert made.send([Entry(body, "00000000-0000-4000-8000-000000000001")]) == []
    (execution,) = states.list_executions(stateMachineArn=arn)["executions"]
    assert execution["name"] == "00000000-0000-4000-8000-000000000001"
    described = states.describe_execution(executionArn=execution["executionArn"])
    assert described["input"].encode() == data


def test_a_lost_response_starts_one_execution(stub: StubAws) -> None:
    """If the first call's response is lost, the retry is delivered, and there is one execution."""
    stub.script(place(MACHINE), Reset(stored=True))
    forwarder = Forwarder(Config.from_toml(f'[sinks.m]\nto = "{MACHINE}"\n[retry]\ninitial_seconds = 0\n'))
    try:
        _, outcome = forwarder.process(sqs(sqs_record(envelope(1), "m-1")))
    finally:
        forwarder.close()
    assert outcome.meeting(Fate.DELIVERED) == ["m"]
    (started,) = stub.stored(place(MACHINE))
    assert (started.id, started.data) == ("00000000-0000-4000-8000-000000000001", envelope(1))
    assert stub.calls[place(MACHINE)] == 2


def test_an_execution_that_exists_is_delivered(stub: StubAws) -> None:
    """ExecutionAlreadyExists means that an earlier delivery of the event started its execution."""
    stub.script(place(MACHINE), Refuse(400, "ExecutionAlreadyExists"))
    assert sink(MACHINE).send([Entry(b"{}", "key")]) == []


@given(key=st.text())
def test_every_event_has_a_valid_name(key: str) -> None:
    """Any ID gives a name that Step Functions accepts, and the same ID the same name."""
    name = _name(key)
    assert _NAME.fullmatch(name)
    assert name == _name(key)
    assert name == key or len(name) == 64


@pytest.mark.parametrize("data", [b"", b"\xff"])
def test_input_that_is_not_text(data: bytes, stub: StubAws) -> None:
    """Bytes that are not UTF-8 are rejected alone; other entries are sent."""
    rejections = sink(MACHINE).send([Entry(data, "a"), Entry(b"{}", "b")])
    assert [(one.index, one.transient, one.cause) for one in rejections] == (
        [(0, False, Cause.CONTENT)] if data else []
    )
    assert b"{}" in stub.taken(place(MACHINE))


@pytest.mark.parametrize(
    ("to", "code"), [(FUNCTION, "InvalidRequestContentException"), (MACHINE, "InvalidExecutionInput")]
)
def test_errors_never_quote_the_event(to: str, code: str, stub: StubAws) -> None:
    """AWS's message about invalid input quotes the input; the error does not."""
    stub.script(place(to), Refuse(400, code, message="Unrecognized token 'hunter2'"))
    with pytest.raises(PermanentError) as caught:
        sink(to).send([Entry(b"hunter2", "key")])
    assert caught.value.code == code
    assert "hunter2" not in str(caught.value)


@BOTH
def test_several_calls_are_in_progress_at_once(to: str, stub: StubAws) -> None:
    """Events do not wait for each other, up to the limit of concurrent calls."""
    running, most, lock = 0, 0, threading.Lock()
    every = threading.Barrier(4)

    class Watch(Refuse):
        def apply(self, call: Any) -> None:
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            every.wait(10)  # breaks unless four calls are here
            call.report(call.take())
            with lock:
                running -= 1

    stub.always(place(to), Watch(400))
    forwarder = Forwarder(Config.from_toml(f'[sinks.a]\nto = "{to}"\nlimits = {{ max_concurrency = 4 }}\n'))
    try:
        records = [sqs_record(envelope(number), f"m-{number}") for number in range(8)]
        _, outcome = forwarder.process(sqs(*records), Context(30))
    finally:
        forwarder.close()
    assert outcome.totals("a").delivered == 8
    assert most == 4


@pytest.mark.parametrize(
    ("to", "problem"),
    [
        ("arn:aws:lambda:us-west-2:111122223333:layer:x:1", "not a Lambda function ARN"),
        ("arn:aws:lambda:us-west-2:111122223333:function:x:a:b", "does not allow"),
        ("arn:aws:lambda:us-west-2:111122223333:function:", "is missing"),
        ("arn:aws:lambda:us-west-2:111122223333:function:x:$latest", "does not allow"),
        ("arn:aws:lambda::111122223333:function:x", "no Region or no account"),
        ("arn:aws:states:us-west-2:111122223333:execution:x:1", "not a Step Functions state machine ARN"),
        ("arn:aws:states:us-west-2:111122223333:stateMachine:a b", "does not allow"),
        ("arn:aws:states:us-west-2:111122223333:stateMachine:a*", "does not allow"),
    ],
)
def test_only_functions_and_state_machines(to: str, problem: str) -> None:
    """Other ARNs are refused, with an example of a valid one."""
    with pytest.raises(ConfigError) as caught:
        Config.from_toml(f"[sinks.a]\nto = {json.dumps(to)}\n")
    assert problem in str(caught.value)
    assert "remediate" in str(caught.value)


@BOTH
@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ('format = "text"', "is not JSON"),
        ("limits = { max_entries = 2 }", "one event per call"),
    ],
)
def test_settings_that_do_not_fit(to: str, more: str, problem: str) -> None:
    """Formats that are not JSON and several events per call are refused; the limit of one is accepted."""
    with pytest.raises(ConfigError, match=problem):
        Config.from_toml(f'[sinks.a]\nto = "{to}"\n{more}\n')
    Config.from_toml(f'[sinks.a]\nto = "{to}"\nformat = "record"\nlimits = {{ max_entries = 1 }}\n')


@pytest.mark.parametrize("name", ["user.2016-10-27.ec6e261f", "a+b", "Approve-(2)!", "x" * 80])
@pytest.mark.parametrize("qualifier", ["", ":10", ":PROD"])
def test_any_name_of_a_state_machine(name: str, qualifier: str, stub: StubAws) -> None:
    """The names of state machines may have more characters than those of functions."""
    to = f"arn:aws:states:us-west-2:111122223333:stateMachine:{name}{qualifier}"
    Config.from_toml(f'[sinks.m]\nto = "{to}"\n')
    assert sink(to).send([Entry(b"{}", "key")]) == []
    assert [item.resource for item in stub.stored(place(to))] == [to]


def test_a_function_does_not_invoke_itself(stub: StubAws) -> None:
    """A sink whose function is trailforward's own is an error at the first invocation; nothing is sent."""
    forwarder = Forwarder(Config.from_toml(f'[sinks.loop]\nto = "{FUNCTION}:live"\n'))
    context = Context()
    context.invoked_function_arn = FUNCTION
    try:
        with pytest.raises(ConfigError, match=r"sinks.loop.to.*the function that forwards"):
            forwarder.handle(sqs(sqs_record(envelope(1), "m-1")), context)
        context.invoked_function_arn = FUNCTION.replace("remediate", "forwarder")
        forwarder.handle(sqs(sqs_record(envelope(1), "m-1")), context)
    finally:
        forwarder.close()
    assert len(stub.taken(place(FUNCTION))) == 1


def test_a_state_machine_must_be_in_the_functions_account() -> None:
    """A state machine has no resource policy: one of another account is an error at the first invocation."""
    forwarder = Forwarder(Config.from_toml(f'[sinks.m]\nto = "{MACHINE}"\n'))
    context = Context()
    context.invoked_function_arn = FUNCTION.replace("111122223333", "123456789012")
    with pytest.raises(ConfigError, match="reaches no other"):
        forwarder.handle(sqs(sqs_record(envelope(1), "m-1")), context)
    forwarder.close()


def status_change(**changes: Any) -> dict[str, Any]:
    """The event that Step Functions sends when an execution starts or ends."""
    event: dict[str, Any] = {
        "source": "aws.states",
        "detail-type": "Step Functions Execution Status Change",
        "detail": {
            "executionArn": MACHINE.replace("stateMachine", "execution") + ":x",
            "stateMachineArn": MACHINE,
            "name": "x",
            "status": "FAILED",
        },
    }
    return event | changes


@pytest.mark.parametrize(
    ("event", "own"),
    [
        (status_change(), True),
        (status_change(detail={"stateMachineArn": f"{MACHINE}-2"}), False),
        (status_change(detail={"stateMachineArn": MACHINE.replace("us-west-2", "eu-west-1")}), False),
        (status_change(**{"detail-type": "AWS API Call via CloudTrail"}), False),
        (status_change(source="my.states"), False),
        (status_change(detail={"stateMachineArn": 5}), False),
        (status_change(detail=None), False),
    ],
)
def test_the_status_of_its_executions_does_not_come_back(event: dict[str, Any], *, own: bool) -> None:
    """Only events about the status of the sink's state machine, also of its versions, are filtered."""
    for to in (MACHINE, f"{MACHINE}:live"):
        settings = load("stepfunctions").Settings(to=to)
        guard = SelfGuard(calls=settings.own_calls, state_machines=[settings.own_state_machine])
        assert guard.is_own(event) is own
    assert not SelfGuard().is_own(event)


def test_an_execution_does_not_start_another(stub: StubAws) -> None:
    """The events that an execution causes, its start and its status, end in the function."""
    role = "arn:aws:iam::111122223333:role/forwarder"
    forwarder = Forwarder(Config.from_toml(f'own_arns = ["{role}"]\n[sinks.m]\nto = "{MACHINE}"\n'))
    issuer = {"type": "Role", "arn": role}
    start = {
        "eventSource": "states.amazonaws.com",
        "eventName": "StartExecution",
        "userIdentity": {"type": "AssumedRole", "sessionContext": {"sessionIssuer": issuer}},
        "requestParameters": {"stateMachineArn": MACHINE, "input": "HIDDEN_DUE_TO_SECURITY_REASONS"},
    }
    refused = {**start, "errorCode": "AccessDenied", "requestParameters": None}
    status = json.dumps(json.loads(envelope(3)) | status_change()).encode()
    try:
        for data in (envelope(1, **start), envelope(2, **refused), status):
            _, outcome = forwarder.process(sqs(sqs_record(data, "m-1")))
            assert outcome.meeting(Fate.FILTERED) == ["m"]
    finally:
        forwarder.close()
    assert stub.calls[place(MACHINE)] == 0


def test_a_check_does_not_act(stub: StubAws, tmp_path: Path) -> None:
    """check-sinks asks Lambda with DryRun, and starts no execution."""
    from tests.support.command import trailforward

    config = tmp_path / "trailforward.toml"
    config.write_text(f'[sinks.f]\nto = "{FUNCTION}"\n[sinks.m]\nto = "{MACHINE}"\n')
    done = trailforward("check-sinks", config, "--json")
    found = {row["name"]: row for row in json.loads(done.out)["sinks"]}
    assert (found["f"]["permission"], found["m"]["permission"]) == ("ok", "?")
    assert (done.code, stub.calls[place(FUNCTION)], stub.calls[place(MACHINE)]) == (0, 1, 0)
    assert stub.taken(place(FUNCTION)) == []
    stub.script(place(FUNCTION), Refuse(403, "AccessDeniedException"))
    done = trailforward("check-sinks", config, "--json")
    found = {row["name"]: row for row in json.loads(done.out)["sinks"]}
    assert (done.code, found["f"]["permission"]) == (1, "failed")
    assert found["f"]["fix"].startswith(f"grant lambda:InvokeFunction on {FUNCTION}")
