"""Nothing feeds itself: every sink, event class, and topology, through the rules and the forwarder."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.sam.cfn import ACCOUNT, REGION, Stack, load
from tests.support.events import Context, envelope, sqs, sqs_record
from trailforward import sinks
from trailforward.aws.own_calls import MADE_FOR_EVERY_DELIVERY
from trailforward.config import Config
from trailforward.patterns import Pattern
from trailforward.pipeline.forwarder import Forwarder
from trailforward.pipeline.role_lookup import INTERVAL_SECONDS, RoleLookup
from trailforward.pipeline.self_guard import Author, SelfGuard, build_guard
from trailforward.pipeline.service_calls import KEY_USES
from trailforward.testing import FlakySink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from trailforward.aws.own_calls import OwnCall
    from trailforward.pipeline.role_lookup import Role

SECRET = f"arn:aws:secretsmanager:us-west-2:{ACCOUNT}:secret:siem-AbCdEf"
DESTINATIONS = {
    "kinesis": f"arn:aws:kinesis:us-west-2:{ACCOUNT}:stream/cloudsec",
    "firehose": f"arn:aws:firehose:us-west-2:{ACCOUNT}:deliverystream/archive",
    "sns": f"arn:aws:sns:us-west-2:{ACCOUNT}:alerts",
    "sqs": f"arn:aws:sqs:us-west-2:{ACCOUNT}:siem",
    "eventbridge": f"arn:aws:events:us-west-2:{ACCOUNT}:event-bus/security",
    "eventbridge-v2": f"arn:aws:events:us-west-2:{ACCOUNT}:event-busv2/security/abcdefghij0123456789abcde",
    "logs": f"arn:aws:logs:us-west-2:{ACCOUNT}:log-group:/security/cloudtrail",
    "s3": "s3://lake/security?region=us-west-2",
    "securityhub": f"arn:aws:securityhub:us-west-2:{ACCOUNT}:product/{ACCOUNT}/default",
    "lambda": f"arn:aws:lambda:us-west-2:{ACCOUNT}:function:remediate:prod",
    "stepfunctions": f"arn:aws:states:us-west-2:{ACCOUNT}:stateMachine:remediate",
    "http": "https://siem.example.com/in",
    "file": "file:/tmp/events.ndjson",
    "stdout": "stdout:",
}
TOML = "\n".join(f'[sinks.{name}]\nto = "{to}"' for name, to in DESTINATIONS.items()).replace(
    f'to = "{DESTINATIONS["http"]}"',
    f'to = "{DESTINATIONS["http"]}"\nauth = {{ type = "bearer", secret = "{SECRET}" }}',
)
RULE_ROLE = f"arn:aws:iam::{ACCOUNT}:role/trailforward-{REGION}-rule"
FUNCTION = "trailforward-Forwarder"
#: No simulation comes near this, unless something feeds itself.
ENDLESS = 2_000


def named(arn: str) -> list[dict[str, Any]]:
    """How records name a resource: in ``resources``, in the request, or both."""
    _, _, service, _, account, resource = arn.split(":", 5)
    name = resource.rpartition("/")[2] if service != "logs" else resource.split(":")[1]
    region = arn.split(":")[3]
    requests: dict[str, dict[str, Any]] = {
        "sqs": {"queueUrl": f"https://sqs.{region}.amazonaws.com/{account}/{name}"},
        "kinesis": {"streamARN": arn},
        "firehose": {"deliveryStreamName": name},
        "sns": {"topicArn": arn},
        "logs": {"logGroupName": name},
        "events": {"entries": [{"eventBusName": arn}]},
        "securityhub": {"Findings": [{"ProductArn": arn, "AwsAccountId": account}] * 2},
        "states": {"stateMachineArn": arn, "name": "x", "input": "HIDDEN_DUE_TO_SECURITY_REASONS"},
        "lambda": {"functionName": resource.removeprefix("function:")},
        "secretsmanager": {"secretId": arn},
        "ssm": {"name": "/" + resource.partition("/")[2], "withDecryption": True},
        "s3": {"bucketName": resource.partition("/")[0], "key": resource.partition("/")[2] or "x"},
    }
    request = requests[service]
    listed = [{"ARN": arn}]
    return [
        {"resources": listed},
        {"requestParameters": request},
        {"resources": listed, "requestParameters": request},
    ]


def record(source: str, name: str, identity: dict[str, Any], region: str, **more: Any) -> dict[str, Any]:
    """The detail of a CloudTrail event."""
    about = {"requestParameters": None, "awsRegion": region, "sourceIPAddress": "AWS Internal", **more}
    return {"eventSource": source, "eventName": name, "userIdentity": identity, **about}


def by_role(role: str, **more: Any) -> dict[str, Any]:
    """A session of a role."""
    return {
        "type": "AssumedRole",
        "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{role.rpartition('/')[2]}/{FUNCTION}",
        "accessKeyId": "ASIAI44QH8DHBEXAMPLE",
        "sessionContext": {"sessionIssuer": {"type": "Role", "arn": role}},
        **more,
    }


def by_service(service: str) -> dict[str, Any]:
    """An AWS service."""
    return {"type": "AWSService", "invokedBy": f"{service}.amazonaws.com"}


class World:
    """One account whose trail records every class of event, and the stack that forwards them.

    Args:
        topology: of the stack.
        way: which of the three ways records name resources.
        ask: asks STS, each time a minute later; with it, ``own_arns`` is empty.
    """

    def __init__(self, topology: str, way: int, ask: Callable[[], Role] | None = None) -> None:
        self.way = way
        stack = Stack(load("template.yaml"), Topology=topology, Configuration=TOML)
        self.role = stack.outputs["FunctionRoleArn"]
        self.function = stack.outputs["FunctionArn"]
        self.queue = stack.outputs["EventQueueArn"]
        self.topology = topology
        self.rule = Pattern(stack.properties("Rule")["EventPattern"]) if topology != "collector" else None
        parameters = {"FunctionRoleArn": self.role, "FunctionArn": self.function, "Topology": topology}
        self.regional = None
        if topology != "regional":
            regional = Stack(load("regional.yaml"), HubAccount=ACCOUNT, HubRegion=REGION, **parameters)
            self.regional = Pattern(regional.properties("Rule")["EventPattern"])
        self.group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/trailforward/trailforward"
        self.environ = {
            **stack.properties("Forwarder")["Environment"]["Variables"],
            "AWS_LAMBDA_FUNCTION_NAME": FUNCTION,
            "AWS_LAMBDA_LOG_GROUP_NAME": "/trailforward/trailforward",
            "AWS_REGION": REGION,
        }
        if ask is not None:
            del self.environ["TRAILFORWARD_OWN_ARNS"]
        self.config = Config.from_env(self.environ)
        self.sinks = {name: FlakySink() for name in self.config.sinks}
        guard = build_guard(self.config, self.environ)
        self.minute = 0.0
        self.lookup = RoleLookup(ask or self.never, lambda: self.minute)
        guard._lookup = self.lookup
        self.forwarder = Forwarder(self.config, guard=guard, made=dict(self.sinks))
        #: What is asked for once: services reuse a data key for five minutes and longer.
        self.keys: set[str] = set()
        self.caused: Counter[str] = Counter()
        self.received = 0

    @staticmethod
    def never() -> Role:
        """STS, where ``own_arns`` names the role."""
        raise AssertionError("asked")

    def run(self, *details: dict[str, Any]) -> None:
        """Records events, delivers those that the rules take, and goes on with what this causes."""
        waiting = [*details, *self.start()]
        while waiting:
            detail = waiting.pop()
            self.caused[f"{detail['eventSource']}:{detail['eventName']}"] += 1
            assert self.caused.total() < ENDLESS, self.caused.most_common(5)
            waiting += self.deliver(detail)

    def start(self) -> Iterator[dict[str, Any]]:
        """What each new environment of the function causes once."""
        assumed = {"requestParameters": {"roleArn": self.role}, "resources": [{"ARN": self.role}]}
        yield record("sts.amazonaws.com", "AssumeRole", by_service("lambda"), REGION, **assumed)
        for identity in (by_role(self.role), by_service("lambda")):
            yield self.on(self.group, "CreateLogStream", identity)
        yield self.on(SECRET, "GetSecretValue", by_role(self.role))
        yield self.key_use(SECRET, by_role(self.role, invokedBy="secretsmanager.amazonaws.com"), "Decrypt")

    def on(self, arn: str, name: str, identity: dict[str, Any]) -> dict[str, Any]:
        """A call on a resource."""
        service, region = arn.split(":")[2:4]
        return record(f"{service}.amazonaws.com", name, identity, region or REGION, **named(arn)[self.way])

    def key_use(self, arn: str, identity: dict[str, Any], name: str = "GenerateDataKey") -> dict[str, Any]:
        """A use of the key that a resource is encrypted with."""
        assert name in KEY_USES
        service, region = arn.split(":")[2:4]
        request = {"keyId": "alias/any", "encryptionContext": {f"aws:{service}:arn": arn}}
        key = f"arn:aws:kms:{region or REGION}:{ACCOUNT}:key/1"
        return record(
            "kms.amazonaws.com",
            name,
            identity,
            region or REGION,
            requestParameters=request,
            resources=[{"ARN": key}],
        )

    def once(self, arn: str, identity: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The first use of a key."""
        if arn not in self.keys:
            self.keys.add(arn)
            yield self.key_use(arn, identity)

    def deliver(self, detail: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Takes an event through rules, queue, and function, and gives the events that every step causes."""
        event = {**json.loads(envelope(self.caused.total(), **detail)), "region": detail["awsRegion"]}
        event["source"] = "aws." + detail["eventSource"].partition(".")[0]
        text = json.dumps(event)
        if self.regional is not None:
            if not self.regional.matches(text):
                return
            taken = {"requestParameters": {"roleArn": RULE_ROLE}, "resources": [{"ARN": RULE_ROLE}]}
            yield record("sts.amazonaws.com", "AssumeRole", by_service("events"), REGION, **taken)
            if self.topology == "hub":
                bus = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/trailforward"
                yield self.on(bus, "PutEvents", by_role(RULE_ROLE))
        if self.rule is not None:
            if not self.rule.matches(text):
                return
            yield self.with_resources(self.on(self.queue, "SendMessage", by_service("events")), self.queue)
            yield from self.once(self.queue, by_service("events"))
        else:
            yield self.on(self.queue, "SendMessage", by_role(RULE_ROLE))
        yield from self.invoke(text)

    def invoke(self, text: str) -> Iterator[dict[str, Any]]:
        """One invocation with one event: the worst case, since a batch would share its calls."""
        for name in ("ReceiveMessage", "DeleteMessageBatch", "DeleteMessage"):
            yield self.on(self.queue, name, by_role(self.role))
        for service in ("lambda", "sqs"):
            yield self.with_resources(self.on(self.function, "Invoke", by_service(service)), self.function)
        self.received += 1
        calls = {name: len(sink.calls) for name, sink in self.sinks.items()}
        payload = sqs(sqs_record(text, "m-1", arn=self.queue))
        assert self.forwarder.handle(payload, self.context()) == {"batchItemFailures": []}
        self.minute += INTERVAL_SECONDS
        with self.lookup._under_way:  # until the question is over
            pass
        for name, sink in self.sinks.items():
            if len(sink.calls) > calls[name]:
                for call in self.config.sinks[name].own_calls:
                    yield from self.sent(call)

    @staticmethod
    def with_resources(detail: dict[str, Any], arn: str) -> dict[str, Any]:
        """Data events always list the resource by whose type a trail selects them."""
        return {**detail, "resources": [{"ARN": arn}]}

    def context(self) -> Context:
        """The invocation's context."""
        context = Context()
        context.invoked_function_arn = self.function
        return context

    def sent(self, call: OwnCall) -> Iterator[dict[str, Any]]:
        """The events of a sink's call, with those of an encrypted destination, and of a refusal."""
        arn = call.resource.replace("/*", "/2026/x.gz").replace("security*", "security/2026/x.gz")
        for name in call.names:
            # Secrets and the check of a bus are kept for minutes.
            if name in {"GetSecretValue", "DescribeEventBus"} and name in self.keys:
                continue
            self.keys.add(name)
            detail = self.on(arn, name, by_role(self.role))
            yield detail
            yield {**detail, "errorCode": "AccessDenied"}
        service = call.source.partition(".")[0]
        yield from self.once(arn, by_role(self.role, invokedBy=f"{service}.amazonaws.com"))


FOREIGN = record("ec2.amazonaws.com", "StopInstances", {"type": "IAMUser"}, REGION)


@pytest.mark.parametrize("way", range(3), ids=["resources", "request", "both"])
@pytest.mark.parametrize("topology", ["regional", "hub", "collector"])
def test_nothing_feeds_itself(topology: str, way: int) -> None:
    """With every sink and every class of event recorded, each sink gets the foreign event alone, once."""
    assert DESTINATIONS.keys() == sinks.BUILT_IN.keys()
    world = World(topology, way)
    world.run(FOREIGN)
    for name, sink in world.sinks.items():
        assert [b"StopInstances" in data for data in sink.data] == [True], name
    # Own calls that the rules let through end in the function, and cause no event but those of that hop.
    assert world.caused["sqs.amazonaws.com:SendMessage"] <= world.received + 2


@pytest.mark.parametrize("topology", ["regional", "hub", "collector"])
def test_the_number_of_events_does_not_depend_on_the_own_ones(topology: str) -> None:
    """Ten foreign events cause ten times the events of one at most: the gain of the own ones is zero."""
    one, ten = World(topology, 2), World(topology, 2)
    one.run(FOREIGN)
    ten.run(*[FOREIGN] * 10)
    assert ten.caused.total() <= 10 * one.caused.total()
    assert len(ten.sinks["kinesis"].taken) == 10


@pytest.mark.parametrize("topology", ["regional", "hub", "collector"])
def test_before_the_role_is_proven_the_gain_is_finite(topology: str) -> None:
    """Without ``own_arns``, own calls are forwarded until STS responds; after that, there is no loop."""
    silent = [ConnectionError("no route")] * 3

    def ask() -> tuple[str, str]:
        if silent:
            raise silent.pop()
        return ACCOUNT, "trailforward-FunctionRole-A1B2"

    world = World(topology, 2, ask)
    world.run(FOREIGN)
    taken = Counter(json.loads(data)["detail"]["eventName"] for data in world.sinks["kinesis"].data)
    assert taken["StopInstances"] == 1
    # The rules keep the calls of each delivery out, proven or not.
    assert not MADE_FOR_EVERY_DELIVERY & taken.keys()
    asked = world.caused.total()
    world.run(FOREIGN)
    assert world.caused.total() - asked <= asked


def test_without_exclusion_a_loop_ends_when_sts_answers() -> None:
    """With a rule that matches everything, the pipeline's own sends are forwarded until STS responds."""
    stream = DESTINATIONS["kinesis"]
    silent = [ConnectionError("no route"), TimeoutError("slow")]

    def ask() -> tuple[str, str]:
        if silent:
            raise silent.pop()
        return ACCOUNT, "forwarder"

    config = Config.to(stream)
    guard = SelfGuard(calls=config.sinks["kinesis-cloudsec"].own_calls, function_name=FUNCTION, ask_role=ask)
    sink = FlakySink()
    forwarder = Forwarder(config, guard=guard, made={"kinesis-cloudsec": sink})
    own = record(
        "kinesis.amazonaws.com",
        "PutRecords",
        by_role(f"arn:aws:iam::{ACCOUNT}:role/forwarder"),
        "us-west-2",
        requestParameters={"streamARN": stream},
    )
    lookup = guard._lookup
    assert lookup is not None
    context = Context()
    context.invoked_function_arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{FUNCTION}"
    forwarded = 0
    for _minute in range(10):
        lookup._next = float("-inf")
        before = len(sink.calls)
        forwarder.handle(sqs(sqs_record(envelope(1, **own), "m-1")), context)
        with lookup._under_way:  # the question is over
            pass
        if len(sink.calls) == before:
            break
        forwarded += 1
    assert forwarded == 3
    assert guard.author(json.loads(envelope(1, **own))) is Author.PIPELINE
