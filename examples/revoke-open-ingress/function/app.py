"""Revokes security group rules that allow ingress from the whole Internet, seconds after they were created.

It handles batches of an SQS queue, with ``ReportBatchItemFailures``. Environment variables:

- ``DRY_RUN``: ``false`` revokes; any other value, or none, only logs what would be revoked.
- ``PORTS``: ports that must not be open, such as ``22,3389``; ``*`` for every port and protocol.

Security groups with the tag ``open-ingress-allowed`` = ``true`` stay open.
"""

from __future__ import annotations

import logging
import os
from functools import cache
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

import trailforward
from trailforward.models import ApiCall

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger("revoke_open_ingress")

#: The role's policy names the same tag, so that IAM denies the call even if this code has a bug.
OPT_OUT = {"Key": "open-ingress-allowed", "Value": "true"}
#: IP version → longest prefix of "the world": half of IPv4; 2000::/3, which is all of IPv6 that is in use.
WORLD = {4: 1, 6: 3}
#: EC2's error codes for a rule or a group that no longer exists.
GONE = frozenset({"InvalidPermission.NotFound", "InvalidGroup.NotFound"})
#: Other protocols have no ports. EC2 returns names, but also accepts numbers.
WITH_PORTS = frozenset({"tcp", "udp", "6", "17"})
WITH_TYPES = frozenset({"icmp", "icmpv6", "1", "58"})


