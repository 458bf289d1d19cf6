"""Stack: turns the resources of one stack into a snapshot's items.

Each resource is read by itself. What cannot be read is reported, and counts as something that was not seen,
so that no verdict relies on its absence.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

from trailforward.doctor.template import policies
from trailforward.doctor.template.attachments import ATTACH, Attachment, Items, bus_name
from trailforward.doctor.template.names import TYPES
from trailforward.doctor.template.values import NO_VALUE
from trailforward.doctor.world.policy_documents import read_documents
from trailforward.doctor.world.unknown import holds_unknown, is_unknown, unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: Lists of a snapshot that a stack adds to.
LISTS = ("trails", "buses", "rules", "roles", "resources")
#: What a resource of a type is in a snapshot, for the report of what was not seen.
_WHAT = {
    "AWS::Events::Rule": "rules",
    "AWS::Events::EventBus": "buses",
    "AWS::Events::EventBusPolicy": "buses",
    "AWS::IAM::Role": "roles",
    "AWS::CloudTrail::Trail": "trails",
}
#: Prefixes of types that have no part in an event's path.
_ASIDE = (
    "AWS::ApiGateway",
    "AWS::Athena::",
    "AWS::Budgets::",
    "AWS::Chatbot::",
    "AWS::CloudFormation::WaitCondition",
    "AWS::CloudFront::",
    "AWS::CloudWatch::",
    "AWS::CodeBuild::",
    "AWS::CodePipeline::",
    "AWS::CodeCommit::",
    "AWS::Cognito::",
    "AWS::Config::",
    "AWS::DynamoDB::",
    "AWS::EC2::",
    "AWS::AutoScaling",
    "AWS::ElasticLoadBalancing",
    "AWS::Events::Connection",
    "AWS::Scheduler::",
    "AWS::ECR::",
    "AWS::ECS::",
    "AWS::Glue::",
    "AWS::GuardDuty::",
    "AWS::Inspector",
    "AWS::KMS::Alias",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::LayerVersion",
    "AWS::Logs::LogGroup",
    "AWS::Logs::LogStream",
    "AWS::Logs::MetricFilter",
    "AWS::Macie::",
    "AWS::Organizations::",
    "AWS::RDS::",
    "AWS::Route53",
    "AWS::S3::",
    "AWS::SSM::",
    "AWS::SecretsManager::",
    "AWS::SecurityHub::",
    "AWS::ServiceCatalog",
    "AWS::WAF",
    "AWS::CDK::Metadata",
    "Custom::CanaryPattern",
    "AWS::IAM::AccessKey",
    "AWS::IAM::Group",
    "AWS::IAM::InstanceProfile",
    "AWS::IAM::User",
)
#: Reads of these types are found where others refer to them, or by whoever applies the template.
_ELSEWHERE = (
    "AWS::KMS::Key",
    "AWS::Lambda::Version",
    "AWS::Lambda::Alias",
    "AWS::CloudFormation::Stack",
    "AWS::CloudFormation::StackSet",
)


class StackValues(Protocol):
    """The resources of one account and Region, in CloudFormation's form."""

    @property
    def account(self) -> str:
        """The account."""

    @property
    def region(self) -> str:
        """The Region."""

    @property
    def partition(self) -> str:
        """The partition of the Region."""

    @property
    def resources(self) -> Mapping[str, Any]:
        """Logical name to a resource with its ``Type`` and ``Properties``."""

    def present(self, logical: str) -> bool | None:
        """Whether a resource is created; None if that is not known."""

    def properties(self, logical: str) -> dict[str, Any]:
        """A resource's properties, without functions."""

    def name(self, logical: str) -> str:
        """A resource's physical name."""

    def arn(self, logical: str) -> str:
        """A resource's ARN."""


