"""The audit's stack on ministack: each mode with counts, killed and redriven, bad input, and batches.

ministack runs the state machine, the maps, and the functions with their roles. It ignores ItemBatcher and
ResultWriter, the thresholds that come from the input, and the state machine's role, and it cannot redrive.
So each group of log files is a child execution here; batches go to the function directly, as Step Functions
passes them; and a redrive is what it does: the calls that did not succeed, again with the same input.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.stack import local
from tests.support.audit_day import write_day

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

STACK = "audit"
WINDOW = {"since": "2026-11-26T00:00Z", "until": "2026-11-27T00:00Z"}
#: Further log files: four groups of at most 100 in all.
MORE = 300
#: The audit of the command for the same buckets, by the functions' own package.
COMMAND = """
import json, sys, tempfile
from datetime import UTC, datetime
from pathlib import Path
from trailforward.audit.classes import Classifier
from trailforward.audit.report import render
from trailforward.audit.rules import Rules
from trailforward.audit.run import Audit, audit
now = datetime.fromisoformat(sys.argv[3])
window = datetime(2026, 11, 26, tzinfo=UTC), datetime(2026, 11, 27, tzinfo=UTC)
wanted = Audit(sys.argv[1], sys.argv[2], *window, now=now)
with tempfile.TemporaryDirectory() as folder:
    def make(changes): return Classifier(Rules(None, changes), sys.argv[4])
    result = audit(wanted, make, Path(folder), lambda *_: None, 1)
