from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.doctor.conftest import SEEN
from tests.doctor.planted import AUDIT, BUS, FAULTS, HUB, LONG, MEMBER, NAME, QUEUE
from trailforward.arn import Arn
from trailforward.doctor import CLASSES, Call, World, reach
from trailforward.doctor.discover import CALLS, AwsCallError, Discovery, Reader, discover, policy
from trailforward.doctor.discover import reader as reading
from trailforward.doctor.discover.own_sinks import own_sinks
from trailforward.doctor.discover.resources import read_resource
from trailforward.doctor.discover.trails import read_trail
from trailforward.doctor.world.trails import InsightSelector

if TYPE_CHECKING:
    from tests.doctor.planted import PlantedWorld

WRITE = CLASSES[0]


def discover_both(**options: Any) -> Discovery:
    """Discovery in both accounts, by default."""
    return discover(**{"accounts": [MEMBER, AUDIT], "destinations": [QUEUE], **options})


def discover_nearby(**options: Any) -> Discovery:
    """Discovery in one Region and those it leads to, for tests that need no other."""
    return discover_both(**{"regions": ["eu-west-1"], **options})


def codes(world: World, regions: Any = SEEN) -> dict[str, str]:
    """The finding code for a write call in each Region."""
    return {region: reach(world, WRITE.call(MEMBER, region)).code for region in regions}


def test_what_was_planted_is_found(found: Discovery) -> None:
    """Ten Regions of two accounts are read; exactly the planted faults are found."""
    assert found.problems == ()
    assert codes(found.world) == {region: FAULTS.get(region, "OK") for region in SEEN}
    assert found.world.unseen == ()
    assert found.world.not_understood == ()


def test_the_world_holds_what_is_in_aws(found: Discovery) -> None:
    """The snapshot has trails with selectors, buses with policies, rules with targets, roles, and queues."""
    world = found.world
    (trail,) = world.trails
    assert (trail.account, trail.home, trail.multi_region, trail.logging) == (MEMBER, "us-east-1", True, True)
    assert trail.selectors is not None
    assert len(trail.selectors.advanced) == 3
    assert trail.insights == (InsightSelector(insight_type="ApiCallRateInsight"),)
    assert [(bus.account, bus.name, len(bus.policy)) for bus in world.buses] == [(HUB, NAME, 1)]
    rule = next(rule for rule in world.rules if rule.region == "eu-west-1")
    assert (rule.state, rule.targets[0].arn, rule.targets[0].role) == (
        LONG,
        BUS,
        f"arn:aws:iam::{MEMBER}:role/{NAME}-good",
    )
    assert {resource.arn for resource in world.resources} >= {QUEUE, rule.targets[0].dlq}
    assert set(world.own.roles) == {role.arn for role in world.roles}
    assert QUEUE in world.own.resources


def test_a_world_survives_saving_and_masking(found: Discovery) -> None:
    """A world gives the same results after saving and with masked account IDs."""
    world = found.world
    assert codes(World.from_json(world.to_json())) == codes(world)
    masked = world.masked()
    assert MEMBER not in masked.to_json()
    account = next(rule.account for rule in masked.rules if rule.region == "eu-west-1")
    assert reach(masked, WRITE.call(account, "eu-west-1")).code == "OK"