class Stack:
    """The resources of one stack, in the snapshot's form.

    Args:
        values: of the template or plan, in one account and Region.

    Attributes:
        found: the items by list of the snapshot.
        unseen: what could not be read, in the snapshot's form.
        notes: the same for people, one sentence each.
    """

    def __init__(self, values: StackValues) -> None:
        self._values = values
        self._place = {"account": values.account, "region": values.region}
        self.found: dict[str, list[dict[str, Any]]] = {key: [] for key in LISTS}
        self.unseen: list[dict[str, Any]] = []
        self.notes: list[str] = []
        self._items = Items(self._place)
        for logical in values.resources:
            self._attempt(str(logical), self._read)
        for logical in values.resources:  # after all that they may belong to
            self._attempt(str(logical), self._attach)
        self.found["resources"] = list(self._items.resources.values())
        self.found["buses"] = list(self._items.buses.values())
        self.found["roles"] = list(self._items.roles.values())

    def _attempt(self, logical: str, work: Callable[[str], None]) -> None:
        """Runs one step. A surprise in one resource must not cost the others."""
        try:
            work(logical)
        except Exception as error:  # noqa: BLE001  # the resource may have any content
            self._missed(logical, f"its properties have an unusual form ({type(error).__name__})")

    def _missed(self, logical: str, why: str) -> None:
        self.notes.append(f"{logical} in {self._values.region} was not read: {why}.")
        resource = self._values.resources.get(logical)
        kind = str(resource.get("Type", "")) if isinstance(resource, dict) else ""
        what = _WHAT.get(kind, "resources")
        region = "*" if what == "roles" else self._values.region
        gap = {"account": self._values.account, "region": region, "what": what, "why": f"{logical}: {why}"}
        if what in {"resources", "roles"} and kind in TYPES:
            gap["about"] = self._values.arn(logical)
        self.unseen.append(gap)

    def _read(self, logical: str) -> None:
        kind = str(self._values.resources[logical].get("Type"))
        reader = _READ.get(kind)
        if reader is None:
            if not kind.startswith(_ASIDE) and kind not in _ELSEWHERE and kind not in ATTACH:
                self.notes.append(f"{logical}: resources of the type {kind} are not understood.")
            return
        doubt = self._doubt(logical)
        if doubt is None:
            return
        properties = self._values.properties(logical)
        if doubt and kind != "AWS::Events::Rule":
            self._missed(logical, doubt)
            return
        if doubt and properties.get("State") != "DISABLED":
            # The rule is worth judging; that it may not exist is as uncertain as its state.
            condition = self._values.resources[logical].get("Condition")
            properties["State"] = unknown(f"the condition {condition}")
        reader(self, logical, properties)

    def _attach(self, logical: str) -> None:
        attach = ATTACH.get(str(self._values.resources[logical].get("Type")))
        doubt = self._doubt(logical) if attach is not None else None
        if attach is not None and doubt is not None:
            attach(Attachment(self._values, self._items, logical, self._values.properties(logical), doubt))

    def _doubt(self, logical: str) -> str | None:
        """Why it is not certain that the stack creates a resource; None if it certainly does not."""
        present = self._values.present(logical)
        if present is None:
            condition = self._values.resources[logical].get("Condition")
            return f"whether the condition {condition} holds is not known"
        return "" if present else None

    def rule(self, logical: str, properties: dict[str, Any]) -> None:
        """Adds a rule with its targets."""
        unread = {}
        targets = properties.get("Targets", [])
        if not isinstance(targets, list):
            unread["targets"], targets = "the targets are not known", []
        for index, item in enumerate(targets):
            if isinstance(item, str) and is_unknown(item):
                unread["targets"] = f"target {index} is not known"
            elif _cannot_be_read(item):
                unread["targets"] = f"target {index} has no Id, so CloudFormation rejects the template"
                self.notes.append(f"{logical}: {unread['targets']}.")
        name = self._values.name(logical)
        self.found["rules"].append(
            {
                **self._place,
                "name": name,
                "bus": bus_name(properties.get("EventBusName", "default")),
                "state": str(properties.get("State", "ENABLED")),
                "pattern": _pattern(properties.get("EventPattern")),
                "targets": [_target(item) for item in targets if not _cannot_be_read(item)],
                **({"role": properties["RoleArn"]} if isinstance(properties.get("RoleArn"), str) else {}),
                **({"unread": unread} if unread else {}),
            }
        )

    def bus(self, logical: str, properties: dict[str, Any]) -> None:
        """Adds a bus with its own policy."""
        name = self._values.name(logical)
        found, unread = read_documents([properties.get("Policy")])
        key = properties.get("KmsKeyIdentifier")
        bus = self._items.bus(name)
        bus["policy"] += found
        if unread:
            bus.setdefault("unread", {})["policy"] = unread
        if isinstance(key, str):
            bus["encryption"] = self._encryption(key)

    def role(self, logical: str, properties: dict[str, Any]) -> None:
        """Adds a role with its inline policies, and with the managed policies of the template."""
        arn = self._values.arn(logical)
        trust, trust_unread = read_documents([properties.get("AssumeRolePolicyDocument")])
        inline = properties.get("Policies", [])
        listed = inline if isinstance(inline, list) else [unknown("the policies")]
        found, unread = read_documents(
            [item.get("PolicyDocument") if isinstance(item, dict) else item for item in listed]
        )
        role: dict[str, Any] = {"arn": arn, "trust": trust, "statements": found, "unread": {}}
        if trust_unread:
            role["unread"]["trust"] = trust_unread
        boundary = properties.get("PermissionsBoundary")
        if boundary is not None:
            role["boundary"] = str(boundary)
        managed = properties.get("ManagedPolicyArns", [])
        outside = (
            [str(item) for item in managed if not self._own_policy(item)]
            if isinstance(managed, list)
            else ["?"]
        )
        if outside:
            unread = unread or f"the managed policy {outside[0]} was not read"
        if unread:
            role["unread"]["policies"] = unread
        self._items.roles[logical] = role
        self._items.managed[logical] = list(map(str, managed)) if isinstance(managed, list) else []

    def _own_policy(self, arn: Any) -> str | None:
        """The managed policy of this template with an ARN."""
        for name, resource in self._values.resources.items():
            kind = resource.get("Type") if isinstance(resource, dict) else None
            if kind == "AWS::IAM::ManagedPolicy" and self._values.arn(name) == arn:
                return str(name)
        return None

    def resource(self, logical: str, properties: dict[str, Any]) -> None:
        """Adds a queue, topic, function, stream, or another kind of target."""
        arn = self._values.arn(logical)
        found: dict[str, Any] = {"arn": arn, "policy": []}
        fifo = properties.get("FifoQueue", properties.get("FifoTopic", False))
        found["fifo"] = None if holds_unknown(fifo) else _true(fifo)
        if found["fifo"]:
            deduplication = properties.get("ContentBasedDeduplication", False)
            found["contentBasedDeduplication"] = (
                None if holds_unknown(deduplication) else _true(deduplication)
            )
        if ":sns:" in arn:
            listed = properties.get("Subscription", [])
            found["subscriptions"] = [
                {"endpoint": str(item["Endpoint"])}
                for item in listed
                if isinstance(item, dict) and "Endpoint" in item
            ]
        key = properties.get("KmsMasterKeyId") or _stream_key(properties)
        if key:
            found["encryption"] = self._encryption(str(key))
        self._items.resources[arn] = found

    def _encryption(self, key: str) -> dict[str, Any]:
        """The encryption with a key of the template, or with a key whose policy is not known."""
        if key.rpartition("alias/")[2].startswith("aws/"):
            return {"type": "aws-managed-key"}
        ident = key.rpartition("/")[2]
        for logical, resource in self._values.resources.items():
            kind = resource.get("Type") if isinstance(resource, dict) else None
            alias = self._values.properties(logical) if kind == "AWS::KMS::Alias" else {}
            if alias and str(alias.get("AliasName")) == key:
                ident = str(alias.get("TargetKeyId", "")).rpartition("/")[2]
        for logical, resource in self._values.resources.items():
            if isinstance(resource, dict) and resource.get("Type") == "AWS::KMS::Key":
                arn = self._values.arn(logical)
                if arn.rpartition("/")[2] == ident:
                    return self._own_key(arn, self._values.properties(logical))
        return {"type": "customer-key", "key": key if key.startswith("arn:") else ""}

    def _own_key(self, arn: str, properties: dict[str, Any]) -> dict[str, Any]:
        found, unread = read_documents([properties.get("KeyPolicy")])
        enabled = properties.get("Enabled", True)
        key: dict[str, Any] = {"type": "customer-key", "key": arn}
        if not holds_unknown(enabled):
            key["keyState"] = "Enabled" if _true(enabled) else "Disabled"
        return key if unread else {**key, "keyPolicy": {"statements": found}}

    def trail(self, logical: str, properties: dict[str, Any]) -> None:
        """Adds a trail."""
        advanced, basic = (properties.get(key) for key in ("AdvancedEventSelectors", "EventSelectors"))
        insights = properties.get("InsightSelectors", [])
        trail: dict[str, Any] = {
            "name": self._values.name(logical),
            "account": self._values.account,
            "home": self._values.region,
            "multiRegion": _flag(properties.get("IsMultiRegionTrail", False)),
            "organization": _flag(properties.get("IsOrganizationTrail", False)),
            "logging": _flag(properties.get("IsLogging", False)),
            "globalEvents": _flag(properties.get("IncludeGlobalServiceEvents", True)),
            "selectors": {"advanced": advanced} if advanced else {"basic": basic} if basic else None,
            "insights": [item for item in insights if isinstance(item, dict)]
            if isinstance(insights, list)
            else [],
        }
        why = policies.unreadable_selectors(advanced or basic)
        if why:
            trail |= {"selectors": None, "unread": {"selectors": why}}
        if not isinstance(insights, list) or not all(isinstance(item, dict) for item in insights):
            trail["unread"] = {**trail.get("unread", {}), "insights": "they are not known"}
        if isinstance(bucket := properties.get("S3BucketName"), str):
            trail["bucket"] = bucket
        self.found["trails"].append(trail)


