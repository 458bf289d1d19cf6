"""The templates, resolved for every combination of parameters that switches something."""

from __future__ import annotations

import itertools
import json
import re
from fnmatch import fnmatch
from typing import Any

import pytest

from tests.sam.cfn import ACCOUNT, REGION, SAM, Refused, Stack, grants, listed, load
from tests.support.depth import part
from trailforward import Config
from trailforward.cli.iam import policy as derived
from trailforward.sinks.http.auth import SecretAuth
from trailforward.sinks.http.settings import HttpSettings

TEMPLATE = load("template.yaml")
REGIONAL = load("regional.yaml")
EXECUTION = load("execution-role.yaml")
DOCTOR_ROLE = load("doctor-role.yaml")
CANARY_ROLE = load("canary-role.yaml")

TOML = '[sinks.archive]\nto = "arn:aws:firehose:eu-west-1:111122223333:deliverystream/archive"\n'
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/99999999-2222-3333-4444-555555555555"
SECRET = f"arn:aws:secretsmanager:us-west-2:{ACCOUNT}:secret:siem/token-a1B2c3"

SINKS = {
    "KinesisStreamArn": f"arn:aws:kinesis:us-west-2:{ACCOUNT}:stream/events",
    "FirehoseArn": f"arn:aws:firehose:{REGION}:{ACCOUNT}:deliverystream/archive",
    "SnsTopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:oncall",
    "SqsQueueArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:copies",
    "HttpUrl": "https://siem.example.com/in",
}

#: What a deployment chooses one of: where to …
WHERE_TO: list[dict[str, str]] = [
    *(dict(chosen) for count in range(1, 6) for chosen in itertools.combinations(SINKS.items(), count)),
    {"HttpUrl": SINKS["HttpUrl"], "HttpSecretArn": SECRET},
    {
        "HttpUrl": SINKS["HttpUrl"],
        "HttpSecretArn": f"{SECRET}#token",
        "DestinationKeyArns": f"{KEY},{KEY[:-1]}6",
    },
    {"SnsTopicArn": SINKS["SnsTopicArn"], "SnsFormat": "text"},
    {"Configuration": TOML},
    {"Configuration": TOML, "PolicyArns": f"arn:aws:iam::{ACCOUNT}:policy/trailforward"},
    {"ConfigurationParameter": "/trailforward/config"},
]
#: … where from …
REGIONS = {"Regions": "eu-west-1,us-east-1"}
OPT_IN = {"OptInRegions": "af-south-1,ap-east-1"}
ORGANIZATION = {"OrganizationId": "o-a1b2c3d4e5"}
UNITS = {"OrganizationalUnits": "ou-abcd-12345678,r-abcd"}
ACCOUNTS = {"Accounts": "123456789012"}
WHERE_FROM: list[dict[str, str]] = [
    {"Topology": "regional"},
    *(
        {"Topology": topology, **merged}
        for topology in ("hub", "collector")
        for merged in (
            {},
            REGIONS,
            ORGANIZATION,
            ACCOUNTS,
            REGIONS | ORGANIZATION,
            REGIONS | ACCOUNTS,
            ORGANIZATION | ACCOUNTS,
            REGIONS | ORGANIZATION | ACCOUNTS,
            REGIONS | ORGANIZATION | UNITS,
            REGIONS | ORGANIZATION | UNITS | ACCOUNTS,
            REGIONS | OPT_IN,
        )
    ),
]
#: … and how.
HOW: list[dict[str, str]] = [
    dict(pairs)
    for pairs in itertools.product(
        [("AlarmTopicArn", ""), ("AlarmTopicArn", SINKS["SnsTopicArn"])],
        [("CustomerKey", "false"), ("CustomerKey", "true")],
        [("SnapStart", "false"), ("SnapStart", "true")],
        [("EventPattern", ""), ("EventPattern", '{"source": ["aws.iam"]}')],
    )
]


def allowed(parameters: dict[str, str]) -> bool:
    """Whether the template's rules accept the parameters, written independently of them."""
    return not (parameters["Topology"] == "collector" and parameters["CustomerKey"] == "true")


COMBINATIONS = [
    combined
    for to, origin, how in itertools.product(WHERE_TO, WHERE_FROM, HOW)
    if allowed(combined := {**to, **origin, **how})
]