def test_discovery_makes_no_call_outside_the_table(
    planted: PlantedWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it reads, discovery makes only calls that the policy of `trailforward iam doctor` allows."""
    from botocore.client import BaseClient

    made: set[tuple[str, str]] = set()
    real = BaseClient._make_api_call

    def recorded(self: Any, operation: str, parameters: Any) -> Any:
        made.add((self.meta.service_model.service_name, operation))
        return real(self, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", recorded)
    discover_both(destinations=[], whole_organization=True, regions=["us-west-2"])
    assert made
    assert made <= CALLS.keys()


def test_every_call_of_the_table_only_reads() -> None:
    """The policy has only read-only actions, and roles only if some are given."""
    (read,) = policy()["Statement"]
    assert all(action.split(":")[1].startswith(("Get", "List", "Describe")) for action in read["Action"])
    assert "sts:GetCallerIdentity" not in read["Action"]  # needs no permission
    _, roles = policy([AUDIT])["Statement"]
    assert (roles["Action"], roles["Resource"]) == ("sts:AssumeRole", [AUDIT])


def test_every_call_of_the_table_exists() -> None:
    """Services, operations and pagination parameters exist in botocore."""
    from botocore.session import Session

    session = Session()
    for (service, operation), call in CALLS.items():
        model = session.get_service_model(service).operation_model(operation)
        if call.token:
            assert call.token in model.input_shape.members
            assert {call.token, "Marker"} & model.output_shape.members.keys()


def test_a_denied_region_does_not_hide_the_others(planted: PlantedWorld) -> None:
    """A missing permission in one Region is reported, and only that Region's results are unknown."""
    planted.aws.refuse("AccessDeniedException", service="events", region="eu-west-1", account=MEMBER)
    found = discover_both()
    assert codes(found.world) == {
        **{region: FAULTS.get(region, "OK") for region in SEEN},
        "eu-west-1": "NOT_SEEN",
    }
    assert {(gap.region, gap.what) for gap in found.world.unseen} == {
        ("eu-west-1", "buses"),
        ("eu-west-1", "rules"),
    }
    assert all("eu-west-1" in problem and "trailforward iam doctor" in problem for problem in found.problems)


@pytest.mark.parametrize(
    ("match", "code"),
    [
        ({"operation": "DescribeTrails", "region": "eu-west-1"}, "OK"),  # seen from other Regions
        ({"operation": "GetTrailStatus"}, "NOT_SEEN"),
        ({"operation": "GetInsightSelectors"}, "OK"),  # affects only Insights
        ({"operation": "GetRole"}, "NOT_SEEN"),
        ({"service": "sqs", "account": HUB}, "NOT_SEEN"),
    ],
)
def test_what_may_not_be_read_is_unknown_and_not_absent(
    planted: PlantedWorld, match: dict[str, Any], code: str
) -> None:
    """Trails, roles and queues that the doctor may not read do not count as missing."""
    planted.aws.refuse("AccessDenied", **match)
    found = discover_nearby()
    assert codes(found.world, ["eu-west-1"]) == {"eu-west-1": code}
    assert found.problems or found.world.trails[0].unread


def test_throttling_is_waited_out(planted: PlantedWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Throttled calls are retried; the result is complete."""
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    planted.aws.refuse("ThrottlingException", service="events", times=4)
    assert discover_nearby().problems == ()


def test_endless_throttling_ends(planted: PlantedWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a limited number of attempts the Region counts as not read, and discovery continues."""
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    planted.aws.refuse("ThrottlingException", service="cloudtrail", region="eu-west-1", account=MEMBER)
    found = discover_nearby()
    tries = [one for one in planted.aws.requests if (one.service, one.region) == ("cloudtrail", "eu-west-1")]
    assert sum(one.account == MEMBER for one in tries) == reading.ATTEMPTS
    gaps = [gap for gap in found.world.unseen if gap.region == "eu-west-1"]
    assert [gap.what for gap in gaps] == ["trails"]


def test_regions_come_from_ec2_if_account_is_denied(planted: PlantedWorld) -> None:
    """Without account:ListRegions, the Regions come from EC2, with the same statuses."""
    planted.aws.refuse("AccessDeniedException", operation="ListRegions")
    found = discover_both(regions=["eu-west-1"])
    assert found.problems == ()
    assert found.world.accounts[MEMBER]["eu-west-1"] == "ENABLED_BY_DEFAULT"
    assert set(found.world.accounts[MEMBER].values()) >= {"ENABLED_BY_DEFAULT", "DISABLED"}


def test_an_account_without_known_regions_is_not_read(planted: PlantedWorld) -> None:
    """The account is reported as a problem, and the other account is still read."""
    planted.aws.refuse("AccessDeniedException", operation="ListRegions", account=HUB)
    planted.aws.refuse("UnauthorizedOperation", service="ec2", account=HUB)
    found = discover_nearby()
    assert list(found.world.accounts) == [MEMBER]
    assert any(HUB in problem for problem in found.problems)


def test_chosen_regions_and_those_they_lead_to_are_read(planted: PlantedWorld) -> None:
    """With --region, the Region of global services and the hub's Region are read too."""
    found = discover_both(regions=["eu-west-1"])
    seen = {one.region for one in planted.aws.requests if one.service == "events"}
    assert seen == {"eu-west-1", "us-east-1"}
    assert codes(found.world, ["eu-west-1"]) == {"eu-west-1": "OK"}
    assert codes(found.world, ["eu-north-1"]) == {"eu-north-1": "NOT_SEEN"}


def test_a_region_that_is_not_enabled_is_reported(planted: PlantedWorld) -> None:
    """A requested Region that is disabled is reported."""
    planted.aws.regions[MEMBER]["me-south-1"] = "DISABLED"
    found = discover_both(regions=["me-south-1"])
    assert f"Region me-south-1 is not enabled in 2 accounts ({HUB}, {MEMBER})." in found.problems
    assert codes(found.world, ["me-south-1"]) == {"me-south-1": "REGION_DISABLED"}


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("ExpiredToken", "have expired"),
        ("InvalidClientTokenId", "does not accept these credentials"),
        ("AccessDenied", "Access denied"),
        ("SomethingElse", "did not respond"),
    ],
)
def test_credentials_that_do_not_work_are_explained(planted: PlantedWorld, code: str, words: str) -> None:
    """Invalid credentials give one clear problem, and an empty world."""
    planted.aws.refuse(code, operation="GetCallerIdentity")
    found = discover_both()
    assert len(found.problems) == 1
    assert words in found.problems[0]
    assert found.world.accounts == {}
    assert found.world.destinations == (QUEUE,)


