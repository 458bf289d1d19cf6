"""Stack: turns the resources of one stack into a snapshot's items.

Each resource is read by itself. What cannot be read is reported, and counts as something that was not seen,
so that no verdict relies on its absence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from trailforward.doctor.template import policies
from trailforward.doctor.template.names import TYPES
from trailforward.doctor.template.values import NO_VALUE
from trailforward.doctor.world.policy_documents import read_documents, with_boundary
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
    "AWS::Cognito::",
    "AWS::Config::",
    "AWS::DynamoDB::",
    "AWS::EC2::",
    "AWS::ECR::",
    "AWS::ECS::",
    "AWS::Glue::",
    "AWS::GuardDuty::",
    "AWS::Inspector",
    "AWS::KMS::Alias",
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
        self._resources: dict[str, dict[str, Any]] = {}
        self._buses: dict[str, dict[str, Any]] = {}
        self._roles: dict[str, dict[str, Any]] = {}
        self._late: list[tuple[str, Callable[[], None]]] = []
        for logical in values.resources:
            self._attempt(str(logical), lambda name=logical: self._read(name))  # type: ignore[misc]
        for logical, attach in self._late:  # policies attach to resources that may come later in the template
            self._attempt(logical, attach)
        self.found["resources"] = list(self._resources.values())
        self.found["buses"] = list(self._buses.values())
        self.found["roles"] = list(self._roles.values())

    def _attempt(self, logical: str, work: Callable[[], None]) -> None:
        """Runs one step. A surprise in one resource must not cost the others."""
        try:
            work()
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
            if not kind.startswith(_ASIDE) and kind not in _ELSEWHERE:
                self.notes.append(f"{logical}: resources of the type {kind} are not understood.")
            return
        present = self._values.present(logical)
        if present is None:
            condition = self._values.resources[logical].get("Condition")
            self._missed(logical, f"whether the condition {condition} holds is not known")
        elif present:
            reader(self, logical, self._values.properties(logical))

    def rule(self, logical: str, properties: dict[str, Any]) -> None:
        """Adds a rule with its targets."""
        pattern = properties.get("EventPattern")
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
                "bus": _bus_name(properties.get("EventBusName", "default")),
                "state": str(properties.get("State", "ENABLED")),
                "pattern": pattern if isinstance(pattern, (dict, str)) else None,
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
        self._bus(name)["policy"] += found
        if unread:
            self._bus(name).setdefault("unread", {})["policy"] = unread
        if isinstance(key, str):
            self._bus(name)["encryption"] = self._encryption(key)

    def _bus(self, name: str) -> dict[str, Any]:
        return self._buses.setdefault(name, {**self._place, "name": name, "policy": []})

    def bus_policy(self, logical: str, properties: dict[str, Any]) -> None:
        """Attaches a policy to a bus, in its newer or older form."""
        name = _bus_name(properties.get("EventBusName", "default"))
        place = f"{self._values.region}:{self._values.account}"
        bus = f"arn:{self._values.partition}:events:{place}:event-bus/{name}"
        statement = properties.get("Statement")
        if statement is None:
            statement = policies.old_bus_statement(properties, bus)

        def attach() -> None:
            found, unread = read_documents([{"Statement": statement}])
            self._bus(name)["policy"] += found
            if unread:
                self._bus(name).setdefault("unread", {})["policy"] = unread

        self._late.append((logical, attach))

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
            if (limit := self._own_policy(boundary)) is not None:
                self._late.append((limit, lambda: self._limit(logical, limit)))
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
        self._roles[logical] = role
        for item in managed if isinstance(managed, list) else []:
            if (policy := self._own_policy(item)) is not None:
                self._late.append((policy, lambda name=policy: self._grant(logical, name)))  # type: ignore[misc]

    def _own_policy(self, arn: Any) -> str | None:
        """The managed policy of this template with an ARN."""
        for name, resource in self._values.resources.items():
            kind = resource.get("Type") if isinstance(resource, dict) else None
            if kind == "AWS::IAM::ManagedPolicy" and self._values.arn(name) == arn:
                return str(name)
        return None

    def _grant(self, role: str, policy: str) -> None:
        """Adds the statements of a policy resource to a role."""
        document = self._values.properties(policy).get("PolicyDocument")
        found, unread = read_documents([document])
        if role in self._roles:
            self._roles[role]["statements"] += found
            if unread:
                self._roles[role]["unread"]["policies"] = unread

    def _limit(self, role: str, policy: str) -> None:
        """Adds the statements of a policy resource to the permissions boundary of a role."""
        document = self._values.properties(policy).get("PolicyDocument")
        if role in self._roles:
            self._roles[role] |= with_boundary(self._roles[role]["boundary"], document)

    def policy(self, logical: str, properties: dict[str, Any]) -> None:
        """Adds an inline, managed, or role policy to the roles that it names."""
        named = properties.get("Roles", properties.get("RoleName", []))
        names = named if isinstance(named, list) else [named]

        def attach() -> None:
            for name in names:
                for role in list(self._roles):
                    if is_unknown(str(name)):
                        self._roles[role]["unread"].setdefault(
                            "policies", f"{logical} may belong to this role"
                        )
                    elif str(name) in {self._values.name(role), self._roles[role]["arn"]}:
                        self._grant(role, logical)

        self._late.append((logical, attach))

    def resource(self, logical: str, properties: dict[str, Any]) -> None:
        """Adds a queue, topic, function, stream, or state machine."""
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
        self._resources[arn] = found

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

    def attached(self, logical: str, properties: dict[str, Any]) -> None:
        """Attaches the policy of a queue or topic."""
        named = (
            properties.get("Queues")
            or properties.get("Topics")
            or [properties.get("Queue") or properties.get("TopicArn")]
        )
        arns = [self._arn_of(str(item)) for item in (named if isinstance(named, list) else [named])]
        found, unread = read_documents([properties.get("PolicyDocument")])

        def attach() -> None:
            for arn in arns:
                for known, item in self._resources.items():
                    if is_unknown(arn):
                        item.setdefault("unread", {})["policy"] = f"{logical} may belong to it"
                    elif known == arn:
                        item["policy"] += found
                        if unread:
                            item.setdefault("unread", {})["policy"] = unread

        self._late.append((logical, attach))

    def _arn_of(self, text: str) -> str:
        """The ARN for a queue's URL; an ARN is returned unchanged."""
        if not text.startswith("https://"):
            return text
        *_, account, name = text.split("/")
        return f"arn:{self._values.partition}:sqs:{self._values.region}:{account}:{name}"

    def permission(self, logical: str, properties: dict[str, Any]) -> None:
        """Adds a Lambda permission to the function's policy."""
        given = str(properties["FunctionName"])
        place = f"{self._values.region}:{self._values.account}"
        arn = given if ":" in given else f"arn:{self._values.partition}:lambda:{place}:function:{given}"
        statement = policies.lambda_statement(properties, arn)
        function = ":".join(arn.split(":")[:7])

        def attach() -> None:
            for known, item in self._resources.items():
                if is_unknown(arn) and ":lambda:" in known:
                    item.setdefault("unread", {})["policy"] = f"{logical} may belong to it"
                elif known == function:
                    item["policy"].append(statement)

        self._late.append((logical, attach))

    def subscription(self, logical: str, properties: dict[str, Any]) -> None:
        """Adds a subscription to a topic of the template."""
        topic = str(properties["TopicArn"])
        found = {"endpoint": str(properties.get("Endpoint", ""))}
        if (filter_policy := properties.get("FilterPolicy")) is not None:
            if holds_unknown(filter_policy):
                found["unread"] = {"filterPolicy": "not known"}  # type: ignore[assignment]
            else:
                found["filterPolicy"] = filter_policy
        if isinstance(scope := properties.get("FilterPolicyScope"), str):
            found["filterPolicyScope"] = scope

        def attach() -> None:
            if topic in self._resources:
                self._resources[topic]["subscriptions"].append(found)

        self._late.append((logical, attach))

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
        if holds_unknown(trail["selectors"]):
            trail |= {"selectors": None, "unread": {"selectors": "not known"}}
        if not isinstance(insights, list) or not all(isinstance(item, dict) for item in insights):
            trail["unread"] = {**trail.get("unread", {}), "insights": "they are not known"}
        if isinstance(bucket := properties.get("S3BucketName"), str):
            trail["bucket"] = bucket
        self.found["trails"].append(trail)


def _bus_name(value: Any) -> str:
    """The name of a bus from a name or an ARN."""
    return str(value).rpartition("/")[2]


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
    "AWS::Events::EventBusPolicy": Stack.bus_policy,
    "AWS::IAM::Role": Stack.role,
    "AWS::IAM::Policy": Stack.policy,
    "AWS::IAM::ManagedPolicy": Stack.policy,
    "AWS::IAM::RolePolicy": Stack.policy,
    "AWS::SQS::Queue": Stack.resource,
    "AWS::SNS::Topic": Stack.resource,
    "AWS::Lambda::Function": Stack.resource,
    "AWS::Kinesis::Stream": Stack.resource,
    "AWS::KinesisFirehose::DeliveryStream": Stack.resource,
    "AWS::StepFunctions::StateMachine": Stack.resource,
    "AWS::SQS::QueuePolicy": Stack.attached,
    "AWS::SQS::QueueInlinePolicy": Stack.attached,
    "AWS::SNS::TopicPolicy": Stack.attached,
    "AWS::SNS::TopicInlinePolicy": Stack.attached,
    "AWS::Lambda::Permission": Stack.permission,
    "AWS::SNS::Subscription": Stack.subscription,
    "AWS::CloudTrail::Trail": Stack.trail,
}
