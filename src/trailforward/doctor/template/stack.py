"""Stack: turns the resources of a template into a World's models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trailforward.doctor.template.intrinsic_functions import Resolver
from trailforward.doctor.world.policy_documents import (
    key_policy_from_document,
    role_from_documents,
    statements,
)
from trailforward.doctor.world.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

#: The status of a Region that is enabled by default.
_ENABLED = "ENABLED_BY_DEFAULT"
#: Resource types that do not affect an event's path.
_ASIDE = ("AWS::CloudWatch::", "AWS::Logs::", "AWS::SSM::", "AWS::S3::", "AWS::CloudFormation::")


@dataclass(frozen=True)
class AppliedTemplate:
    """A world with a template applied.

    Attributes:
        world: the resulting world.
        assumptions: what was assumed, one sentence each.
        not_understood: resources of unsupported types, one sentence each.
    """

    world: World
    assumptions: tuple[str, ...]
    not_understood: tuple[str, ...]


def apply_template(
    template: Mapping[str, Any],
    places: Iterable[tuple[str, str]],
    parameters: Mapping[str, str],
    base: World | None = None,
    destinations: Iterable[str] = (),
) -> AppliedTemplate:
    """Adds a template's resources to a world, as if the template were deployed.

    Args:
        template: from :func:`~trailforward.doctor.template.parse_template`.
        places: (account, Region) pairs to deploy to.
        parameters: values of the template's parameters.
        base: the existing world; by default, one with only a trail that logs all management events.
        destinations: ARNs that replace the world's destinations.

    Raises:
        TemplateError: the template needs something that is not supported or not given.
    """
    places = list(places)
    raw: dict[str, Any] = base.model_dump(mode="json", by_alias=True, exclude_unset=True) if base else {}
    assumptions = []
    accounts = {account: dict(known) for account, known in raw.get("accounts", {}).items()}
    for account, region in places:
        accounts.setdefault(account, {}).setdefault(region, _ENABLED)
    made = [_Stack(Resolver(template, account, region, parameters)) for account, region in places]
    if base is None:
        owners = dict.fromkeys(account for account, _ in places)
        raw["trails"] = [_assumed_trail(account, places[0][1]) for account in owners]
        assumptions.append(
            "Assuming a multi-Region trail that logs all management events; use --snapshot for real trails."
        )
    for key, identity in _IDENTITIES.items():
        new = {identity(item): item for stack in made for item in stack.found[key]}
        old = [item for item in raw.get(key, ()) if identity(item) not in new]
        raw[key] = [*old, *new.values()]
    raw |= {"accounts": accounts}
    if destinations := list(destinations):
        raw["destinations"] = destinations
    not_understood = dict.fromkeys(sentence for stack in made for sentence in stack.not_understood)
    return AppliedTemplate(World.model_validate(raw), tuple(assumptions), tuple(not_understood))


def _assumed_trail(account: str, region: str) -> dict[str, Any]:
    return {
        "name": "assumed", "account": account, "home": region, "multiRegion": True, "organization": False,
        "logging": True, "globalEvents": True, "selectors": None,
    }  # fmt: skip


_IDENTITIES: dict[str, Callable[[dict[str, Any]], tuple[str, ...]]] = {
    "trails": lambda item: (item["account"], item["home"], item["name"]),
    "buses": lambda item: (item["account"], item["region"], item["name"]),
    "rules": lambda item: (item["account"], item["region"], item["bus"], item["name"]),
    "roles": lambda item: (item["arn"],),
    "resources": lambda item: (item["arn"],),
}


class _Stack:
    """The resources of one stack, in the snapshot's form."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._place = {"account": resolver.account, "region": resolver.region}
        self.found: dict[str, list[dict[str, Any]]] = {key: [] for key in _IDENTITIES}
        self.not_understood: list[str] = []
        self._resources: dict[str, dict[str, Any]] = {}
        self._buses: dict[str, dict[str, Any]] = {}
        self._late: list[Callable[[], None]] = []
        for logical, resource in resolver.template["Resources"].items():
            if resolver.present(logical):
                self._read(logical, str(resource.get("Type")))
        for attach in self._late:  # policies attach to resources that may come later in the template
            attach()
        self.found["resources"] = list(self._resources.values())
        self.found["buses"] = list(self._buses.values())

    def _read(self, logical: str, kind: str) -> None:
        if kind in _READ:
            _READ[kind](self, logical, self._resolver.properties(logical))
        elif not kind.startswith(_ASIDE):
            self.not_understood.append(f"{logical}: resources of the type {kind} are not supported")

    def rule(self, logical: str, properties: dict[str, Any]) -> None:
        if "EventPattern" not in properties:
            return
        targets = properties.get("Targets", [])
        self.found["rules"].append(
            {
                **self._place,
                "name": self._resolver.name(logical, "Name"),
                "bus": str(properties.get("EventBusName", "default")).rpartition("/")[2],
                "state": properties.get("State", "ENABLED"),
                "pattern": properties["EventPattern"],
                "targets": [_target(item) for item in targets],
            }
        )

    def bus(self, logical: str, properties: dict[str, Any]) -> None:
        name = self._resolver.name(logical, "Name")
        self._buses[name] = {**self._place, "name": name, "policy": statements(properties.get("Policy"))}

    def bus_policy(self, logical: str, properties: dict[str, Any]) -> None:
        del logical
        name = str(properties.get("EventBusName", "default"))

        def attach() -> None:
            bus = self._buses.setdefault(name, {**self._place, "name": name, "policy": []})
            bus["policy"] = [*bus["policy"], *statements({"Statement": properties.get("Statement", [])})]

        self._late.append(attach)

    def role(self, logical: str, properties: dict[str, Any]) -> None:
        arn = self._resolver.arn(logical)
        documents = [item["PolicyDocument"] for item in properties.get("Policies", [])]
        boundary = properties.get("PermissionsBoundary")
        if properties.get("ManagedPolicyArns"):
            boundary = boundary or "managed policies that the template does not contain"
        trust = properties["AssumeRolePolicyDocument"]
        self.found["roles"].append(role_from_documents(arn, trust, documents, boundary=boundary))

    def resource(self, logical: str, properties: dict[str, Any]) -> None:
        arn = self._resolver.arn(logical)
        found: dict[str, Any] = {"arn": arn, "policy": []}
        fifo = properties.get("FifoQueue") or properties.get("FifoTopic")
        if str(fifo).lower() == "true":
            found["fifo"] = True
        if ":sns:" in arn:
            found["subscriptions"] = [item["Endpoint"] for item in properties.get("Subscription", [])]
        if key := properties.get("KmsMasterKeyId"):
            found["encryption"] = self._encryption(str(key))
        self._resources[arn] = found

    def _encryption(self, key: str) -> dict[str, Any]:
        """The encryption with a key of the template, or with a key whose policy is not known."""
        if key.rpartition("alias/")[2].startswith("aws/"):
            return {"type": "aws-managed-key"}
        for logical, resource in self._resolver.template["Resources"].items():
            if (
                resource.get("Type") == "AWS::KMS::Key"
                and key.rpartition("/")[2] == (self._resolver.arn(logical).rpartition("/")[2])
            ):
                policy = self._resolver.properties(logical).get("KeyPolicy")
                return {"type": "customer-key", "keyPolicy": key_policy_from_document(policy)}
        return {"type": "customer-key"}

    def attached(self, logical: str, properties: dict[str, Any]) -> None:
        """Attaches a queue's or topic's policy."""
        del logical
        named = properties.get("Queues") or properties.get("Topics") or [properties.get("Queue")]
        arns = [self._arn_of(str(item)) for item in named]
        document = properties.get("PolicyDocument")

        def attach() -> None:
            for arn in arns:
                if arn in self._resources:
                    self._resources[arn]["policy"] += statements(document)

        self._late.append(attach)

    def _arn_of(self, text: str) -> str:
        """The ARN for a queue's URL; an ARN is returned unchanged."""
        if not text.startswith("https://"):
            return text
        *_, account, name = text.split("/")
        return f"arn:{self._resolver.partition}:sqs:{self._resolver.region}:{account}:{name}"

    def permission(self, logical: str, properties: dict[str, Any]) -> None:
        """Adds a Lambda permission to the function's policy."""
        del logical
        given = str(properties["FunctionName"])
        place = f"{self._resolver.region}:{self._resolver.account}"
        arn = given if ":" in given else f"arn:{self._resolver.partition}:lambda:{place}:function:{given}"
        condition: dict[str, Any] = {}
        if "SourceArn" in properties:
            condition["ArnLike"] = {"AWS:SourceArn": properties["SourceArn"]}
        if "SourceAccount" in properties:
            condition["StringEquals"] = {"AWS:SourceAccount": properties["SourceAccount"]}
        principal = str(properties["Principal"])
        statement = {
            "Effect": "Allow",
            "Principal": {"Service" if principal.endswith(".amazonaws.com") else "AWS": principal},
            "Action": properties["Action"],
            "Resource": arn,
            **({"Condition": condition} if condition else {}),
        }

        def attach() -> None:
            if arn in self._resources:
                self._resources[arn]["policy"].append(statement)

        self._late.append(attach)

    def subscription(self, logical: str, properties: dict[str, Any]) -> None:
        del logical
        topic = str(properties["TopicArn"])

        def attach() -> None:
            if topic in self._resources:
                self._resources[topic]["subscriptions"].append(properties.get("Endpoint", ""))

        self._late.append(attach)

    def trail(self, logical: str, properties: dict[str, Any]) -> None:
        advanced, basic = (properties.get(key) for key in ("AdvancedEventSelectors", "EventSelectors"))
        selectors = {"advanced": advanced} if advanced else {"basic": basic} if basic else None
        self.found["trails"].append(
            {
                "name": self._resolver.name(logical, "TrailName"),
                "account": self._resolver.account,
                "home": self._resolver.region,
                "multiRegion": _true(properties.get("IsMultiRegionTrail")),
                "organization": _true(properties.get("IsOrganizationTrail")),
                "logging": _true(properties.get("IsLogging")),
                "globalEvents": _true(properties.get("IncludeGlobalServiceEvents", True)),
                "selectors": selectors,
                "insights": [item["InsightType"] for item in properties.get("InsightSelectors", [])],
            }
        )

    def nothing(self, logical: str, properties: dict[str, Any]) -> None:
        """Nothing to add: the resource is read where others refer to it."""


