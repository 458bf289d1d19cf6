"""Closes what somebody opened to the whole Internet: revokes the ingress rule within seconds.

Feed it from a queue, with ``ReportBatchItemFailures``. Environment:

- ``DRY_RUN``: ``false`` revokes; anything else, or nothing, only says what would be revoked.
- ``PORTS``: ports that must not be open, ``22,3389``; ``*`` for every port and protocol.

A security group with the tag ``open-ingress-allowed`` = ``true`` is left alone.
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

#: The permission policy names the same tag: what the code overlooks, IAM refuses.
OPT_OUT = {"Key": "open-ingress-allowed", "Value": "true"}
#: Networks at least this wide are "the world": two halves of IPv4, and 2000::/3, all of IPv6 that is in use.
WORLD = {4: 1, 6: 3}
#: Somebody was faster: the rule, or the whole group, is no more.
GONE = frozenset({"InvalidPermission.NotFound", "InvalidGroup.NotFound"})
#: Other protocols know no ports. EC2 answers with names, but takes numbers.
WITH_PORTS = frozenset({"tcp", "udp", "6", "17"})
WITH_TYPES = frozenset({"icmp", "icmpv6", "1", "58"})


class Settings(NamedTuple):
    """What the environment says.

    Attributes:
        dry_run: change nothing.
        ports: ports that must not be open; None means all.
    """

    dry_run: bool
    ports: frozenset[int] | None

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Reads the environment.

        Raises:
            ValueError: ``PORTS`` is not understood.
        """
        text = environ.get("PORTS", "22,3389").strip()
        try:
            ports = None if text == "*" else frozenset(int(port) for port in text.split(","))
        except ValueError:
            raise ValueError(f"PORTS is {text!r}. Fix: write ports like 22,3389, or *") from None
        return cls(environ.get("DRY_RUN", "true") != "false", ports)


class Opened(NamedTuple):
    """One ingress rule, as EC2's answer describes it.

    Attributes:
        group: id of the security group.
        protocol: ``tcp``, ``udp``, ``icmp`` …; ``-1`` for all.
        first: first port (type, for ICMP); -1 for all.
        last: last port (code, for ICMP); -1 for all.
        cidr: who is let in.
    """

    group: str
    protocol: str
    first: int
    last: int
    cidr: str

    def lets_in_the_world(self) -> bool:
        """Whether the whole Internet is let in, by IPv4 or IPv6."""
        network = ip_network(self.cidr, strict=False)
        return network.prefixlen <= WORLD[network.version]

    def opens(self, ports: frozenset[int] | None) -> bool:
        """Whether one of the ports is open by this rule."""
        if ports is None or self.protocol == "-1":
            return True
        if self.protocol not in WITH_PORTS:
            return False
        return self.first == -1 or any(self.first <= port <= self.last for port in ports)

    def permission(self) -> dict[str, Any]:
        """The rule by its properties and not by its id.

        Whoever narrowed the rule in the meantime has the same id on a harmless rule.
        """
        permission: dict[str, Any] = {"IpProtocol": self.protocol}
        if self.protocol in WITH_PORTS | WITH_TYPES:
            permission |= {"FromPort": self.first, "ToPort": self.last}
        if ":" in self.cidr:
            return permission | {"Ipv6Ranges": [{"CidrIpv6": self.cidr}]}
        return permission | {"IpRanges": [{"CidrIp": self.cidr}]}


# Read when Lambda loads the function: a wrong setting fails there, and the events wait in the queue.
settings = Settings.from_env(os.environ)


def handler(payload: dict[str, Any], context: object) -> dict[str, list[dict[str, str]]]:  # noqa: ARG001
    """Handles a batch of the queue. What failed comes back, alone."""
    failures = []
    for message in payload["Records"]:
        try:
            for event in trailforward.parse(message["body"]):
                react(event)
        except Exception:  # whatever it is, the other messages of the batch are not to blame
            logger.exception("failed", extra={"message_id": message["messageId"]})
            failures.append({"itemIdentifier": message["messageId"]})
    return {"batchItemFailures": failures}


def react(event: trailforward.EventBridgeEvent) -> None:
    """Revokes what this event opened to the world.

    Raises:
        ExceptionGroup: not everything could be revoked; what could, was.
    """
    record = event.detail
    # The function only revokes. What its own role opens, somebody else does with its credentials.
    if not isinstance(record, ApiCall):
        return
    rules = [rule for rule in opened(record) if rule.lets_in_the_world() and rule.opens(settings.ports)]
    if not rules:
        return
    # The event's Region is the group's. The role is good for one Region: another is refused, not missed.
    ec2 = client(record.aws_region)
    kept = {group for group in {rule.group for rule in rules} if may_stay_open(ec2, group)}
    errors = []
    # One call each: where one rule of a call is gone already, EC2 revokes none of them.
    for rule in rules:
        try:
            outcome = "kept" if rule.group in kept else revoke(ec2, rule)
        except Exception as error:  # noqa: BLE001  # raised below, once the other rules are closed
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
    """The ingress rules that a successful call made.

    Read from EC2's answer: it has one entry for each rule, whatever form the request had.

    Raises:
        ValueError: the answer does not tell; somebody should look.
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
            # Rules that let in other groups or prefix lists have neither.
            if not item.get("isEgress") and ("cidrIpv4" in item or "cidrIpv6" in item)
        ]
    except (KeyError, TypeError, AttributeError) as error:
        # CloudTrail leaves out answers over 100 KB.
        raise ValueError(f"event {record.event_id}: no readable rules in EC2's answer") from error


def may_stay_open(ec2: Any, group: str) -> bool:
    """Whether the group has the tag that opts out."""
    try:
        (found,) = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
    except ClientError as error:
        if error.response["Error"]["Code"] in GONE:
            return False
        raise
    return OPT_OUT in found.get("Tags", [])


def revoke(ec2: Any, rule: Opened) -> str:
    """Revokes one rule. In a dry run, EC2 only checks whether it would be allowed.

    Returns:
        ``revoked``, ``would revoke`` or ``already gone``.
    """
    try:
        answer = ec2.revoke_security_group_ingress(
            GroupId=rule.group, IpPermissions=[rule.permission()], DryRun=settings.dry_run
        )
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "DryRunOperation":
            return "would revoke"
        if code in GONE:
            return "already gone"
        raise
    # In a default VPC, EC2 calls it a success when there was nothing to revoke.
    return "already gone" if answer.get("UnknownIpPermissions") else "revoked"


@cache
def client(region: str | None) -> Any:
    """EC2 in a Region; the function's own where the event names none."""
    config = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 4})
    return boto3.client("ec2", region_name=region, config=config)
