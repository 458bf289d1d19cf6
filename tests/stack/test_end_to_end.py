"""The stack as deployed by ``sam deploy`` to a local AWS that runs the function and enforces IAM.

Where ministack deviates from AWS, and what therefore is not proved here: docs/local-aws.md.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import pytest

from tests.sam.cfn import grants, load, parse
from tests.stack import local
from tests.stack.destinations import digests, receive, wait
from tests.support.events import envelope

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.stack.conftest import Deployed


def send(deployed: Deployed, events: list[bytes]) -> None:
    """Puts texts straight into the queue, as EventBridge does: byte for byte."""
    client = deployed.aws.client("sqs")
    url = deployed.outputs["EventQueueUrl"]
    for start in range(0, len(events), 10):
        entries = [
            {"Id": str(index), "MessageBody": event.decode()}
            for index, event in enumerate(events[start : start + 10])
        ]
        assert not client.send_message_batch(QueueUrl=url, Entries=entries).get("Failed")


def arrival(name: str, events: list[bytes], before: list[bytes], expected: list[bytes]) -> str:
    """One line on what a sink holds now."""
    verdict = "equal" if digests(events) == digests(expected) else "DIFFERENT"
    return f"{name:9} {len(events) - len(before):3} events more, digests {verdict}"


def redrive(deployed: Deployed) -> None:
    """What the output Redrive does, by hand: ministack knows no StartMessageMoveTask. Attributes are kept."""
    words = deployed.outputs["Redrive"].split()
    assert words[:3] == ["aws", "sqs", "start-message-move-task"]
    given = dict(zip(words[3::2], words[4::2], strict=True))
    assert given["--destination-arn"] == deployed.outputs["EventQueueArn"]
    client = deployed.aws.client("sqs")
    source = client.get_queue_url(QueueName=given["--source-arn"].rpartition(":")[2])["QueueUrl"]
    assert source.rpartition("/")[2] == deployed.outputs["DeadLettersUrl"].rpartition("/")[2]
    for letter in receive(deployed.aws, source):
        client.send_message(
            QueueUrl=deployed.outputs["EventQueueUrl"],
            MessageBody=letter["Body"],
            MessageAttributes=letter["MessageAttributes"],
        )


def metrics(deployed: Deployed) -> dict[str, dict[str, float]]:
    """What the function has published so far, summed up: sink → metric → value."""
    client = deployed.aws.client("logs")
    sums: dict[str, dict[str, float]] = {}
    for event in client.filter_log_events(logGroupName=deployed.outputs["Logs"])["events"]:
        try:
            line: dict[str, Any] = json.loads(event["message"])
        except ValueError:
            continue
        if "_aws" in line and "sink" in line:
            sink = sums.setdefault(line["sink"], {})
            for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]:
                sink[metric["Name"]] = sink.get(metric["Name"], 0) + sum(line[metric["Name"]])
    return sums


def added(deployed: Deployed, counted: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """What the function has published since ``counted``: sink → metric → value."""
    return {
        sink: {name: value - counted.get(sink, {}).get(name, 0) for name, value in values.items()}
        for sink, values in metrics(deployed).items()
    }


def assert_sums(sums: dict[str, dict[str, float]]) -> None:
    """Each event that a sink received has exactly one fate."""
    for sink, values in sums.items():
        fates = ("delivered", "filtered", "dead_lettered", "returned")
        assert values["received"] == sum(values[fate] for fate in fates), sink
        assert values["ledger_breaks"] == 0, sink


def test_every_resource_is_there(deployed: Deployed, tell: Callable[[str], None]) -> None:
    """Everything in the template that the parameters ask for was really created."""
    response = deployed.aws.client("cloudformation").describe_stack_resources(StackName=local.STACK)
    made = {resource["LogicalResourceId"]: resource for resource in response["StackResources"]}
    tell("\n".join(f"{r['ResourceType']:34} {r['PhysicalResourceId']}" for r in made.values()))
    tell(f"left out, as ministack does not know it: {', '.join(deployed.left_out)}")
    tell(f"layer for the Python that ministack runs: {local.PYTHON}-{local.ARCHITECTURE}")
    assert {resource["ResourceStatus"] for resource in made.values()} == {"CREATE_COMPLETE"}
    assert {
        *("Bus", "Rule", "EventQueue", "EventQueuePolicy", "RetryQueue", "DeadLetters", "RuleDeadLetters"),
        *("RuleDeadLettersPolicy", "LogGroup", "FunctionRole", "Forwarder", "EventsToFunction"),
        *("RetriesToFunction", "Dashboard", "DeadLettersAlarm", "RuleDeadLettersAlarm", "AgeAlarm"),
        *("FailedInvocationsAlarm", "ErrorsAlarm", "ThrottlesAlarm", "DurationAlarm", "RetryAgeAlarm"),
    } <= set(made)


def test_the_regional_template_is_uploaded(deployed: Deployed) -> None:
    """Packing puts regional.yaml where the StackSets fetch it, without a change."""
    resources = local.package(deployed.aws, deployed.whole)["Resources"]
    places = {
        resources[f"{name}StackSet"]["Properties"]["TemplateURL"] for name in ("Account", "Organization")
    }
    (place,) = places
    bucket, key = place.split("/")[-2:]
    uploaded = deployed.aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    assert parse(uploaded.decode()) == load("regional.yaml")


def test_partial_failures_are_reported(deployed: Deployed) -> None:
    """Both mappings have ReportBatchItemFailures on, or failures would be deleted."""
    listed = deployed.aws.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    # Other tests deploy other stacks.
    mappings = [one for one in listed if one["FunctionArn"] == deployed.outputs["FunctionArn"]]
    assert len(mappings) == 2
    for mapping in mappings:
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_the_role_is_what_the_command_prints(deployed: Deployed) -> None:
    """The deployed role may do what ``trailforward iam`` derives from the deployed configuration, no more."""
    function = deployed.aws.client("lambda").get_function_configuration(
        FunctionName=deployed.outputs["FunctionName"]
    )
    iam = deployed.aws.client("iam")
    policy = iam.get_role_policy(RoleName=deployed.role, PolicyName="trailforward")["PolicyDocument"]
    group = f"arn:aws:logs:{local.REGION}:{local.ACCOUNT}:log-group:{deployed.outputs['Logs']}"
    command = [sys.executable, "-m", "trailforward", "iam", "--log-group", group]
    command += ["--source", deployed.outputs["EventQueueArn"]]
    env = local.environ() | function["Environment"]["Variables"]
    printed = subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout
    assert grants(policy) == grants(json.loads(printed))
    assert iam.list_attached_role_policies(RoleName=deployed.role)["AttachedPolicies"] == []


def test_events_of_the_queue_arrive_byte_for_byte(deployed: Deployed, tell: Callable[[str], None]) -> None:
    """Five kinds of destination hold the very bytes that were in the queue."""
    before = deployed.destinations.arrived()
    sent = [envelope(number) for number in range(40)]
    send(deployed, sent)
    expected = {name: [*events, *sent] for name, events in before.items()}
    arrived = deployed.destinations.wait_for(expected)
    for name, events in arrived.items():
        tell(arrival(name, events, before[name], expected[name]))
    for name, events in arrived.items():
        assert digests(events) == digests(expected[name]), name


def test_events_of_the_bus_arrive(deployed: Deployed, tell: Callable[[str], None]) -> None:
    """Bus, rule, queue, function, destinations: the same bytes everywhere, and every detail as it was put."""
    before = deployed.destinations.arrived()
    put = [json.loads(envelope(100 + number)) for number in range(10)]
    entries = [
        {
            "Source": "example.ec2",
            "DetailType": event["detail-type"],
            "Detail": json.dumps(event["detail"]),
            "EventBusName": deployed.outputs["BusArn"],
        }
        for event in put
    ]
    response = deployed.aws.client("events").put_events(Entries=entries)
    assert response["FailedEntryCount"] == 0
    arrived = deployed.destinations.wait_for(
        {name: [*old, *(b"" for _ in entries)] for name, old in before.items()}
    )
    new = {
        name: list((Counter(events) - Counter(before[name])).elements()) for name, events in arrived.items()
    }
    details = {json.dumps(event["detail"], sort_keys=True) for event in put}
    for name, events in new.items():
        tell(f"{name:9} {len(events):3} events")
        assert {json.dumps(json.loads(event)["detail"], sort_keys=True) for event in events} == details, name
        assert digests(events) == digests(new["kinesis"]), name


def test_a_revoked_permission_loses_nothing(deployed: Deployed, tell: Callable[[str], None]) -> None:
    """Without kinesis:PutRecords the stream's copies wait in the retry queue; granted again, they arrive."""
    iam = deployed.aws.client("iam")
    role = deployed.role
    granted = iam.get_role_policy(RoleName=role, PolicyName="trailforward")["PolicyDocument"]
    revoked = {
        **granted,
        "Statement": [s for s in granted["Statement"] if s["Action"] != "kinesis:PutRecords"],
    }
    assert len(revoked["Statement"]) == len(granted["Statement"]) - 1
    before = deployed.destinations.arrived()
    counted = metrics(deployed)
    sent = [envelope(200 + number) for number in range(20)]
    expected = {name: [*old, *sent] for name, old in before.items()}

    iam.put_role_policy(RoleName=role, PolicyName="trailforward", PolicyDocument=json.dumps(revoked))
    try:
        send(deployed, sent)
        others = {name: events for name, events in expected.items() if name != "kinesis"}
        arrived = deployed.destinations.wait_for(others)
        tell(f"kinesis:PutRecords revoked, {len(sent)} events sent")
        for name, events in arrived.items():
            tell(f"{name:9} {len(events) - len(before[name]):3} events")
        assert digests(arrived["kinesis"]) == digests(before["kinesis"])
        for name, wanted in others.items():
            assert digests(arrived[name]) == digests(wanted), name
        wait(lambda: added(deployed, counted)["kinesis"]["returned"] >= len(sent), 20)
    finally:
        iam.put_role_policy(RoleName=role, PolicyName="trailforward", PolicyDocument=json.dumps(granted))

    arrived = deployed.destinations.wait_for(expected)
    tell("granted again")
    for name, events in arrived.items():
        tell(arrival(name, events, before[name], expected[name]))
    for name, events in arrived.items():
        assert digests(events) == digests(expected[name]), name
    wait(lambda: added(deployed, counted)["kinesis"]["delivered"] >= len(sent), 60)
    fates = added(deployed, counted)["kinesis"]
    tell(f"metrics of kinesis: { ({name: int(value) for name, value in fates.items() if value}) }")
    assert fates["delivered"] == len(sent)
    assert fates["returned"] >= len(sent)
    assert fates["dead_lettered"] == 0
    assert_sums(metrics(deployed))
    assert waiting(deployed, "DeadLettersUrl") == 0