def _pattern(value: Any) -> dict[str, Any] | str | None:
    """An event pattern; the one in a text as an object, which messages show better."""
    if isinstance(value, str) and not is_unknown(value):
        try:
            parsed = json.loads(value)
        except ValueError:
            return value
        return parsed if isinstance(parsed, dict) else value
    return value if isinstance(value, (dict, str)) else None


def _cannot_be_read(item: Any) -> bool:
    """Whether a target is not known, or has no Id."""
    return is_unknown(item) if isinstance(item, str) else isinstance(item, dict) and "Id" not in item


def _target(item: dict[str, Any]) -> dict[str, Any]:
    target = {"id": str(item.get("Id")), "arn": str(item["Arn"])}
    if "RoleArn" in item:
        target["role"] = str(item["RoleArn"])
    for key, name in (
        ("Input", "input"),
        ("InputPath", "inputPath"),
        ("InputTransformer", "inputTransformer"),
    ):
        if key in item and item[key] is not NO_VALUE:
            target[name] = item[key]
    group = (item.get("SqsParameters") or {}).get("MessageGroupId")
    if isinstance(group, str):
        target["messageGroupId"] = group
    dead_letters = (item.get("DeadLetterConfig") or {}).get("Arn")
    return {**target, "dlq": str(dead_letters)} if dead_letters else target