PROXY = {"HttpsProxy": "http://proxy.example.com:3128", "NoProxy": ".amazonaws.com"}
VPC = {"SubnetIds": "subnet-0123abcd,subnet-4567abcd", "SecurityGroupIds": "sg-0123abcd"}
#: The daily doctor, with roles in other accounts.
DOCTOR = {"DailyDoctor": "enabled", "DoctorAccounts": "organization", "DoctorExternalId": "a-b-c"}
CANARY = {"CanaryRegions": "eu-west-1", "CanaryRoleArns": "arn:aws:iam::123456789012:role/x-canary"}
#: Where receipts may go, and what the function may do there.
RECEIPTS = {
    f"arn:aws:firehose:{REGION}:{ACCOUNT}:deliverystream/receipts": (
        "firehose:PutRecordBatch",
        f"arn:aws:firehose:{REGION}:{ACCOUNT}:deliverystream/receipts",
    ),
    "s3://receipts/a/b?region=eu-west-1": ("s3:PutObject", "arn:aws:s3:::receipts/a/b/*"),
    "s3://receipts?region=eu-west-1": ("s3:PutObject", "arn:aws:s3:::receipts/*"),
}
#: Parameters that combine with nothing else. Each has one stack.
RARE: list[dict[str, str]] = [
    {"PermissionsBoundary": f"arn:aws:iam::{ACCOUNT}:policy/team/limit"},
    {"PermissionsBoundary": f"arn:aws:iam::{ACCOUNT}:policy/limit", **REGIONS, **ORGANIZATION, **UNITS},
    {"Accounts": ACCOUNT, **REGIONS},
    *(
        {"Accounts": ",".join(f"{number:012}" for number in range(before)) + f",{ACCOUNT}", **REGIONS}
        for before in (10, 20)
    ),
    {"RegionalAlarms": "false", **REGIONS},
    VPC,
    PROXY,
    {"LogsKeyArn": KEY, "BusLogLevel": "ERROR"},
    {"BusLogLevel": "INFO", "CustomerKey": "true"},
    {"BusLogLevel": "TRACE"},
    {"Tracing": "true"},
    {"StateTable": "true"},
    *({"Receipts": to} for to in RECEIPTS),
    {"ProvisionedPollers": "2-20"},
    {"DailyDoctor": "enabled"},
    {**DOCTOR, "AlarmTopicArn": SINKS["SnsTopicArn"], "CustomerKey": "true"},
    {**DOCTOR, "DoctorRegions": "eu-west-1,us-east-1"},
    {"Canary": "true"},
    {"Canary": "true", "AlarmTopicArn": SINKS["SnsTopicArn"], "Tracing": "true", **REGIONS, **CANARY},
]
RARE_STACKS = [{**SINKS, "Topology": "hub", **parameters} for parameters in RARE]


def hub(**parameters: str) -> Stack:
    """A stack with one sink and these parameters."""
    return Stack(TEMPLATE, **{"KinesisStreamArn": SINKS["KinesisStreamArn"], **parameters})


def environment(stack: Stack) -> dict[str, str]:
    """Of the function."""
    variables: dict[str, str] = stack.properties("Forwarder")["Environment"]["Variables"]
    return variables


def own_policy(stack: Stack) -> dict[str, Any]:
    """The policy that the template writes into the function's role."""
    (policy,) = stack.properties("FunctionRole")["Policies"]
    document: dict[str, Any] = policy["PolicyDocument"]
    return document