def test_an_event_too_large_for_one_destination_is_its_dead_letter(
    deployed: Deployed, tell: Callable[[str], None]
) -> None:
    """The HTTP API refuses one event of many: only its copy is a dead letter, which a redrive delivers."""
    before = deployed.destinations.arrived()
    counted = metrics(deployed)
    large = envelope(250, requestParameters={"userData": token_hex(60_000)})
    sent = [*(envelope(251 + number) for number in range(9)), large]
    complete = {name: [*old, *sent] for name, old in before.items()}
    partial = complete | {"http": [*before["http"], *sent[:-1]]}
    with deployed.destinations.siem_limit(30_000):
        send(deployed, sent)
        arrived = deployed.destinations.wait_for(partial)
        tell(f"HTTP API limited to 30,000 bytes, {len(sent)} events sent, one of {len(large):,} bytes")
        for name, events in arrived.items():
            tell(arrival(name, events, before[name], partial[name]))
        for name, events in arrived.items():
            assert digests(events) == digests(partial[name]), name
        wait(lambda: waiting(deployed, "DeadLettersUrl") > 0, 30)
    (alarm,) = deployed.aws.client("cloudwatch").describe_alarms(AlarmNames=["trailforward-dead-letters"])[
        "MetricAlarms"
    ]
    assert waiting(deployed, "DeadLettersUrl") > alarm["Threshold"]
    (letter,) = receive(deployed.aws, deployed.outputs["DeadLettersUrl"], delete=False)
    shown = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
    tell(f"dead letters 1: {shown['trailforward-sinks']}, {shown['trailforward-code']}")
    assert letter["Body"].encode() == large
    assert shown["trailforward-sinks"] == "http"
    wait(lambda: added(deployed, counted)["http"]["dead_lettered"] > 0, 20)
    assert added(deployed, counted)["http"]["dead_lettered"] == 1
    assert_sums(metrics(deployed))

    wait(lambda: waiting(deployed, "DeadLettersUrl") > 0, 10)
    redrive(deployed)
    arrived = deployed.destinations.wait_for(complete)
    tell("limit removed, dead letters redriven")
    for name, events in arrived.items():
        tell(arrival(name, events, before[name], complete[name]))
    for name, events in arrived.items():
        assert digests(events) == digests(complete[name]), name
    assert receive(deployed.aws, deployed.outputs["DeadLettersUrl"]) == []