def test_no_credentials_at_all(planted: PlantedWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without credentials, the problem says what to do."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    (problem,) = discover_both().problems
    assert "No AWS credentials" in problem


def test_a_profile_that_does_not_exist(planted: PlantedWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong AWS_PROFILE is reported."""
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    (problem,) = discover_both().problems
    assert "profile does not exist" in problem
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert discover_both().problems == (problem,)


def test_a_hub_is_read_beside_the_own_account(planted: PlantedWorld) -> None:
    """``also_read`` accounts are read in addition to the caller's own account."""
    assert set(discover_nearby(accounts=[], also_read=[AUDIT]).world.accounts) == {MEMBER, HUB}


def test_an_account_that_cannot_be_opened_is_named(planted: PlantedWorld) -> None:
    """A role that cannot be assumed affects only its account; invalid input is named."""
    planted.aws.refuse("AccessDenied", operation="AssumeRole")
    found = discover_nearby(accounts=[MEMBER, HUB, "nonsense"], role="audit")
    assert list(found.world.accounts) == [MEMBER]
    assert any(f"{AUDIT} cannot be assumed" in problem for problem in found.problems)
    assert any("nonsense is neither" in problem for problem in found.problems)
    assert codes(found.world, ["eu-west-1"]) == {"eu-west-1": "ACCOUNT_NOT_VISIBLE"}


def test_an_organization_trail_counts_for_members(planted: PlantedWorld) -> None:
    """A member that sees its organization's trail is covered by it, even if no other account was read."""
    owner = f"{123456789012 + 7}"
    planted.aws.organization_trails.append(
        {
            "Name": "org",
            "TrailARN": f"arn:aws:cloudtrail:eu-west-1:{owner}:trail/org",
            "HomeRegion": "eu-west-1",
            "IsMultiRegionTrail": True,
            "IsOrganizationTrail": True,
            "IncludeGlobalServiceEvents": True,
        }
    )
    planted.aws.refuse("AccessDeniedException", operation="DescribeOrganization")
    found = discover_nearby(accounts=[AUDIT])
    assert [(trail.name, trail.account) for trail in found.world.trails] == [("org", owner)]
    assert found.world.trails[0].selectors is not None
    verdict = reach(found.world, WRITE.call(HUB, "eu-west-1"))
    assert f"trail:{owner}/eu-west-1/org" in verdict.path
    assert any("organization" in problem for problem in found.problems)


def test_an_organization_is_listed_when_asked(planted: PlantedWorld) -> None:
    """Active accounts of the organization are read; those that cannot be are problems."""
    client = planted.client("organizations")
    client.create_organization(FeatureSet="ALL")
    try:
        found = discover_nearby(accounts=[], whole_organization=True)
    finally:
        client.delete_organization()
    assert found.world.organization is not None
    assert found.world.organization.id.startswith("o-")
    assert MEMBER in found.world.organization.accounts


def test_an_organization_that_cannot_be_listed_is_a_problem(planted: PlantedWorld) -> None:
    """If accounts cannot be listed, the caller's own account is still read."""
    planted.aws.refuse("AccessDeniedException", operation="ListAccounts")
    found = discover_nearby(accounts=[], whole_organization=True)
    assert list(found.world.accounts) == [MEMBER]
    assert "accounts could not be listed" in found.problems[0]


def test_a_topic_that_may_not_be_read_makes_its_rules_unknown(planted: PlantedWorld) -> None:
    """Whether a rule leads to a destination is unknown if the topic's subscriptions cannot be read."""
    events = planted.client("events", "eu-north-1")
    events.put_rule(Name="to-topic", EventPattern='{"source": ["aws.ec2"]}')
    topic = f"arn:aws:sns:eu-north-1:{MEMBER}:secret"
    events.put_targets(Rule="to-topic", Targets=[{"Id": "t", "Arn": topic}])
    planted.aws.refuse("AuthorizationError", service="sns")
    try:
        found = discover_nearby(regions=["eu-north-1"])
    finally:
        events.remove_targets(Rule="to-topic", Ids=["t"])
        events.delete_rule(Name="to-topic")
    assert codes(found.world, ["eu-north-1"]) == {"eu-north-1": "NOT_SEEN"}


def test_every_kind_of_target_is_read(planted: PlantedWorld) -> None:
    """Topics with subscriptions, functions, streams and keys are read with their policies."""
    made = _targets(planted)
    found = discover_nearby(destinations=[], accounts=[], regions=["us-west-2"])
    assert found.problems == ()
    resources = {resource.arn: resource for resource in found.world.resources}
    assert resources.keys() >= set(made.values()) - {made["absent"]}
    assert made["absent"] not in resources
    topic = resources[made["topic"]]
    assert topic.subscriptions is not None
    assert [one.endpoint for one in topic.subscriptions if not isinstance(one, str)] == [made["queue"]]
    assert topic.encryption is not None
    assert topic.encryption.type == "aws-managed-key"
    key = resources[made["queue"]].encryption
    assert key is not None
    assert key.key_policy is not None
    assert [one["Principal"] for one in key.key_policy.statements] == [{"Service": "events.amazonaws.com"}]
    assert resources[made["function"]].policy
    assert not resources[made["bare"]].policy
    role = next(role for role in found.world.roles if role.arn.endswith("role/rich"))
    assert {one["Action"] for one in role.statements} == {"kinesis:PutRecord"}
    assert role.limits == role.statements  # the same policy is its permissions boundary
    assert found.world.own.roles == ()  # the pipeline is unknown without a destination


def _targets(planted: PlantedWorld) -> dict[str, str]:
    """One rule with every kind of target."""
    import io
    import json
    import zipfile

    region = "us-west-2"
    key = planted.client("kms", region)
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
        "Resource": "*",
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    key_id = key.create_key(Policy=document)["KeyMetadata"]["Arn"]
    place = f"{region}:{MEMBER}"
    made = {
        "queue": f"arn:aws:sqs:{place}:rich",
        "absent": f"arn:aws:sqs:{place}:absent",
        "stream": f"arn:aws:kinesis:{place}:stream/rich",
        "delivery": f"arn:aws:firehose:{place}:deliverystream/rich",
    }
    attributes = {"KmsMasterKeyId": key_id}
    planted.client("sqs", region).create_queue(QueueName="rich", Attributes=attributes)
    sns = planted.client("sns", region)
    made["topic"] = sns.create_topic(Name="rich", Attributes={"KmsMasterKeyId": "alias/aws/sns"})["TopicArn"]
    sns.subscribe(TopicArn=made["topic"], Protocol="sqs", Endpoint=made["queue"])
    planted.client("kinesis", region).create_stream(StreamName="rich", ShardCount=1)
    role = f"arn:aws:iam::{MEMBER}:role/rich"
    iam = planted.client("iam")
    document = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": {"Effect": "Allow", "Action": "kinesis:PutRecord", "Resource": "*"},
        }
    )
    managed = iam.create_policy(PolicyName="rich", PolicyDocument=document)["Policy"]["Arn"]
    iam.create_role(
        RoleName="rich",
        AssumeRolePolicyDocument=document.replace("kinesis:PutRecord", "sts:AssumeRole"),
        PermissionsBoundary=managed,
    )
    iam.attach_role_policy(RoleName="rich", PolicyArn=managed)
    bucket = {"RoleARN": role, "BucketARN": "arn:aws:s3:::trails-of-the-planted-world"}
    planted.client("firehose", region).create_delivery_stream(
        DeliveryStreamName="rich", ExtendedS3DestinationConfiguration=bucket
    )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", "")
    functions = planted.client("lambda", region)
    for name in ("function", "bare"):
        made[name] = functions.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=role,
            Handler="app.h",
            Code={"ZipFile": packed.getvalue()},
        )["FunctionArn"]
    functions.add_permission(
        FunctionName="function",
        StatementId="events",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
    )
    events = planted.client("events", region)
    for number, start in enumerate(range(0, len(made), 5)):
        events.put_rule(Name=f"rich-{number}", EventPattern='{"source": ["aws.ec2"]}')
        chosen = list(made.items())[start : start + 5]
        events.put_targets(
            Rule=f"rich-{number}", Targets=[{"Id": name, "Arn": arn, "RoleArn": role} for name, arn in chosen]
        )
    events.put_rule(Name="clock", ScheduleExpression="rate(1 day)")
    return made