def test_every_combination_resolves() -> None:
    """What the rules allow refers to nothing that is not created; each condition is met in both ways."""
    seen: dict[str, set[bool]] = {name: set() for name in TEMPLATE["Conditions"]}
    for parameters in [*part(COMBINATIONS, 13), *RARE_STACKS]:
        stack = Stack(TEMPLATE, **parameters)
        for name, values in seen.items():
            values.add(stack.condition(name))
        assert {"EventQueue", "Forwarder", "DeadLetters", "LedgerAlarm"} <= stack.present
        json.loads(stack.properties("Dashboard")["DashboardBody"])
    assert len(COMBINATIONS) > 5000
    assert [name for name, values in seen.items() if values != {True, False}] == []


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({}, "SomewhereToSend"),
        ({"Configuration": TOML, **SINKS}, "ConfigurationStandsAlone"),
        ({"ConfigurationParameter": "/a", "SqsQueueArn": SINKS["SqsQueueArn"]}, "ConfigurationStandsAlone"),
        ({"Configuration": TOML, "ConfigurationParameter": "/a"}, "OneConfiguration"),
        ({"KinesisStreamArn": SINKS["KinesisStreamArn"], "HttpSecretArn": SECRET}, "SecretNeedsUrl"),
        (SINKS | REGIONS, "RegionalIsAlone"),
        (SINKS | {"Topology": "regional"} | ORGANIZATION, "RegionalIsAlone"),
        (SINKS | {"Topology": "hub"} | REGIONS | UNITS, "UnitsNeedOrganization"),
        (SINKS | {"Topology": "hub"} | ORGANIZATION | UNITS, "UnitsNeedOrganization"),
        (SINKS | {"Topology": "collector", "CustomerKey": "true"}, "CollectorKeepsServiceKey"),
        (SINKS | {"SubnetIds": "subnet-0123abcd"}, "VpcIsComplete"),
        (SINKS | CANARY, "CanaryIsComplete"),
        (SINKS | {"CanaryRegions": "eu-west-1"}, "CanaryIsComplete"),
        (SINKS | {"Canary": "true", "RuleState": "DISABLED"}, "CanaryNeedsRules"),
        (SINKS | {"Canary": "true", "CanaryRegions": "eu-west-1,eu-west-1"}, "without duplicates"),
        (SINKS | {"Canary": "true", "CanaryRoleArns": "arn:aws:iam::123456789012:role/*"}, "ARNs of roles"),
        (SINKS | {"SecurityGroupIds": "sg-0123abcd"}, "VpcIsComplete"),
        (SINKS | {"ProvisionedPollers": "1-20"}, "minimum from 2"),
        (SINKS | {"PermissionsBoundary": "arn:aws:iam::aws:policy/ReadOnlyAccess"}, "of this account"),
        (SINKS | {"Topology": "hub", "Accounts": "123456789012,123456789012"}, "without duplicates"),
        ({"KinesisStreamArn": SINKS["SqsQueueArn"]}, "ARN of a Kinesis"),
        ({"SnsTopicArn": SINKS["SnsTopicArn"] + ".fifo"}, "standard SNS topic"),
        ({"HttpUrl": "http://siem.example.com/in"}, "https:// URL"),
        ({"HttpUrl": "https://user:password@siem.example.com/"}, "https:// URL"),
        ({"HttpUrl": "https://siem.example.com/?token=x"}, "https:// URL"),
        ({"HttpUrl": SINKS["HttpUrl"], "HttpSecretArn": SECRET[:-7]}, "full ARN"),
        (SINKS | {"Topology": "hub", "Regions": "eu-west-1,us-east-1,eu-west-1"}, "without duplicates"),
        (SINKS | {"Topology": "hub", "Regions": "us-east-1,us-east-1"}, "without duplicates"),
        (SINKS | {"Topology": "hub", "Regions": "eu-west-1, us-east-1"}, "without spaces"),
        (SINKS | {"Topology": "hub", "Regions": "europe"}, "must be Regions"),
        (SINKS | {"Topology": "hub", "OrganizationId": "111122223333"}, "ID of an organization"),
        (SINKS | {"Topology": "hub", "Accounts": "1234"}, "12 digits"),
        (SINKS | {"Topology": "star"}, "not allowed"),
        (SINKS | {"BatchingWindow": "0"}, "not allowed"),
        (SINKS | {"MaximumConcurrency": "1"}, "not allowed"),
        (SINKS | {"MaximumReceives": "1"}, "not allowed"),
        (SINKS | {"DoctorSchedule": "rate(7 days)"}, "time of day"),
        (SINKS | {"DoctorSchedule": "cron(0 6 ? * MON *)"}, "time of day"),
        (SINKS | {"DoctorAccounts": "organization,123456789012"}, "organization, or account IDs"),
        (SINKS | {"DoctorExternalId": "a-b-c"}, "DoctorHasRoles"),
    ],
)
def test_contradictions_are_refused(parameters: dict[str, str], said: str) -> None:
    """Each contradictory or malformed set of parameters is rejected with its reason."""
    with pytest.raises(Refused, match=said):
        Stack(TEMPLATE, **parameters)


@pytest.mark.parametrize(
    "regions",
    ["eu-west-1", "us-east-1,us-east-2", "us-gov-west-1", "eu-west-1,ap-southeast-1,ap-southeast-2"],
)
def test_regions_that_differ_are_taken(regions: str) -> None:
    """The check for duplicates rejects nothing else: us-east-1 and us-east-2 differ."""
    assert "AccountStackSet" in hub(Topology="hub", Regions=regions).present