class Settings(NamedTuple):
    """The settings in the environment variables.

    Attributes:
        dry_run: change nothing.
        ports: ports that must not be open; None means all.
    """

    dry_run: bool
    ports: frozenset[int] | None

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Reads the environment variables.

        Raises:
            ValueError: ``PORTS`` is invalid.
        """
        text = environ.get("PORTS", "22,3389").strip()
        try:
            ports = None if text == "*" else frozenset(int(port) for port in text.split(","))
        except ValueError:
            raise ValueError(f"PORTS is {text!r}. Fix: write ports like 22,3389, or *") from None
        return cls(environ.get("DRY_RUN", "true") != "false", ports)


class Opened(NamedTuple):
    """One ingress rule, as EC2's response describes it.

    Attributes:
        group: ID of the security group.
        protocol: ``tcp``, ``udp``, ``icmp`` …; ``-1`` for all.
        first: first port (type, for ICMP); -1 for all.
        last: last port (code, for ICMP); -1 for all.
        cidr: allowed address range.
    """

    group: str
    protocol: str
    first: int
    last: int
    cidr: str

    def allows_the_world(self) -> bool:
        """Whether the rule allows the whole Internet, by IPv4 or IPv6."""
        network = ip_network(self.cidr, strict=False)
        return network.prefixlen <= WORLD[network.version]

    def opens(self, ports: frozenset[int] | None) -> bool:
        """Whether the rule opens one of the ports."""
        if ports is None or self.protocol == "-1":
            return True
        if self.protocol not in WITH_PORTS:
            return False
        return self.first == -1 or any(self.first <= port <= self.last for port in ports)

    def permission(self) -> dict[str, Any]:
        """The rule by its properties and not by its ID.

        If somebody has narrowed the rule in the meantime, the harmless rule still has the same ID.
        """
        permission: dict[str, Any] = {"IpProtocol": self.protocol}
        if self.protocol in WITH_PORTS | WITH_TYPES:
            permission |= {"FromPort": self.first, "ToPort": self.last}
        if ":" in self.cidr:
            return permission | {"Ipv6Ranges": [{"CidrIpv6": self.cidr}]}
        return permission | {"IpRanges": [{"CidrIp": self.cidr}]}


# Read when Lambda loads the function: if a setting is invalid, it does not start, and the events wait.
settings = Settings.from_env(os.environ)


def handler(payload: dict[str, Any], context: object) -> dict[str, list[dict[str, str]]]:  # noqa: ARG001
    """Handles a batch of the queue. Only the messages that failed are delivered again."""
    failures = []
    for message in payload["Records"]:
        try:
            for event in trailforward.parse(message["body"]):
                react(event)
        except Exception:  # the other messages of the batch must not fail
            logger.exception("failed", extra={"message_id": message["messageId"]})
            failures.append({"itemIdentifier": message["messageId"]})
    return {"batchItemFailures": failures}


def react(event: trailforward.EventBridgeEvent) -> None:
    """Revokes the rules that this event opened to the world.

    Raises:
        ExceptionGroup: some rules could not be revoked; the others were.
    """
    record = event.detail
    # Its own role's rules are revoked, too: the function opens none, so its credentials were stolen.
    if not isinstance(record, ApiCall):
        return
    rules = [rule for rule in opened(record) if rule.allows_the_world() and rule.opens(settings.ports)]
    if not rules:
        return
    # The group is in the event's Region. The role works in one Region only, so calls in another fail visibly.
    ec2 = client(record.aws_region)
    kept = {group for group in {rule.group for rule in rules} if may_stay_open(ec2, group)}
    errors = []
    # One call per rule, because EC2 revokes none of a call's rules if one no longer exists.
    for rule in rules:
        try:
            outcome = "kept" if rule.group in kept else revoke(ec2, rule)
        except Exception as error:  # noqa: BLE001  # raised below, after the other rules were revoked
            errors.append(error)
            outcome = "failed"
        logger.warning(
            "%s %s",
            outcome,
            rule.group,
            extra={"actor": record.actor, "event_id": record.event_id, **rule._asdict()},
        )
    if errors:
        raise ExceptionGroup(f"{len(errors)} of {len(rules)} rules are still open", errors)


def opened(record: ApiCall) -> list[Opened]:
    """Returns the ingress rules that a successful call created.

    It reads EC2's response, which has one entry per rule, whatever form the request had.

    Raises:
        ValueError: the response is missing or unreadable, so a person must look.
    """
    if (record.event_source, record.event_name) != ("ec2.amazonaws.com", "AuthorizeSecurityGroupIngress"):
        return []
    if record.error is not None:
        return []
    try:
        items = (record.response_elements or {})["securityGroupRuleSet"]["items"]
        return [
            Opened(
                group=item["groupId"],
                protocol=str(item["ipProtocol"]),
                first=int(item.get("fromPort", -1)),
                last=int(item.get("toPort", -1)),
                cidr=item.get("cidrIpv4") or item["cidrIpv6"],
            )
            for item in items
            # Rules that allow other groups or prefix lists have neither.
            if not item.get("isEgress") and ("cidrIpv4" in item or "cidrIpv6" in item)
        ]
    except (KeyError, TypeError, AttributeError) as error:
        # CloudTrail omits responses over 100 KB.
        raise ValueError(f"event {record.event_id}: no readable rules in EC2's response") from error


def may_stay_open(ec2: Any, group: str) -> bool:
    """Whether the group has the opt-out tag."""
    try:
        (found,) = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
    except ClientError as error:
        if error.response["Error"]["Code"] in GONE:
            return False
        raise
    return OPT_OUT in found.get("Tags", [])


def revoke(ec2: Any, rule: Opened) -> str:
    """Revokes one rule. In a dry run, EC2 only checks whether the call would be allowed.

    Returns:
        ``revoked``, ``would revoke`` or ``already gone``.
    """
    try:
        response = ec2.revoke_security_group_ingress(
            GroupId=rule.group, IpPermissions=[rule.permission()], DryRun=settings.dry_run
        )
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "DryRunOperation":
            return "would revoke"
        if code in GONE:
            return "already gone"
        raise
    # In a default VPC, the call succeeds even if there was nothing to revoke.
    return "already gone" if response.get("UnknownIpPermissions") else "revoked"


@cache
def client(region: str | None) -> Any:
    """Returns a client for EC2 in a Region, or in the function's Region if the event names none."""
    config = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 4})
    return boto3.client("ec2", region_name=region, config=config)