def test_long_lists_are_read_to_the_end(planted: PlantedWorld) -> None:
    """A bus with more rules than fit one response is read page by page."""
    events = planted.client("events", "us-west-2")
    names = {f"many-{number}" for number in range(110)}
    for name in names:
        events.put_rule(Name=name, EventPattern='{"source": ["aws.ec2"]}')
    try:
        found = discover_nearby(regions=["us-west-2"], accounts=[])
    finally:
        for name in names:
            events.delete_rule(Name=name)
    assert names <= {rule.name for rule in found.world.rules}


class FakeSession:
    """A session whose clients return given responses, or raise given error codes."""

    def __init__(self, **responses: Any) -> None:
        self.responses = responses

    def get_config_variable(self, _: str) -> str:
        """Not configured."""
        return ""

    def create_client(self, *_: Any, **__: Any) -> Any:
        """The session itself acts as every client."""
        return self

    def __getattr__(self, name: str) -> Any:
        if name not in self.responses:
            raise AttributeError(name)
        response = self.responses[name]

        def call(**_: Any) -> Any:
            if isinstance(response, str):
                from botocore.exceptions import ClientError

                raise ClientError({"Error": {"Code": response, "Message": "m"}}, name)
            return response.pop(0) if isinstance(response, list) else response

        return call