@pytest.mark.parametrize("to", WHERE_TO, ids="+".join)
@pytest.mark.parametrize(
    "how",
    [{}, {"CustomerKey": "true"}, {"Tracing": "true"}, VPC],
    ids=["", "key", "tracing", "vpc"],
)
def test_the_role_may_do_what_the_command_prints(to: dict[str, str], how: dict[str, str]) -> None:
    """The role's policy is what ``trailforward iam`` derives from the function's environment, no more."""
    stack = Stack(TEMPLATE, **to, **how)
    variables = environment(stack)
    where = variables["TRAILFORWARD_CONFIG"]
    if "ConfigurationParameter" in to:
        # The parameter's content is not the template's business; neither is what it needs.
        arn = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/trailforward/config"
        variables = {**variables, "TRAILFORWARD_CONFIG": '[sinks.x]\nto = "file:/dev/null"'}
        where = f"ssm:{arn}"
    config = Config.from_env(variables)
    keys = [key for key in to.get("DestinationKeyArns", "").split(",") if key]
    if "CustomerKey" in how:
        keys.append(stack.outputs["KeyArn"])
    wanted, notes = derived(
        config,
        where=where if where.startswith("ssm:") else "",
        sources=[stack.outputs["EventQueueArn"]],
        log_group=f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{stack.outputs['Logs']}",
        keys=keys,
        tracing="Tracing" in how,
        vpc=how is VPC,
    )
    assert notes == []
    wanted, denied = without_denials(wanted)
    given, denied_too = without_denials(own_policy(stack))
    assert denied == denied_too
    assert bool(denied) == (how is VPC)
    needed = grants(wanted)
    if "Configuration" in to:
        # Destinations of a configuration are granted by PolicyArns, which the command prints.
        needed = {pair for pair in needed if pair[0] != "firehose:PutRecordBatch"}
    assert grants(given) == needed