def _stream_key(properties: dict[str, Any]) -> Any:
    encryption = properties.get("StreamEncryption")
    if isinstance(encryption, dict) and encryption.get("EncryptionType") == "KMS":
        return encryption.get("KeyId")
    delivery = properties.get("DeliveryStreamEncryptionConfigurationInput")
    if isinstance(delivery, dict) and delivery.get("KeyType") == "CUSTOMER_MANAGED_CMK":
        return delivery.get("KeyARN")
    return None


def _true(value: Any) -> bool:
    return str(value).lower() == "true"


def _flag(value: Any) -> bool | None:
    return None if holds_unknown(value) else _true(value)


_READ: dict[str, Callable[[Stack, str, dict[str, Any]], None]] = {
    "AWS::Events::Rule": Stack.rule,
    "AWS::Events::EventBus": Stack.bus,
    "AWS::IAM::Role": Stack.role,
    "AWS::SQS::Queue": Stack.resource,
    "AWS::SNS::Topic": Stack.resource,
    "AWS::Lambda::Function": Stack.resource,
    "AWS::Kinesis::Stream": Stack.resource,
    "AWS::KinesisFirehose::DeliveryStream": Stack.resource,
    "AWS::StepFunctions::StateMachine": Stack.resource,
    "AWS::CodePipeline::Pipeline": Stack.resource,
    "AWS::CodeBuild::Project": Stack.resource,
    "AWS::Events::ApiDestination": Stack.resource,
    "AWS::CloudTrail::Trail": Stack.trail,
}