result.time = now
print(render(result, "json"))
"""


class Audits:
    """The deployed stack, and buckets with a day.

    Attributes:
        aws: the server.
        folder: with the day, and what was built.
        outputs: of the stack.
    """

    def __init__(self, aws: local.Ministack, folder: Path) -> None:
        self.aws = aws
        self.folder = folder
        self.s3 = aws.client("s3")
        self.sfn = aws.client("stepfunctions")
        for name in ("example-trail", "example-archive", "not-allowed"):
            where = {"LocationConstraint": local.REGION}
            self.s3.create_bucket(Bucket=name, CreateBucketConfiguration=where)
        write_day(folder / "day", MORE)
        for bucket, below in (("example-trail", "trail"), ("example-archive", "delivered")):
            for path in sorted((folder / "day" / below).rglob("*")):
                if path.is_file():
                    key = f"org/{path.relative_to(folder / 'day' / below).as_posix()}"
                    self.s3.put_object(Bucket=bucket, Key=key, Body=path.read_bytes())
        self.url = aws.client("sqs").create_queue(QueueName="destination")["QueueUrl"]
        arn = f"arn:aws:sqs:{local.REGION}:{local.ACCOUNT}:destination"
        aws.client("ssm").put_parameter(
            Name="/trailforward/config", Type="String", Value=f'[sinks.queue]\nto = "{arn}"\n'
        )
        allowed = [
            {"Effect": "Allow", "Action": ["sqs:SendMessage", "sqs:SendMessageBatch"], "Resource": arn}
        ]
        document = json.dumps({"Version": "2012-10-17", "Statement": allowed})
        policy = aws.client("iam").create_policy(PolicyName="destinations", PolicyDocument=document)
        template = local.build(folder / "build", "audit.yaml")
        local.tool("python", local.ROOT / "tests/stack/edit_audit.py", template, env=local.environ())
        self.outputs = local.deploy(
            aws,
            template,
            stack=STACK,
            TrailBucket="example-trail",
            TrailPrefix="org/",
            DeliveredBucket="example-archive",
            DeliveredPrefix="org/",
            ConfigurationParameter="/trailforward/config",
            PolicyArns=policy["Policy"]["Arn"],
            DailyAudit="enabled",
        )
        self.reports = self.outputs["ReportsBucket"]
        resources = aws.client("cloudformation").list_stack_resources(StackName=STACK)
        self.functions = {
            one["LogicalResourceId"]: one["PhysicalResourceId"]
            for one in resources["StackResourceSummaries"]
            if one["LogicalResourceId"] in {"Reader", "Sender"}
        }

    def start(self, name: str, **given: Any) -> str:
        """Starts an execution, and returns its ARN."""
        arn: str = self.sfn.start_execution(
            stateMachineArn=self.outputs["StateMachineArn"], name=name, input=json.dumps(given)
        )["executionArn"]
        return arn

    def ended(self, arn: str) -> dict[str, Any]:
        """An execution at its end."""
        for _ in range(2400):
            state: dict[str, Any] = self.sfn.describe_execution(executionArn=arn)
            if state["status"] != "RUNNING":
                return state
            time.sleep(0.1)
        raise TimeoutError(self.aws.log.read_text()[-4000:])

    def run(self, name: str, **given: Any) -> dict[str, Any]:
        """Runs an execution, which must succeed, and returns its output."""
        state = self.ended(self.start(name, **given))
        assert state["status"] == "SUCCEEDED", f"{state.get('error')}: {state.get('cause')}"
        output: dict[str, Any] = json.loads(state["output"])
        return output

    def children(self, name: str) -> dict[str, str]:
        """Succeeded and failed child executions of each map of an execution."""
        arn = self.outputs["StateMachineArn"].replace(":stateMachine:", ":execution:") + f":{name}"
        found = {}
        for one in self.sfn.list_map_runs(executionArn=arn)["mapRuns"]:
            run = self.sfn.describe_map_run(mapRunArn=one["mapRunArn"])
            counts = run["executionCounts"]
            label = one["mapRunArn"].rpartition(":")[0].rpartition("/")[2]
            found[label] = f"{counts['succeeded']} succeeded, {counts['failed']} failed"
        return found

    def invoke(self, do: str, given: Any, function: str = "Reader", **more: Any) -> dict[str, Any]:
        """Invokes a function as the state machine does."""
        payload = json.dumps({"do": do, "input": given, **more}).encode()
        response = self.aws.client("lambda").invoke(FunctionName=self.functions[function], Payload=payload)
        answer: dict[str, Any] = json.loads(response["Payload"].read())
        if "errorType" in answer:
            raise RuntimeError(f"{answer['errorType']}: {answer['errorMessage']}")
        return answer

    def read(self, place: str) -> bytes:
        """An object."""
        bucket, _, key = place.removeprefix("s3://").partition("/")
        body: bytes = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return body

    def names(self, prefix: str) -> list[str]:
        """Keys of the report bucket."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.reports, Prefix=prefix)
        return [one["Key"] for page in pages for one in page.get("Contents", [])]

    def items(self, run: str, name: str) -> list[dict[str, Any]]:
        """The items of a map."""
        return [json.loads(line) for line in self.read(f"s3://{self.reports}/runs/{run}/{name}").splitlines()]

    def received(self) -> list[dict[str, Any]]:
        """The messages of the destination, which is empty then."""
        sqs, found = self.aws.client("sqs"), []
        while some := sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages"):
            found += [json.loads(one["Body"]) for one in some]
            entries = [{"Id": str(n), "ReceiptHandle": one["ReceiptHandle"]} for n, one in enumerate(some)]
            sqs.delete_message_batch(QueueUrl=self.url, Entries=entries)
        return found

    def rest_of_audit(self, run: str, state: dict[str, Any], *, size: int) -> dict[str, Any]:
        """The states of an audit after the lists, with batches of this size."""
        for do, name in (("read-trail", "trail-groups.jsonl"), ("read-delivered", "delivered-groups.jsonl")):
            items = self.items(run, name)
            for first in range(0, len(items), size):
                self.invoke(do, {"Items": items[first : first + size]})
        self.invoke("index", state)
        for item in self.items(run, "parts-0.jsonl"):
            self.invoke("compare", item)
        self.invoke("work", state)
        for item in self.items(run, "explain-0.jsonl"):
            self.invoke("explain", item)
        answer: dict[str, Any] = self.invoke("report", state)["result"]
        return answer


@pytest.fixture(scope="module")
def audits(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audits]:
    """``sam build && sam deploy`` of audit.yaml, and a day in buckets."""
    folder = tmp_path_factory.mktemp("audits")
    with local.Ministack(folder) as aws:
        yield Audits(aws, folder)