def without_denials(policy: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A policy without the statements that deny, and those."""
    denied = [statement for statement in policy["Statement"] if statement["Effect"] == "Deny"]
    return {"Statement": [s for s in policy["Statement"] if s not in denied]}, denied


@pytest.mark.parametrize("to", RECEIPTS)
def test_receipts_have_a_permission_and_an_alarm(to: str) -> None:
    """The function may write receipts to exactly this place, as ``trailforward iam`` says."""
    stack = Stack(TEMPLATE, **SINKS, Receipts=to)
    (statement,) = [each for each in own_policy(stack)["Statement"] if each["Sid"] == "Receipts"]
    assert (statement["Action"], statement["Resource"]) == RECEIPTS[to]
    derived_too, _ = derived(Config.from_env(environment(stack)))
    assert statement in derived_too["Statement"]
    assert "ReceiptsAlarm" in stack.present
    assert "ReceiptsAlarm" not in Stack(TEMPLATE, **SINKS).present


def test_a_proxy_is_in_the_environment_only_if_one_is_given() -> None:
    """The function gets the variables of the parameters, and none that is empty."""
    given = environment(Stack(TEMPLATE, **SINKS, **PROXY))
    assert (given["HTTPS_PROXY"], given["NO_PROXY"]) == (PROXY["HttpsProxy"], PROXY["NoProxy"])
    assert not {"HTTPS_PROXY", "NO_PROXY"} & environment(Stack(TEMPLATE, **SINKS)).keys()


def test_a_function_in_a_vpc_makes_the_calls_that_lambda_makes() -> None:
    """The calls for network interfaces are declared as the pipeline's own, so they do not raise an alarm."""
    stack = Stack(TEMPLATE, **SINKS, **VPC)
    assert stack.properties("Forwarder")["VpcConfig"] == {
        "SubnetIds": ["subnet-0123abcd", "subnet-4567abcd"],
        "SecurityGroupIds": ["sg-0123abcd"],
    }
    declared = {call.call for call in Config.from_env(environment(stack)).pipeline.own_calls}
    (granted,) = [s["Action"] for s in own_policy(stack)["Statement"] if s["Sid"] == "Vpc"]
    assert declared == {action for action in granted if "Describe" not in action}
    assert Config.from_env(environment(hub())).pipeline.own_calls == ()


def test_the_configuration_is_what_the_parameters_say() -> None:
    """The text in the function's environment makes the sinks that the parameters name."""
    stack = Stack(TEMPLATE, **SINKS, HttpSecretArn=SECRET, SnsFormat="text")
    config = Config.from_env(environment(stack))
    assert {name: settings.to for name, settings in config.sinks.items()} == {
        "kinesis": SINKS["KinesisStreamArn"],
        "firehose": SINKS["FirehoseArn"],
        "sns": SINKS["SnsTopicArn"],
        "sqs": SINKS["SqsQueueArn"],
        "http": SINKS["HttpUrl"],
    }
    http = config.sinks["http"]
    assert isinstance(http, HttpSettings)
    assert isinstance(http.auth, SecretAuth)
    assert http.auth.secret == SECRET
    assert config.sinks["sns"].format == "text"
    assert config.pipeline.dead_letter == stack.outputs["Redrive"].split()[6]
    assert stack.properties("FunctionRole")["Policies"][0]["PolicyName"] == "trailforward"


def test_the_environment_fits() -> None:
    """The longest configuration that the parameter takes still leaves the environment below Lambda's 4 KB."""
    text = TOML.rjust(TEMPLATE["Parameters"]["Configuration"]["MaxLength"], "\n")
    most = TEMPLATE["Parameters"]["CanaryRoleArns"]["MaxLength"]
    role = "arn:aws:iam::123456789012:role/".ljust(most, "x")
    variables = environment(Stack(TEMPLATE, Configuration=text, Canary="true", CanaryRoleArns=role))
    assert sum(len(name) + len(value) for name, value in variables.items()) < 4096


def statements(template: dict[str, Any], **parameters: str) -> list[tuple[str, dict[str, Any]]]:
    """Every policy statement of a stack, of identities and of resources, with the resource's name."""
    found = []
    stack = Stack(template, **parameters)
    for name in stack.present:
        properties = stack.properties(name)
        documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        if "PolicyDocument" in properties:
            documents.append(properties["PolicyDocument"])
        if "Statement" in properties:
            documents.append({"Statement": [properties["Statement"]]})
        found += [(name, statement) for document in documents for statement in document["Statement"]]
    return found


EVERYTHING = [
    (
        TEMPLATE,
        {**SINKS, "Topology": "hub", **REGIONS, **ORGANIZATION, **UNITS, **ACCOUNTS, "CustomerKey": "true"},
    ),
    (TEMPLATE, {**SINKS, "Topology": "collector", **REGIONS, **ORGANIZATION, **ACCOUNTS}),
    (TEMPLATE, {"ConfigurationParameter": "/x"}),
    (
        TEMPLATE,
        {**SINKS, "Tracing": "true", **VPC},
    ),
    (TEMPLATE, {**SINKS, **DOCTOR, "AlarmTopicArn": SINKS["SnsTopicArn"]}),
    (
        TEMPLATE,
        {**SINKS, "Tracing": "true", "Canary": "true", **CANARY, "AlarmTopicArn": SINKS["SnsTopicArn"]},
    ),
    (CANARY_ROLE, {"HubRegion": REGION, "CanaryRoleArn": f"arn:aws:iam::{ACCOUNT}:role/x"}),
    (REGIONAL, {"HubAccount": ACCOUNT, "HubRegion": REGION}),
    (REGIONAL, {"HubAccount": ACCOUNT, "HubRegion": REGION, "Topology": "collector"}),
    (EXECUTION, {"HubRegion": REGION, "AdministrationRoleArn": f"arn:aws:iam::{ACCOUNT}:role/x"}),
    (DOCTOR_ROLE, {"HubRegion": REGION, "DoctorRoleArn": f"arn:aws:iam::{ACCOUNT}:role/x"}),
]


def test_wildcards_have_a_reason() -> None:
    """A statement that allows a resource with ``*`` has a comment above it that says why."""
    reasons = {
        # Every log stream of the one group.
        ("FunctionRole", "Logs"): f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/trailforward/trailforward:*",
        # This one role, in any account.
        ("StackSetAdministrationRole", None): f"arn:aws:iam::*:role/trailforward-{REGION}-stackset",
        # The documented minimum of StackSets.
        ("StackSetExecutionRole", "StackSets"): "*",
        # One name, in every Region.
        ("StackSetExecutionRole", "Rule"): f"arn:aws:events:*:{ACCOUNT}:rule/trailforward-regional",
        (
            "StackSetExecutionRole",
            "DeadLetters",
        ): f"arn:aws:sqs:*:{ACCOUNT}:trailforward-regional-dead-letters",
        (
            "StackSetExecutionRole",
            "Alarm",
        ): f"arn:aws:cloudwatch:*:{ACCOUNT}:alarm:trailforward-regional-dead-letters",
        # One role in every Region.
        ("StackSetExecutionRole", "RoleWithBoundary"): f"arn:aws:iam::{ACCOUNT}:role/trailforward-*-rule",
        ("StackSetExecutionRole", "Role"): f"arn:aws:iam::{ACCOUNT}:role/trailforward-*-rule",
        ("StackSetExecutionRole", "PassRole"): f"arn:aws:iam::{ACCOUNT}:role/trailforward-*-rule",
        # A queue in every Region.
        ("RuleBoundary", None): f"arn:aws:sqs:*:{ACCOUNT}:trailforward-events",
        # Read-only, in every Region and of whatever the rules lead to.
        ("DoctorRole", "Read"): "*",
        ("DoctorReadRole", "Read"): "*",
        # This one role, in any account.
        ("DoctorRole", "Roles"): f"arn:aws:iam::*:role/trailforward-{REGION}-read",
        (
            "DoctorRole",
            "Logs",
        ): f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/trailforward/trailforward-doctor:*",
        # A path in every Region, below which no parameter exists.
        ("CanaryRole", "Canary"): f"arn:aws:ssm:*:{ACCOUNT}:parameter/trailforward-canary/*",
        # Every log stream of the one group.
        (
            "CanaryRole",
            "Logs",
        ): f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/trailforward/trailforward-canary:*",
        # What the doctor reads may be anywhere.
        ("CanaryRole", "Read"): "*",
        # These actions have no resources.
        ("CanaryRole", "Metrics"): "*",
        ("CanaryRole", "Tracing"): "*",
        ("FunctionRole", "Tracing"): "*",
        ("FunctionRole", "Vpc"): "*",
    }
    met = set()
    for template, parameters in EVERYTHING:
        for name, statement in statements(template, **parameters):
            for arn in listed(statement["Resource"]):
                if "*" in arn and statement["Effect"] == "Allow" and statement.get("Sid") != "Objects":
                    assert reasons[name, statement.get("Sid")] == arn
                    met.add((name, statement.get("Sid")))
    assert met == set(reasons)


#: The roles that regional.yaml creates, in any account and Region.
RULE_ROLES = {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/trailforward-*-rule"}}


def test_nobody_else_may_write_to_the_queues() -> None:
    """Queues take messages of EventBridge for one rule, and of members where the topology wants it."""
    stack = Stack(TEMPLATE, **SINKS)
    for policy, rule in [("EventQueuePolicy", "Rule"), ("RuleDeadLettersPolicy", "Rule")]:
        allowing = [
            s for s in stack.properties(policy)["PolicyDocument"]["Statement"] if s["Effect"] == "Allow"
        ]
        assert [s["Principal"] for s in allowing] == [{"Service": "events.amazonaws.com"}]
        arn = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/trailforward"
        assert allowing[0]["Condition"] == {"ArnEquals": {"aws:SourceArn": arn}}, rule
    stack = Stack(TEMPLATE, **SINKS, Topology="collector", **ORGANIZATION, **ACCOUNTS)
    by_sid = {s["Sid"]: s for s in stack.properties("EventQueuePolicy")["PolicyDocument"]["Statement"]}
    assert set(by_sid) == {"Organization", "Accounts", "EncryptedOnly"}
    assert by_sid["Organization"]["Condition"] == {
        "StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"},
        **RULE_ROLES,
    }
    assert by_sid["Accounts"]["Principal"] == {"AWS": ["123456789012"]}
    assert by_sid["Accounts"]["Condition"] == RULE_ROLES


def test_the_bus_takes_members_only() -> None:
    """The central bus is open to the organization and the accounts that are named."""
    stack = hub(Topology="hub", **ORGANIZATION, **ACCOUNTS)
    accounts = stack.properties("BusPolicy")["Statement"]
    assert accounts["Principal"] == {"AWS": [ACCOUNT, "123456789012"]}
    assert accounts["Condition"] == RULE_ROLES
    members = stack.properties("BusOrganizationPolicy")["Statement"]
    assert members["Condition"] == {
        "StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"},
        **RULE_ROLES,
    }
    assert "BusOrganizationPolicy" not in hub(Topology="hub").present