def test_an_outage_of_one_destination_is_the_retry_queues(
    deployed: Deployed, tell: Callable[[str], None]
) -> None:
    """While the HTTP API is down the others get their events; once it is back it gets its own."""
    before = deployed.destinations.arrived()
    sent = [envelope(300 + number) for number in range(10)]
    expected = {name: [*old, *sent] for name, old in before.items()}
    with deployed.destinations.siem_down():
        send(deployed, sent)
        arrived = deployed.destinations.wait_for({n: e for n, e in expected.items() if n != "http"}, settle=0)
        wait(lambda: waiting(deployed, "RetryQueueUrl") >= len(sent), 20)
        tell(
            f"HTTP API down, {len(sent)} events sent, {waiting(deployed, 'RetryQueueUrl')} in the retry queue"
        )
    assert digests(arrived["http"]) == digests(before["http"])
    arrived = deployed.destinations.wait_for(expected)
    tell("HTTP API up")
    for name, events in arrived.items():
        tell(arrival(name, events, before[name], expected[name]))
        assert digests(events) == digests(expected[name]), name


def waiting(deployed: Deployed, output: str) -> int:
    """Messages in a queue, those that are still delayed included."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesDelayed"]
    response = deployed.aws.client("sqs").get_queue_attributes(
        QueueUrl=deployed.outputs[output], AttributeNames=names
    )
    return sum(int(response["Attributes"][name]) for name in names)


#: A complete configuration; sam cuts others, and the template rejects them.
TOML = f'[sinks.copies]\nto = "arn:aws:sqs:{local.REGION}:{local.ACCOUNT}:copies"\n'


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        pytest.param({}, "There is no destination", id="no sink"),
        pytest.param({"Configuration": TOML, "SqsQueueArn": "same"}, "contains its destinations", id="both"),
        pytest.param(
            {"Configuration": TOML, "ConfigurationParameter": "/x"}, "not both", id="two configurations"
        ),
        pytest.param(
            {"Configuration": TOML, "Regions": "eu-west-1"}, "this Region and account only", id="regional"
        ),
        pytest.param(
            {"Configuration": TOML, "Topology": "hub", "OrganizationalUnits": "r-abcd"},
            "require OrganizationId",
            id="units",
        ),
        pytest.param(
            {"KinesisStreamArn": "arn:aws:sqs:eu-west-1:111122223333:q"},
            "must be the ARN of",
            id="other kind",
        ),
        pytest.param({"Regions": "eu-west-1,us-east-1,eu-west-1"}, "without duplicates", id="a Region twice"),
        pytest.param({"Regions": "europe"}, "must be Regions", id="no Region"),
    ],
)
def test_contradictions_are_refused(deployed: Deployed, parameters: dict[str, str], said: str) -> None:
    """CloudFormation refuses contradictory parameters with a sentence that says what to do."""
    if parameters.get("SqsQueueArn") == "same":
        parameters = parameters | {"SqsQueueArn": deployed.parameters["SqsQueueArn"]}
    with pytest.raises(AssertionError, match=said):
        local.deploy(deployed.aws, deployed.template, stack="refused", **parameters)


def test_a_configuration_of_ones_own(deployed: Deployed, tell: Callable[[str], None]) -> None:
    """An update to a configuration in Parameter Store, with the policy that the command prints for it.

    The last test: it leaves the stack with other parameters.
    """
    before = deployed.destinations.arrived()
    stream = deployed.parameters["KinesisStreamArn"]
    toml = f"""
        [sinks.stream]
        to = "{stream}"
        [[routes]]
        name = "stops"
        sinks = ["stream"]
        pattern = {{ detail = {{ eventName = ["StopInstances"] }} }}
        """
    deployed.aws.client("ssm").put_parameter(Name="/trailforward/config", Type="String", Value=toml)
    command = [sys.executable, "-m", "trailforward", "iam", "--to", stream]
    document = subprocess.run(command, env=local.environ(), capture_output=True, text=True, check=True).stdout
    policy = deployed.aws.client("iam").create_policy(PolicyName="destinations", PolicyDocument=document)
    kept = {name: deployed.parameters[name] for name in ("Topology", "EventPattern", "RetryDelay", "Timeout")}
    cleared = dict.fromkeys(deployed.destinations.parameters, "")
    own = {"ConfigurationParameter": "/trailforward/config", "PolicyArns": policy["Policy"]["Arn"]}
    local.deploy(deployed.aws, deployed.template, **kept, **cleared, **own)

    wanted = [envelope(400 + number) for number in range(5)]
    others = [envelope(410 + number, eventName="StartInstances") for number in range(5)]
    send(deployed, [*wanted, *others])
    expected = before | {"kinesis": [*before["kinesis"], *wanted]}
    arrived = deployed.destinations.wait_for(expected)
    for name, events in arrived.items():
        tell(arrival(name, events, before[name], expected[name]))
    for name, events in arrived.items():
        assert digests(events) == digests(expected[name]), name
    wait(lambda: "stream" in metrics(deployed), 10)
    counted = metrics(deployed)["stream"]
    assert (counted["delivered"], counted["filtered"]) == (5, 5)