@pytest.fixture(scope="module")
def first(audits: Audits) -> dict[str, Any]:
    """The output of an audit of the day."""
    return audits.run("first", mode="audit", **WINDOW)


def report_of(audits: Audits, output: dict[str, Any]) -> dict[str, Any]:
    """A report without what the order of reading decides."""
    report: dict[str, Any] = json.loads(audits.read(output["report"]))
    return report | {"reasons": sorted(map(json.dumps, report["reasons"]))}


def test_an_audit_gives_the_report_of_the_command(
    audits: Audits, first: dict[str, Any], tell: Callable[[str], None]
) -> None:
    """List, read, compare, explain, report: the counts, and the same report as the command's."""
    plan = json.loads(audits.read(f"s3://{audits.reports}/runs/first/plan.json"))
    request = json.loads(audits.read(f"s3://{audits.reports}/runs/first/run.json"))
    report = report_of(audits, first)
    young = f"{request['started'][:10]}T00:00:00Z"
    script = audits.folder / "command.py"
    script.write_text(COMMAND)
    done = subprocess.run(
        [sys.executable, script, request["trail"], request["delivered"], request["started"], young],
        env=local.environ(audits.aws.endpoint) | {"PYTHONPATH": str(audits.folder / "build/Reader")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    expected = json.loads(done.stdout)
    expected["reasons"] = sorted(map(json.dumps, expected["reasons"]))
    assert report == expected | {"assumptions": report["assumptions"]}
    files, groups = plan["trail"]["files"], plan["trail"]["groups"]
    tell(f"audit: {files} log files in {groups} groups, {plan['parts']} part(s)")
    tell("\n".join(f"  map {label}: {counts}" for label, counts in audits.children("first").items()))
    shown = ("recorded", "repeats", "arrived", "pending", "unexpected_missing", "exit_status")
    tell(f"  {', '.join(f'{name} {first[name]}' for name in shown)}; equal to the command's report")
    assert plan["trail"]["files"] > MORE
    assert plan["trail"]["groups"] == 4
    assert audits.children("first")["ReadLogFiles"] == "4 succeeded, 0 failed"
    rows = audits.read(first["missing"]).splitlines()
    assert len(rows) == first["unexpected_missing"] > MORE // 50
    assert b"<html" in audits.read(first["page"])


def test_batches_are_one_call(audits: Audits, first: dict[str, Any], tell: Callable[[str], None]) -> None:
    """The function takes batches of 2 groups as Step Functions passes them: the same report."""
    started = json.loads(audits.read(f"s3://{audits.reports}/runs/first/run.json"))["started"]
    state = audits.invoke("check", {"mode": "audit", **WINDOW}, run="batches", started=started)
    state["list"] = audits.invoke("list", state)
    output = audits.rest_of_audit("batches", state, size=2)
    assert len(audits.names("runs/batches/trail/")) == 2
    assert report_of(audits, output) == report_of(audits, first)
    tell("batches of 2 groups: 2 calls instead of 4, the same report")


def test_an_audit_is_stopped_and_redriven(
    audits: Audits, first: dict[str, Any], tell: Callable[[str], None]
) -> None:
    """Stopped while it reads, and its calls made again: the same objects and report."""
    arn = audits.start("stopped", mode="audit", **WINDOW)
    for _ in range(600):
        if audits.names("runs/stopped/trail/"):
            break
        time.sleep(0.05)
    audits.sfn.stop_execution(executionArn=arn)
    assert audits.ended(arn)["status"] == "ABORTED"
    before = len(audits.names("runs/stopped/"))
    state = {"run": "stopped", "turn": 0, "list": {"cursor": {}}}
    output = audits.rest_of_audit("stopped", state, size=1)
    one, two = report_of(audits, output), report_of(audits, first)
    assert one | {"audited": ""} == two | {"audited": ""}
    assert Counter(name.split("/", 2)[2] for name in audits.names("runs/stopped/")) == Counter(
        name.split("/", 2)[2] for name in audits.names("runs/first/")
    )
    after = len(audits.names("runs/stopped/"))
    tell(f"stopped with {before} of {after} objects, redriven: the same report, no object twice")


def test_a_backfill_forwards_each_record(audits: Audits, tell: Callable[[str], None]) -> None:
    """Each record of the day arrives once, and a child execution that runs again sends nothing."""
    given = {"mode": "backfill", "since": "2026-11-26T02:30Z", "until": "2026-11-27T00:00Z"}
    state = audits.ended(audits.start("backfill", **given))
    assert state["status"] == "SUCCEEDED", state
    output = json.loads(state["output"])
    messages = audits.received()
    assert output["events"] == output["sinks"]["queue"]["delivered"] == len(messages) > 150
    for item in audits.items("backfill", "trail-groups.jsonl"):
        audits.invoke("forward", item, "Sender")
    again = len(audits.received())
    assert again == 0
    # As if the function was killed before it saved: these log files are forwarded again, and no others.
    item = audits.items("backfill", "trail-groups.jsonl")[0]
    name = f"runs/backfill/forwarded/0000-{item['group']:07d}.json"
    events = json.loads(audits.read(f"s3://{audits.reports}/{name}"))["ledger"]["events"]
    audits.s3.delete_object(Bucket=audits.reports, Key=name)
    audits.invoke("forward", item, "Sender")
    repeated = len(audits.received())
    assert repeated == events
    tell(f"backfill: {output['log_files']} log files, {output['events']} events, {len(messages)} messages")
    tell("\n".join(f"  map {label}: {counts}" for label, counts in audits.children("backfill").items()))
    tell(f"  all children again: {again} messages")
    tell(f"  one child without its save: its {events} events again, {repeated} messages")


def test_a_repair_forwards_the_list(
    audits: Audits, first: dict[str, Any], tell: Callable[[str], None]
) -> None:
    """Exactly the missing events arrive, and the next audit finds them."""
    output = audits.run("repair", mode="repair", missing=first["missing"])
    messages = audits.received()
    listed = [json.loads(line)["eventID"] for line in audits.read(first["missing"]).splitlines()]
    assert Counter(one["detail"]["eventID"] for one in messages) == Counter(listed)
    body = "\n".join(json.dumps(one) for one in messages).encode()
    audits.s3.put_object(Bucket="example-archive", Key="org/repaired.ndjson", Body=body)
    second = audits.run("second", mode="audit", **WINDOW)
    audits.s3.delete_object(Bucket="example-archive", Key="org/repaired.ndjson")
    tell(f"repair: {len(listed)} listed, {output['events']} forwarded, {len(messages)} messages")
    tell(f"  the next audit: unexpected_missing {second['unexpected_missing']}")
    assert output["events"] == len(listed)
    assert second["unexpected_missing"] == 0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"mode": "audit", "since": "x"}, "since is 'x'. Fix"),
        ({"mode": "audit", **WINDOW, "accounts": ["123456789012"]}, "has no log files"),
        ({"mode": "audit", **WINDOW, "trail": "s3://no-such-bucket-here"}, "does not exist. Fix"),
        ({"mode": "audit", **WINDOW, "trail": "s3://not-allowed"}, "may not be listed. Fix"),
        ({"mode": "audit", **WINDOW, "delivered": "s3://not-allowed"}, "s3:ListBucket"),
        ({"mode": "repair", "missing": "s3://not-allowed/x"}, "credentials that allow s3:GetObject"),
        ({"mode": "repair"}, "missing is missing. Fix"),
    ],
)
def test_bad_input_fails_at_the_first_state(
    audits: Audits, given: dict[str, Any], said: str, tell: Callable[[str], None]
) -> None:
    """The execution fails at its first state, and its cause has the fix."""
    arn = audits.start(f"bad-{abs(hash(json.dumps(given)))}", **given)
    state = audits.ended(arn)
    assert state["status"] == "FAILED"  # the error's name is Runtime.HandlerError here, not the class's
    text = json.loads(state["cause"])["errorMessage"]
    assert said in text
    assert "Fix: " in text
    events = audits.sfn.get_execution_history(executionArn=arn)["events"]
    entered = [one["stateEnteredEventDetails"]["name"] for one in events if "stateEnteredEventDetails" in one]
    assert entered == ["Check"]
    tell(text)