def test_everything_that_may_lose_events_has_an_alarm() -> None:
    """Alarms watch the queues, the rule, the function and the ledger that are really there."""
    for parameters in ({}, {"Topology": "hub"}, {"Topology": "collector"}, {"Topology": "hub", **REGIONS}):
        stack = hub(**parameters)
        alarms = [
            stack.properties(n)
            for n in stack.present
            if stack.resources[n]["Type"] == "AWS::CloudWatch::Alarm"
        ]
        watched = {
            (alarm.get("MetricName"), dimension["Value"])
            for alarm in alarms
            for dimension in alarm.get("Dimensions", [])
        }
        queues = [n for n in stack.present if stack.resources[n]["Type"] == "AWS::SQS::Queue"]
        for queue in queues:
            name = stack.resolve({"Fn::GetAtt": [queue, "QueueName"]})
            assert any(value == name for _, value in watched), name
        function = "trailforward-Forwarder"
        assert {("Errors", function), ("Throttles", function), ("Duration", function)} <= watched
        if "Rule" in stack.present:
            assert ("FailedInvocations", stack.properties("Rule")["Name"]) in watched
        queries = [
            alarm["Metrics"][0]["Expression"] for alarm in alarms if len(alarm.get("Metrics", ())) == 1
        ]
        assert sorted(re.findall(r"SUM\((\w+)\)", " ".join(queries))) == ["ledger_breaks", "unavailable"]
        parts = re.findall(r'ALARM\("(.+?)"\)', stack.properties("OutageAlarm")["AlarmRule"])
        assert parts
        for alarm in alarms:
            assert alarm["TreatMissingData"] == "notBreaching"
            assert alarm["AlarmDescription"]
            # Parts of a composite alarm notify nobody.
            assert alarm.get("AlarmActions") == (None if alarm["AlarmName"] in parts else [])
    assert hub(AlarmTopicArn=SINKS["SnsTopicArn"]).properties("AgeAlarm")["AlarmActions"] == [
        SINKS["SnsTopicArn"]
    ]


