"""Tests of examples/revoke-open-ingress with a local EC2 over HTTP: what it revokes, keeps, and returns."""

from __future__ import annotations

import importlib.util
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.sam.cfn import ACCOUNT, REGION, Refused, Stack, parse
from tests.support.aws import unique
from trailforward import Pattern
from trailforward.testing import as_sqs, assumed_role, cloudtrail_event

if TYPE_CHECKING:
    from types import ModuleType

    from tests.support.aws import Reader

FOLDER = Path(__file__).parents[2] / "examples" / "revoke-open-ingress"
TEMPLATE = parse((FOLDER / "template.yaml").read_text())

SSH_V4 = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
SSH_V6 = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}
SSH_OFFICE = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "198.51.100.0/24"}]}
HTTPS = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
EVERYTHING = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
PING = {"IpProtocol": "icmp", "FromPort": 8, "ToPort": -1, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


def load(monkeypatch: pytest.MonkeyPatch, **environ: str) -> ModuleType:
    """The function as Lambda loads it, with these settings."""
    for name in ("DRY_RUN", "PORTS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    spec = importlib.util.spec_from_file_location("revoke_open_ingress", FOLDER / "function" / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def identity(role: str) -> dict[str, Any]:
    """The ``userIdentity`` of a session of a role."""
    event = cloudtrail_event("StopLogging", user=assumed_role(role, "session"), account=ACCOUNT)
    found: dict[str, Any] = event["detail"]["userIdentity"]
    return found


class Group:
    """A security group of the local AWS."""

    def __init__(self, aws: Reader, tags: dict[str, str] | None = None) -> None:
        self._ec2 = aws("ec2")
        self._region = aws.region
        vpc = self._ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        pairs = [{"Key": key, "Value": value} for key, value in (tags or {}).items()]
        specifications = [{"ResourceType": "security-group", "Tags": pairs}] if pairs else []
        self.id: str = self._ec2.create_security_group(
            GroupName=unique("group"), Description="test", VpcId=vpc, TagSpecifications=specifications
        )["GroupId"]

    def open(self, *permissions: dict[str, Any]) -> None:
        """Allows ingress."""
        self._ec2.authorize_security_group_ingress(GroupId=self.id, IpPermissions=list(permissions))

    def close(self, *permissions: dict[str, Any]) -> None:
        """Revokes ingress rules, as another person would."""
        self._ec2.revoke_security_group_ingress(GroupId=self.id, IpPermissions=list(permissions))

    def delete(self) -> None:
        """Deletes the group."""
        self._ec2.delete_security_group(GroupId=self.id)

    def ranges(self) -> set[tuple[str, int, str]]:
        """Returns the ingress rules: protocol, first port, address range."""
        return {
            (rule["IpProtocol"], rule["FromPort"], rule.get("CidrIpv4") or rule["CidrIpv6"])
            for rule in self._ec2.describe_security_group_rules(
                Filters=[{"Name": "group-id", "Values": [self.id]}]
            )["SecurityGroupRules"]
            if not rule["IsEgress"]
        }

    def event(self, *permissions: dict[str, Any], **more: Any) -> Any:
        """Returns the event of the call that opened these, with EC2's response."""
        items = [
            {
                "groupId": self.id,
                "isEgress": False,
                "ipProtocol": one["IpProtocol"],
                "fromPort": one.get("FromPort", -1),
                "toPort": one.get("ToPort", -1),
                **who,
            }
            for one in permissions
            for who in [
                *({"cidrIpv4": each["CidrIp"]} for each in one.get("IpRanges", [])),
                *({"cidrIpv6": each["CidrIpv6"]} for each in one.get("Ipv6Ranges", [])),
            ]
        ]
        made = cloudtrail_event("AuthorizeSecurityGroupIngress", region=self._region, **more)
        return made.with_changes({"detail.responseElements.securityGroupRuleSet.items": items})


def outcomes(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Returns the actions that the function logged."""
    return [record.getMessage().rpartition(" ")[0] for record in caplog.records if hasattr(record, "cidr")]


NOTHING: dict[str, Any] = {"batchItemFailures": []}


@pytest.fixture
def aws(local_aws: Reader, monkeypatch: pytest.MonkeyPatch) -> Reader:
    """A local AWS, in the function's own Region."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", local_aws.region)
    return local_aws


def test_exactly_the_opened_ranges_are_revoked(
    aws: Reader, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """IPv4 and IPv6 rules are revoked; private ranges, other ports, and earlier rules stay."""
    app, group = load(monkeypatch, DRY_RUN="false"), Group(aws)
    everything_rdp = {**SSH_V4, "FromPort": 3389, "ToPort": 3389}
    group.open(everything_rdp, SSH_V4, SSH_V6, SSH_OFFICE, HTTPS)
    response = app.handler(as_sqs(group.event(SSH_V4, SSH_V6, SSH_OFFICE, HTTPS)), None)
    assert response == NOTHING
    assert group.ranges() == {
        ("tcp", 3389, "0.0.0.0/0"),
        ("tcp", 22, "198.51.100.0/24"),
        ("tcp", 443, "0.0.0.0/0"),
    }
    assert outcomes(caplog) == ["revoked", "revoked"]


@pytest.mark.parametrize("environ", [{}, {"DRY_RUN": "true"}, {"DRY_RUN": "no"}], ids=str)
def test_a_dry_run_changes_nothing(
    environ: dict[str, str],
    aws: Reader,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Unless DRY_RUN is "false", the function only logs what it would do."""
    app, group = load(monkeypatch, **environ), Group(aws)
    group.open(SSH_V4, SSH_V6)
    before = group.ranges()
    assert app.handler(as_sqs(group.event(SSH_V4, SSH_V6)), None) == NOTHING
    assert group.ranges() == before
    assert outcomes(caplog) == ["would revoke", "would revoke"]


def test_the_log_says_who_opened_what(
    aws: Reader, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A log line has the actor, the event, the group, and the range as primitive fields."""
    app, group = load(monkeypatch, DRY_RUN="false"), Group(aws)
    group.open(SSH_V4)
    event = group.event(SSH_V4, user="rosa")
    app.handler(as_sqs(event), None)
    (record,) = (record for record in caplog.records if hasattr(record, "cidr"))
    names = ("actor", "event_id", "group", "protocol", "first", "last", "cidr")
    assert {name: getattr(record, name) for name in names} == {
        "actor": "rosa",
        "event_id": event["detail"]["eventID"],
        "group": group.id,
        "protocol": "tcp",
        "first": 22,
        "last": 22,
        "cidr": "0.0.0.0/0",
    }


def test_the_same_event_twice_succeeds(
    aws: Reader, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A queue delivers at least once, so a rule that is already revoked counts as success."""
    app, group = load(monkeypatch, DRY_RUN="false"), Group(aws)
    group.open(SSH_V4)
    event = group.event(SSH_V4)
    assert app.handler(as_sqs(event, event), None) == NOTHING
    assert group.ranges() == set()
    assert outcomes(caplog) == ["revoked", "already gone"]


def test_a_missing_rule_does_not_keep_another_open(aws: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """EC2 revokes nothing if a call names a missing rule, so each rule is revoked in a separate call."""
    app, group = load(monkeypatch, DRY_RUN="false"), Group(aws)
    group.open(SSH_V4, SSH_V6)
    group.close(SSH_V4)
    assert app.handler(as_sqs(group.event(SSH_V4, SSH_V6)), None) == NOTHING
    assert group.ranges() == set()


def test_a_rule_that_was_narrowed_meanwhile_stays(aws: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """If somebody has corrected the rule, even under the same rule ID, it stays."""
    app, group = load(monkeypatch, DRY_RUN="false"), Group(aws)
    group.open(SSH_OFFICE)
    assert app.handler(as_sqs(group.event(SSH_V4)), None) == NOTHING
    assert group.ranges() == {("tcp", 22, "198.51.100.0/24")}


def test_a_deleted_group_counts_as_success(aws: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the group no longer exists, there is nothing to revoke."""
    app, group = load(monkeypatch, DRY_RUN="false"), Group(aws)
    event = group.event(SSH_V4)
    group.delete()
    assert app.handler(as_sqs(event), None) == NOTHING


@pytest.mark.parametrize(("value", "left"), [("true", 1), ("false", 0), ("", 0)])
def test_a_tag_opts_out(
    value: str, left: int, aws: Reader, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A group whose tag has exactly the value in the role's policy stays open."""
    app = load(monkeypatch, DRY_RUN="false")
    group = Group(aws, {"open-ingress-allowed": value})
    group.open(SSH_V4)
    assert app.handler(as_sqs(group.event(SSH_V4)), None) == NOTHING
    assert len(group.ranges()) == left
    assert outcomes(caplog) == ["kept" if left else "revoked"]


@pytest.mark.parametrize(
    ("ports", "permission", "revoked"),
    [
        ("22,3389", SSH_V4, True),
        ("443", SSH_V4, False),
        ("443", HTTPS, True),
        ("22", {**SSH_V4, "FromPort": 0, "ToPort": 65535}, True),
        ("22", {**SSH_V4, "FromPort": 23, "ToPort": 65535}, False),
        ("53", {**SSH_V4, "IpProtocol": "udp", "FromPort": 53, "ToPort": 53}, True),
        ("22", EVERYTHING, True),
        ("22", PING, False),
        ("*", PING, True),
        ("*", HTTPS, True),
    ],
)
def test_the_ports_decide(
    ports: str, permission: dict[str, Any], revoked: object, aws: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A range matches if it contains one of the ports, "all traffic" always, and ``*`` means everything."""
    app, group = load(monkeypatch, DRY_RUN="false", PORTS=ports), Group(aws)
    group.open(permission)
    assert app.handler(as_sqs(group.event(permission)), None) == NOTHING
    assert (group.ranges() == set()) is revoked


@pytest.mark.parametrize(
    ("cidr", "world"),
    [
        ("0.0.0.0/0", True),
        ("0.0.0.0/1", True),
        ("128.0.0.0/1", True),
        ("10.0.0.0/8", False),
        ("198.51.100.7/32", False),
        ("::/0", True),
        ("2000::/3", True),
        ("2001:db8::/32", False),
    ],
)
def test_what_the_world_is(cidr: str, world: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """The world is all or half of IPv4, and all of IPv6 or the part in use."""
    app = load(monkeypatch)
    assert app.Opened("sg-1", "tcp", 22, 22, cidr).allows_the_world() is world


@pytest.mark.parametrize("ports", ["ssh", "22;80", ""])
def test_invalid_ports_stop_the_function_at_its_start(ports: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to write, and the events wait in the queue."""
    with pytest.raises(ValueError, match="write ports like 22,3389"):
        load(monkeypatch, PORTS=ports)


@pytest.mark.parametrize(
    "changes",
    [
        {"detail.eventName": "AuthorizeSecurityGroupEgress"},
        {"detail.eventName": "RevokeSecurityGroupIngress"},
        {"detail.eventSource": "s3.amazonaws.com"},
        {"detail.errorCode": "Client.UnauthorizedOperation", "detail.responseElements": None},
        {"detail.responseElements.securityGroupRuleSet.items": [{"groupId": "sg-1", "ipProtocol": "tcp"}]},
    ],
    ids=["egress", "revocation", "other service", "refused", "from another group"],
)
def test_all_other_events_are_ignored(
    changes: dict[str, Any], aws: Reader, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Other calls, failed calls, and rules without addresses cause no call."""
    app, group = load(monkeypatch, DRY_RUN="false"), Group(aws)
    group.open(SSH_V4)
    assert app.handler(as_sqs(group.event(SSH_V4).with_changes(changes)), None) == NOTHING
    assert len(group.ranges()) == 1
    assert outcomes(caplog) == []


def test_only_failed_messages_are_returned(aws: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """An invalid body and a response without rules fail alone; their neighbors are handled."""
    app, group = load(monkeypatch, DRY_RUN="false"), Group(aws)
    group.open(SSH_V4)
    silent = cloudtrail_event("AuthorizeSecurityGroupIngress").with_changes({"detail.responseElements": None})
    payload = as_sqs("no event", silent, group.event(SSH_V4))
    ids = [record["messageId"] for record in payload["Records"]]
    response = app.handler(payload, None)
    assert response == {"batchItemFailures": [{"itemIdentifier": ident} for ident in ids[:2]]}
    assert group.ranges() == set()


class Refusing:
    """An EC2 client that fails to revoke one range, as with denied access or throttling."""

    def __init__(self, client: Any, cidr: str) -> None:
        self._client, self._cidr = client, cidr

    def describe_security_groups(self, **request: Any) -> Any:
        """Calls EC2."""
        return self._client.describe_security_groups(**request)

    def revoke_security_group_ingress(self, **request: Any) -> Any:
        """Fails for the one range."""
        if self._cidr in json.dumps(request):
            error = {"Error": {"Code": "UnauthorizedOperation", "Message": "no"}}
            raise ClientError(error, "RevokeSecurityGroupIngress")
        return self._client.revoke_security_group_ingress(**request)


def test_a_failed_rule_does_not_block_others(
    aws: Reader, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """If the first of two rules cannot be revoked, the second is revoked and the message is returned."""
    app, group = load(monkeypatch, DRY_RUN="false"), Group(aws)
    group.open(SSH_V4, SSH_V6)
    monkeypatch.setattr(app, "client", lambda _: Refusing(aws("ec2"), "0.0.0.0/0"))
    payload = as_sqs(group.event(SSH_V4, SSH_V6))
    assert len(app.handler(payload, None)["batchItemFailures"]) == 1
    assert group.ranges() == {("tcp", 22, "0.0.0.0/0")}
    assert outcomes(caplog) == ["failed", "revoked"]
    assert [record.message for record in caplog.records if record.levelno == logging.ERROR] == ["failed"]


def test_a_missing_rule_in_a_default_vpc_is_recognized(aws: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a default VPC, EC2 reports success for a missing rule and lists it as unknown."""
    app = load(monkeypatch, DRY_RUN="false")

    class Lenient:
        def revoke_security_group_ingress(self, **request: Any) -> Any:
            return {"Return": True, "UnknownIpPermissions": request["IpPermissions"]}

    assert app.revoke(Lenient(), app.Opened("sg-1", "tcp", 22, 22, "0.0.0.0/0")) == "already gone"


def test_the_rule_matches_what_the_function_handles() -> None:
    """The pattern matches successful calls of this account and Region by any role."""
    stack = Stack(TEMPLATE)
    pattern = Pattern(stack.properties("Rule")["EventPattern"])
    event = cloudtrail_event("AuthorizeSecurityGroupIngress", account=ACCOUNT, region=REGION)
    assert pattern.matches(event)
    assert pattern.matches(
        event.with_changes({"detail.userIdentity": identity("trailforward-FunctionRole-A1B2")})
    )
    for changes in [
        {"detail.errorCode": "Client.InvalidPermission.Duplicate"},
        {"detail.eventName": "RevokeSecurityGroupIngress"},
        {"account": "123456789012"},
        {"region": "us-east-1"},
    ]:
        assert not pattern.matches(event.with_changes(changes)), changes


def test_what_the_own_role_opens_is_revoked_too(aws: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rules that somebody opens with the function's stolen credentials are revoked as well."""
    app, group = load(monkeypatch, DRY_RUN="false"), Group(aws)
    group.open(SSH_V4)
    event = group.event(SSH_V4).with_changes({"detail.userIdentity": identity("revoke-open-ingress")})
    assert app.handler(as_sqs(event), None) == NOTHING
    assert group.ranges() == set()


def test_the_role_may_revoke_and_little_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """The role allows two EC2 actions in this account and Region, and revoking only without the tag."""
    stack = Stack(TEMPLATE)
    (policy,) = stack.properties("FunctionRole")["Policies"]
    by_sid = {statement["Sid"]: statement for statement in policy["PolicyDocument"]["Statement"]}
    assert set(by_sid) == {"Revoke", "ReadTags", "Source", "Logs"}
    revoke = by_sid["Revoke"]
    assert revoke["Action"] == "ec2:RevokeSecurityGroupIngress"
    assert revoke["Resource"] == f"arn:aws:ec2:{REGION}:{ACCOUNT}:security-group/*"
    tag = load(monkeypatch).OPT_OUT
    assert revoke["Condition"] == {"StringNotEquals": {f"aws:ResourceTag/{tag['Key']}": tag["Value"]}}
    assert by_sid["ReadTags"]["Action"] == "ec2:DescribeSecurityGroups"
    assert by_sid["Source"]["Resource"] == f"arn:aws:sqs:{REGION}:{ACCOUNT}:trailforward-events"


def test_only_the_rule_may_fill_the_queues() -> None:
    """Only the rule may send to the queue, which makes the function revoke, and to the dead-letter queue."""
    stack = Stack(TEMPLATE)
    for name, queue in [("QueuePolicy", "EventQueue"), ("DeadLettersPolicy", "DeadLetters")]:
        (statement,) = stack.properties(name)["PolicyDocument"]["Statement"]
        assert statement["Principal"] == {"Service": "events.amazonaws.com"}
        source = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/trailforward"
        assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": source}}
        made = stack.properties(queue)["QueueName"]
        assert statement["Resource"] == f"arn:aws:sqs:{REGION}:{ACCOUNT}:{made}"


def test_the_template_is_a_dry_run_by_default() -> None:
    """By default, the function changes nothing, the layer is built, and failures are reported per message."""
    stack = Stack(TEMPLATE)
    assert stack.properties("Revoker")["Environment"]["Variables"]["DRY_RUN"] == "true"
    assert stack.properties("EventsToFunction")["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert "ForwarderLayer" in stack.present
    layer = f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:trailforward:3"
    given = Stack(TEMPLATE, LayerArn=layer, DryRun="false")
    assert "ForwarderLayer" not in given.present
    assert given.properties("Revoker")["Layers"] == [layer]
    for wrong in ({"Ports": "22, 80"}, {"Ports": "ssh"}, {"DryRun": "no"}, {"LayerArn": layer[:-2]}):
        with pytest.raises(Refused):
            Stack(TEMPLATE, **wrong)