def test_pages_are_followed_by_their_token() -> None:
    """Lists are read until there is no token."""
    pages = [{"Rules": [1], "NextToken": "a"}, {"Rules": [2]}]
    reader = Reader(FakeSession(list_rules=pages))
    assert reader.items("events", "ListRules", "Rules") == [1, 2]


@pytest.mark.parametrize(
    ("arn", "responses"),
    [
        (
            "lambda:eu-west-1:1:function:f",
            {"get_function_configuration": {}, "get_policy": "AccessDeniedException"},
        ),
        (
            "kinesis:eu-west-1:1:stream/s",
            {"describe_stream_summary": {}, "get_resource_policy": "AccessDenied"},
        ),
    ],
)
def test_a_policy_that_may_not_be_read_is_not_seen(arn: str, responses: dict[str, Any]) -> None:
    """A resource whose policy cannot be read does not count as one without a policy."""
    with pytest.raises(AwsCallError, match="AccessDenied"):
        read_resource(
            Reader(FakeSession(**responses)), Arn.parse(f"arn:aws:{arn}".replace(":1:", f":{MEMBER}:"))
        )


@pytest.mark.parametrize(("manager", "kind"), [("AWS", "aws-managed-key"), ("CUSTOMER", "customer-key")])
def test_kms_keys_are_distinguished(manager: str, kind: str) -> None:
    """A key's metadata says that AWS manages it, even if it is given by its ID."""
    policy = {"Policy": '{"Statement": []}'}
    responses = FakeSession(
        get_queue_url={"QueueUrl": "u"},
        get_queue_attributes={"Attributes": {"KmsMasterKeyId": "1234"}},
        describe_key={"KeyMetadata": {"Arn": "a", "KeyManager": manager}},
        get_key_policy=policy,
    )
    found = read_resource(Reader(responses), Arn.parse(f"arn:aws:sqs:eu-west-1:{MEMBER}:q"))
    assert found is not None
    assert found["encryption"]["type"] == kind


@pytest.mark.parametrize("code", ["AccessDenied", "InsightNotEnabledException"])
def test_a_trail_in_the_old_form(code: str) -> None:
    """Basic selectors, a failing delivery, and Insights that are off or cannot be read."""
    arn = f"arn:aws:cloudtrail:eu-west-1:{MEMBER}:trail/t"
    responses = FakeSession(
        get_trail_status={"IsLogging": True, "LatestDeliveryError": "NoSuchBucket"},
        get_event_selectors={"EventSelectors": [{"ReadWriteType": "All"}]},
        get_insight_selectors=code,
    )
    trail = {"TrailARN": arn, "HomeRegion": "eu-west-1", "Name": "t"}
    found = read_trail(Reader(responses), trail)
    assert found.get("unread", {}).keys() == ({"insights"} if code == "AccessDenied" else set())
    assert found["selectors"] == {"basic": [{"ReadWriteType": "All"}]}
    assert (found["insights"], found["deliveryError"]) == ([], "NoSuchBucket")