def _target(item: dict[str, Any]) -> dict[str, Any]:
    target = {"id": item["Id"], "arn": item["Arn"]}
    if "RoleArn" in item:
        target["role"] = item["RoleArn"]
    dead_letters = item.get("DeadLetterConfig", {}).get("Arn")
    return {**target, "dlq": dead_letters} if dead_letters else target


def _true(value: Any) -> bool:
    return str(value).lower() == "true"


_READ: dict[str, Callable[[_Stack, str, dict[str, Any]], None]] = {
    "AWS::Events::Rule": _Stack.rule,
    "AWS::Events::EventBus": _Stack.bus,
    "AWS::Events::EventBusPolicy": _Stack.bus_policy,
    "AWS::IAM::Role": _Stack.role,
    "AWS::SQS::Queue": _Stack.resource,
    "AWS::SNS::Topic": _Stack.resource,
    "AWS::Lambda::Function": _Stack.resource,
    "AWS::Kinesis::Stream": _Stack.resource,
    "AWS::KinesisFirehose::DeliveryStream": _Stack.resource,
    "AWS::SQS::QueuePolicy": _Stack.attached,
    "AWS::SQS::QueueInlinePolicy": _Stack.attached,
    "AWS::SNS::TopicPolicy": _Stack.attached,
    "AWS::SNS::TopicInlinePolicy": _Stack.attached,
    "AWS::Lambda::Permission": _Stack.permission,
    "AWS::SNS::Subscription": _Stack.subscription,
    "AWS::CloudTrail::Trail": _Stack.trail,
    "AWS::KMS::Key": _Stack.nothing,
}