def test_partial_failures_are_reported() -> None:
    """Every mapping has ReportBatchItemFailures on: without it Lambda deletes what failed."""
    for parameters in ({}, {"SnapStart": "true"}):
        stack = hub(**parameters)
        for name in ("EventsToFunction", "RetriesToFunction"):
            assert stack.properties(name)["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


@pytest.mark.parametrize("timeout", ["30", "60", "120", "300"])
def test_the_queues_wait_six_times_as_long_as_the_function(timeout: str) -> None:
    """It is six timeouts and the longest batching window, and the retention outlasts every retry."""
    stack = hub(Timeout=timeout)
    for queue in ("EventQueue", "RetryQueue"):
        assert stack.properties(queue)["VisibilityTimeout"] == (
            6 * int(timeout) + TEMPLATE["Parameters"]["BatchingWindow"]["MaxValue"]
        )
        longest = TEMPLATE["Parameters"]["MaximumReceives"]["MaxValue"]
        assert (
            longest * stack.properties(queue)["VisibilityTimeout"]
            < stack.properties(queue)["MessageRetentionPeriod"]
        )
    assert stack.properties("DurationAlarm")["Threshold"] == 800 * int(timeout)


def test_our_names_are_the_guards_names() -> None:
    """What the pipeline itself does is filtered: its role, queue and log group are named as its own."""
    stack = hub()
    own = environment(stack)["TRAILFORWARD_OWN_ARNS"].split()
    assert own == [
        stack.outputs["FunctionRoleArn"],
        stack.outputs["EventQueueArn"],
        f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/trailforward/trailforward:*",
    ]
    assert Config.from_env(environment(stack)).pipeline.own_arns == tuple(own)


def test_one_command_reaches_every_region() -> None:
    """One set covers this account, its own Region too; the other the organization without it."""
    parameters = {
        "Topology": "hub",
        "Regions": "eu-west-1,us-east-1,ap-southeast-2",
        **ORGANIZATION,
        **UNITS,
        **ACCOUNTS,
    }
    stack = hub(**parameters)
    (mine,) = stack.properties("AccountStackSet")["StackInstancesGroup"]
    assert mine["Regions"] == ["eu-west-1", "us-east-1", "ap-southeast-2"]
    assert mine["DeploymentTargets"] == {"Accounts": [ACCOUNT, "123456789012"]}
    (members,) = stack.properties("OrganizationStackSet")["StackInstancesGroup"]
    assert members["Regions"] == mine["Regions"]
    assert members["DeploymentTargets"] == {
        "OrganizationalUnitIds": ["ou-abcd-12345678", "r-abcd"],
        "AccountFilterType": "DIFFERENCE",
        "Accounts": [ACCOUNT],
    }
    assert stack.properties("OrganizationStackSet")["AutoDeployment"]["Enabled"] is True
    for name in ("AccountStackSet", "OrganizationStackSet"):
        given = {p["ParameterKey"]: p["ParameterValue"] for p in stack.properties(name)["Parameters"]}
        instance = Stack(REGIONAL, **given)
        (target,) = instance.properties("Rule")["Targets"]
        assert target["Arn"] == stack.outputs["BusArn"]
        assert stack.resources[name]["DependsOn"] == ["StackSetFailuresRule"]
        # What is referenced here is created before the StackSet.
        assert set(stack.resources[name]["Metadata"]) == {
            *("Rule", "Accounts", "Organization", "Queue", "Canary"),
        }


def test_the_set_may_make_what_the_regional_template_holds() -> None:
    """The execution role may make rules and queues of the regional template's names, and its roles."""
    stack = hub(Topology="hub", **REGIONS)
    (policy,) = stack.properties("StackSetExecutionRole")["Policies"]
    by_sid = {statement["Sid"]: statement for statement in policy["PolicyDocument"]["Statement"]}
    regional = Stack(REGIONAL, HubAccount=ACCOUNT, HubRegion=REGION)
    assert by_sid["Rule"]["Resource"].endswith(f":rule/{regional.properties('Rule')['Name']}")
    assert by_sid["DeadLetters"]["Resource"].endswith(f":{regional.properties('DeadLetters')['QueueName']}")
    role = f"role/{regional.properties('RuleRole')['RoleName']}"
    for sid in ("RoleWithBoundary", "Role", "PassRole"):
        assert fnmatch(role, by_sid[sid]["Resource"].rpartition(":")[2])
    assert stack.properties("AccountStackSet")["StackSetName"].startswith("trailforward-")


def test_opt_in_regions_may_deploy_their_instances() -> None:
    """The administration role trusts CloudFormation, and its principal in each opt-in Region."""

    def trusted(**parameters: str) -> Any:
        role = hub(Topology="hub", **REGIONS, **parameters).properties("StackSetAdministrationRole")
        return role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["Service"]

    assert trusted() == "cloudformation.amazonaws.com"
    assert trusted(**OPT_IN) == [
        "cloudformation.amazonaws.com",
        "cloudformation.af-south-1.amazonaws.com",
        "cloudformation.ap-east-1.amazonaws.com",
    ]


def test_dead_letters_of_other_regions_have_an_alarm() -> None:
    """RegionalAlarmTopicName reaches the StackSets, whose role may create exactly that alarm."""
    stack = hub(Topology="hub", **REGIONS, RegionalAlarmTopicName="ops")
    given = {
        p["ParameterKey"]: p["ParameterValue"] for p in stack.properties("AccountStackSet")["Parameters"]
    }
    alarm = Stack(REGIONAL, **given).properties("DeadLettersAlarm")
    assert alarm["AlarmActions"] == [f"arn:aws:sns:{REGION}:{ACCOUNT}:ops"]
    (policy,) = stack.properties("StackSetExecutionRole")["Policies"]
    (grant,) = [s for s in policy["PolicyDocument"]["Statement"] if s["Sid"] == "Alarm"]
    assert grant["Resource"].endswith(f":alarm:{alarm['AlarmName']}")
    actions = [
        a for s in policy["PolicyDocument"]["Statement"] for a in listed(s["Action"]) if a.endswith("*")
    ]
    assert actions == ["cloudformation:*"]


def test_alarms_of_other_regions_can_be_left_out() -> None:
    """By default, the dead letters of every Region have an alarm; RegionalAlarms=false saves its cost."""

    def given(**parameters: str) -> dict[str, str]:
        stack = hub(Topology="hub", **REGIONS, **parameters)
        described = stack.properties("AccountStackSet")["Parameters"]
        return {p["ParameterKey"]: p["ParameterValue"] for p in described}

    assert "DeadLettersAlarm" in Stack(REGIONAL, **given()).present
    assert "DeadLettersAlarm" not in Stack(REGIONAL, **given(RegionalAlarms="false")).present


def test_two_hubs_side_by_side_have_their_own_statements() -> None:
    """Statement IDs of bus policies are unique in an account and Region, so they contain the stack's name."""
    stack = hub(Topology="hub", **ORGANIZATION)
    ids = [stack.properties(name)["StatementId"] for name in ("BusPolicy", "BusOrganizationPolicy")]
    assert ids == ["trailforward-accounts", "trailforward-organization"]


def test_other_accounts_get_the_same_execution_role() -> None:
    """execution-role.yaml is the hub's own execution role, word for word."""
    mine = hub(Topology="hub", **REGIONS).properties("StackSetExecutionRole")
    arn = hub(Topology="hub", **REGIONS).outputs["StackSetAdministrationRoleArn"]
    other = Stack(EXECUTION, HubRegion=REGION, AdministrationRoleArn=arn).properties("StackSetExecutionRole")
    assert {**other, "Description": ""} == {**mine, "Description": ""}


def test_snap_start_runs_a_version() -> None:
    """With SnapStart the mappings point at the alias; a new revision, layer or size makes a new version."""
    stack = hub(SnapStart="true", ConfigurationRevision="7")
    assert stack.properties("Forwarder")["SnapStart"] == {"ApplyOn": "PublishedVersions"}
    assert stack.properties("EventsToFunction")["FunctionName"] == "trailforward-SnapStartAlias"
    assert stack.properties("SnapStartVersion")["Description"].startswith("7 512 MB")
    assert hub().properties("EventsToFunction")["FunctionName"] == "trailforward-Forwarder"


def test_the_layer_is_for_the_functions_python() -> None:
    """layer/Makefile builds for the Python and the architecture that the function runs."""
    makefile = (SAM.parent / "layer/Makefile").read_text()
    function = TEMPLATE["Globals"]["Function"]
    (runtime,) = TEMPLATE["Resources"]["ForwarderLayer"]["Properties"]["CompatibleRuntimes"]
    assert function["Runtime"] == runtime
    assert f"LAYER_PYTHON ?= {runtime.removeprefix('python')}\n" in makefile
    assert f"LAYER_ARCHITECTURE ?= {function['Architectures'][0]}\n" in makefile
    assert "build-ForwarderLayer:" in makefile


@pytest.mark.parametrize(
    "name", ["template.yaml", "regional.yaml", "execution-role.yaml", "canary-role.yaml"]
)
def test_no_partition_is_written_into_an_arn(name: str) -> None:
    """The templates work in GovCloud and China: what they create has the partition of the account."""
    text = json.dumps(load(name)["Resources"]) + json.dumps(load(name).get("Outputs", {}))
    assert "arn:${AWS::Partition}:" in text
    assert re.findall(r"arn:aws[a-z-]*:", text) == []