def test_the_doctor_itself_needs_no_boto3() -> None:
    """Importing the doctor and its discovery imports neither boto3 nor botocore."""
    code = (
        "import sys, trailforward.doctor, trailforward.doctor.discover, trailforward.doctor.template;"
        "sys.exit(bool({'boto3', 'botocore', 'yaml'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=600).returncode == 0


def test_a_call_in_an_account_that_was_not_read_is_unknown(planted: PlantedWorld) -> None:
    """Calls in accounts that were not read have unknown results."""
    call = Call(
        account=f"{123456789012 + 8}",
        region="eu-west-1",
        service="ec2.amazonaws.com",
        event_name="RunInstances",
    )
    assert reach(discover_nearby(accounts=[MEMBER]).world, call).reaches == "unknown"


FORWARDER = Arn.parse(f"arn:aws:lambda:eu-west-1:{MEMBER}:function:forwarder")
STREAM = f"arn:aws:kinesis:eu-west-1:{MEMBER}:stream/s"
SECRET = f"arn:aws:secretsmanager:eu-west-1:{MEMBER}:secret:hec-a1b2c3"
TOML = f"""
dead_letter = "arn:aws:sqs:eu-west-1:{MEMBER}:dead"
[sinks.lake]
to = "s3://security-lake/cloudtrail?region=eu-west-1"
[sinks.splunk]
to = "https://hec.example.com/services/collector/event"
preset = "splunk-hec"
secret = "{SECRET}"
"""


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"TRAILFORWARD_TO": STREAM}, [STREAM]),
        (
            {"TRAILFORWARD_CONFIG": TOML},
            [
                "arn:aws:s3:::security-lake/cloudtrail/*",
                SECRET,
                f"arn:aws:sqs:eu-west-1:{MEMBER}:dead",
            ],
        ),
        (
            {"TRAILFORWARD_TO": STREAM, "TRAILFORWARD_RECEIPTS": "s3://receipts/r?region=eu-west-1"},
            [STREAM, "arn:aws:s3:::receipts/r/*"],
        ),
        ({"TRAILFORWARD_CONFIG": "ssm:/tf"}, [f"arn:aws:ssm:eu-west-1:{MEMBER}:parameter/tf"]),
        ({"TRAILFORWARD_CONFIG": "/etc/hostname"}, []),
        ({"TRAILFORWARD_CONFIG": "README.md"}, []),
        ({"TRAILFORWARD_TO": "nonsense"}, []),
        ({"OTHER_TOOL": STREAM}, []),
        ({}, []),
    ],
)
def test_the_sinks_of_a_function_come_from_its_environment(
    environment: dict[str, str], expected: list[str]
) -> None:
    """Destinations, dead-letter queues, and secrets are known; no file and no stored text is read."""
    found, lacks = own_sinks(environment, FORWARDER)
    assert found == expected
    stored = environment.get("TRAILFORWARD_CONFIG", "").startswith(("ssm:", "/", "README"))
    assert bool(lacks) == (stored or environment.get("TRAILFORWARD_TO") == "nonsense")


def test_the_sinks_of_the_destination_belong_to_the_pipeline(planted: PlantedWorld) -> None:
    """If a trail records what the destination function writes, live reading finds the loop."""
    made = _forwarder(planted)
    world = discover_nearby(destinations=[made], accounts=[], regions=["us-west-2"]).world
    assert STREAM.replace("eu-west-1", "us-west-2") in world.own.resources
    assert f"arn:aws:iam::{MEMBER}:role/forwarder" in world.own.roles


def _forwarder(planted: PlantedWorld) -> str:
    """A function whose environment names a stream as the destination."""
    import io
    import json
    import zipfile

    document = {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Service": "lambda.amazonaws.com"},
        },
    }
    created = planted.client("iam").create_role(
        RoleName="forwarder", AssumeRolePolicyDocument=json.dumps(document)
    )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", "")
    arn: str = planted.client("lambda", "us-west-2").create_function(
        FunctionName="forwarder",
        Runtime="python3.13",
        Role=created["Role"]["Arn"],
        Handler="app.h",
        Code={"ZipFile": packed.getvalue()},
        Environment={"Variables": {"TRAILFORWARD_TO": STREAM.replace("eu-west-1", "us-west-2")}},
    )["FunctionArn"]
    return arn
