"""Resources: the instances of a plan as stacks, one for each account and Region.

Terraform has resources for parts of others: a rule's targets, a role's attachments. They are put together
here. IAM has no Regions, so an account's IAM resources are together in one stack.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.doctor.plan.convert import READ, Source, document, target
from trailforward.doctor.plan.former import last
from trailforward.doctor.plan.naming import NAMED, bus_name
from trailforward.doctor.plan.others import role_item
from trailforward.doctor.plan.places import Place
from trailforward.doctor.template.merge import Addition
from trailforward.doctor.world.regions import partition_of
from trailforward.doctor.world.unknown import is_unknown, unknown, why_unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from trailforward.doctor.plan.attributes import Attributes
    from trailforward.doctor.plan.document import Instance

#: Prefixes of types whose resources may have a part in an event's path.
_NEAR = (
    "aws_cloudformation_",
    "aws_cloudtrail",
    "aws_cloudwatch_event_",
    "aws_iam_policy",
    "aws_iam_role",
    "aws_kinesis_",
    "aws_kms_",
    "aws_lambda_",
    "aws_pipes_",
    "aws_sns_",
    "aws_sqs_",
    "awscc_",
)
#: Types with one of these prefixes that have no part in an event's path, or are read where others refer to
#: them.
_ASIDE = frozenset(
    {
        "aws_cloudtrail_event_data_store",
        "aws_cloudwatch_event_archive",
        "aws_cloudwatch_event_api_destination",
        "aws_cloudwatch_event_connection",
        "aws_iam_role_policies_exclusive",
        "aws_iam_role_policy_attachments_exclusive",
        "aws_kinesis_stream_consumer",
        "aws_kinesis_video_stream",
        "aws_kms_ciphertext",
        "aws_lambda_alias",
        "aws_lambda_code_signing_config",
        "aws_lambda_event_source_mapping",
        "aws_lambda_function_event_invoke_config",
        "aws_lambda_function_url",
        "aws_lambda_layer_version",
        "aws_lambda_layer_version_permission",
        "aws_lambda_provisioned_concurrency_config",
        "aws_lambda_runtime_management_config",
        "aws_sns_sms_preferences",
        "aws_sqs_queue_redrive_allow_policy",
        "aws_sqs_queue_redrive_policy",
    }
)
#: Types that :mod:`trailforward.doctor.plan.stacks` reads.
STACKS = ("aws_cloudformation_stack", "aws_cloudformation_stack_set", "aws_cloudformation_stack_set_instance")
_WHAT = {
    "aws_cloudwatch_event_rule": "rules",
    "aws_cloudwatch_event_target": "rules",
    "aws_cloudwatch_event_bus": "buses",
    "aws_cloudwatch_event_bus_policy": "buses",
    "aws_cloudwatch_event_permission": "buses",
    "aws_cloudtrail": "trails",
}


@dataclass
class PlacedResources:
    """The resources of one account and Region, in the form that ``Stack`` reads.

    Attributes:
        account: the account.
        region: the Region.
        resources: address to resource.
        arns: address to ARN.
    """

    account: str
    region: str
    resources: dict[str, Any] = field(default_factory=dict)
    arns: dict[str, str] = field(default_factory=dict)

    @property
    def partition(self) -> str:
        """The partition of the Region."""
        return partition_of(self.region)

    def present(self, logical: str) -> bool | None:
        """A planned resource is always created."""
        return logical in self.resources

    def properties(self, logical: str) -> dict[str, Any]:
        """A resource's properties."""
        found: dict[str, Any] = self.resources[logical]["Properties"]
        return found

    def name(self, logical: str) -> str:
        """A resource's name."""
        return self.arn(logical).rpartition(":")[2].rpartition("/")[2]

    def arn(self, logical: str) -> str:
        """A resource's ARN; unknown if it has none."""
        return self.arns.get(logical, unknown(f"the ARN of {logical}"))


class _Part(NamedTuple):
    """A resource that others belong to."""

    address: str
    properties: dict[str, Any]
    name: str


class Resources:
    """The resources of a plan.

    Args:
        attributes: the arguments of the instances.
        instances: managed instances.

    Attributes:
        placed: the resources of each place.
        unseen: what could not be read, in the snapshot's form.
        notes: the same for people, one sentence each.
        targets: address of a rule to (ID, address) of its targets.
        additions: what is added to rules and roles of others.
    """

    def __init__(self, attributes: Attributes, instances: Iterable[Instance]) -> None:
        self._attributes = attributes
        self._all = [one for one in instances if one.mode == "managed"]
        self.placed: dict[Place, PlacedResources] = {}
        self.unseen: list[dict[str, Any]] = []
        self.notes: list[str] = []
        self.targets: dict[str, list[tuple[str, str]]] = {}
        self.additions: list[Addition] = []
        self._unplaced: dict[str, list[str]] = {}
        self._gaps: set[tuple[str, ...]] = set()
        self._named: dict[tuple[Place, str], dict[str, list[_Part]]] = {}
        for one in self._all:
            self._attempt(one, self._read)
        for one in self._all:
            if (put := _PARTS.get(one.type)) is not None:
                self._attempt(one, lambda part, put=put: put(self, part))  # type: ignore[misc]
        self._attach_once()
        self._report()

    def _attempt(self, instance: Instance, work: Callable[[Instance], None]) -> None:
        """Runs one step. A surprise in one resource must not cost the others."""
        try:
            work(instance)
        except Exception as error:  # noqa: BLE001  # the resource may have any content
            self._missed(instance, f"its attributes have an unusual form ({type(error).__name__})")

    def _missed(self, instance: Instance, why: str) -> None:
        self.notes.append(f"{instance.address} was not read: {why}.")
        self._gap(instance, why)

    def _gap(self, instance: Instance, why: str, *, once: bool = False) -> None:
        """Adds what was not seen; with ``once``, one instance stands for all of its kind and place."""
        place = self._attributes.places.of(instance)
        what = _WHAT.get(instance.type, "roles" if instance.type.startswith("aws_iam_") else "resources")
        account = "*" if is_unknown(place.account) else place.account
        region = "*" if what == "roles" or is_unknown(place.region) else place.region
        gap = {"account": account, "region": region, "what": what, "why": f"{instance.address}: {why}"}
        if place.known and instance.type in NAMED and what in {"roles", "resources"}:
            gap["about"] = self._attributes.naming.arn(instance)
        alike = (account, region, what, why)
        if not (once and alike in self._gaps):
            self.unseen.append(gap)
        self._gaps.add(alike)

    def _read(self, instance: Instance) -> None:
        read = READ.get(instance.type)
        if read is None:
            known = instance.type in _ASIDE or instance.type in _PARTS or instance.type in STACKS
            if instance.type.startswith(_NEAR) and not known:
                self.notes.append(
                    f"{instance.address}: resources of the type {instance.type} are not understood."
                )
            return
        placed = self._at(instance)
        if placed is None:
            return
        for one in read(Source(instance, self._attributes)):
            address = f"{instance.address}{one.suffix}"
            placed.resources[address] = {"Type": one.kind, "Properties": one.properties}
            if instance.type in NAMED and not one.suffix:
                placed.arns[address] = self._attributes.naming.arn(instance)
                part = _Part(address, one.properties, placed.name(address))
                alike = self._named.setdefault((self._place_of(instance), one.kind), {})
                alike.setdefault(part.name, []).append(part)

    def _place_of(self, instance: Instance) -> Place:
        """The place of an instance; that of IAM resources has no Region."""
        place = self._attributes.places.of(instance)
        return Place(place.account, "*") if instance.type.startswith("aws_iam_") else place

    def _at(self, instance: Instance) -> PlacedResources | None:
        """Where the resource of an instance belongs; None if that is not known."""
        place = self._attributes.places.of(instance)
        if instance.type.startswith("aws_iam_") and not is_unknown(place.account):
            return self._iam(place)
        if not place.known:
            why = why_unknown(place.account if is_unknown(place.account) else place.region)
            self._unplaced.setdefault(why, []).append(instance.address)
            self._gap(instance, f"{why} is not known", once=True)
            return None
        return self.placed.setdefault(place, PlacedResources(*place))

    def _iam(self, place: Place) -> PlacedResources:
        """The IAM resources of an account."""
        region = "us-east-1" if is_unknown(place.region) else place.region
        return self.placed.setdefault(Place(place.account, "*"), PlacedResources(place.account, region))

    def _of(self, instance: Instance, kind: str, name: str) -> list[_Part]:
        """The resources of a kind and name in the place of an instance; all of them if it is not known."""
        alike = self._named.get((self._place_of(instance), kind), {})
        if name not in alike and is_unknown(name):
            return [part for parts in alike.values() for part in parts]
        return alike.get(name, [])

    def target(self, instance: Instance) -> None:
        """Adds a target to its rule."""
        source = Source(instance, self._attributes)
        rule, bus = source.text("rule") or "", bus_name(source.get("event_bus_name"))
        found = target(source)
        if not self._attributes.places.of(instance).known:
            self._at(instance)
            return
        exact = False
        for part in self._of(instance, "AWS::Events::Rule", rule):
            its_bus = part.properties["EventBusName"]
            if part.name == rule and its_bus == bus:
                exact = True
                part.properties["Targets"].append(found)
                self.targets.setdefault(part.address, []).append((found["Id"], instance.address))
            elif is_unknown(rule) or is_unknown(bus) or is_unknown(its_bus):
                exact = True
                doubt = unknown(f"whether {instance.address} is its target")
                part.properties["Targets"].append({**found, "Arn": doubt})
        if not exact:
            self._add_to_rule(instance, f"{bus}/{rule or unknown('the rule')}")

    def _add_to_rule(self, instance: Instance, rule: str) -> None:
        """Adds a target to a rule of others."""
        place = self._attributes.places.of(instance)
        item = f"{place.account}/{place.region}/{rule}"
        why = f"{instance.address} adds a target to a rule that the plan does not create"
        self.additions.append(Addition("rules", item, "targets", [], why))
        self._gap(instance, why)

    def attachment(self, instance: Instance) -> None:
        """Adds managed policies to roles."""
        source = Source(instance, self._attributes)
        is_for_one = instance.type != "aws_iam_policy_attachment"
        named = source.get("role" if is_for_one else "roles")
        names = named if isinstance(named, list) else [named]
        policies = source.get("policy_arn")
        arns = policies if isinstance(policies, list) else [policies or unknown("the policy")]
        place = self._attributes.places.of(instance)
        for name in (str(name or unknown("the role")).rpartition("/")[2] for name in names):
            roles = self._of(instance, "AWS::IAM::Role", name)
            for part in roles:
                doubt = unknown(f"whether {instance.address} is attached")
                part.properties["ManagedPolicyArns"] += [
                    str(arn) if part.name == name else doubt for arn in arns
                ]
            if not any(part.name == name for part in roles):
                item = role_item(partition_of(place.region), place.account, name)
                why = f"the managed policy {arns[0]} was not read"
                self.additions.append(Addition("roles", item, "statements", [], why))

    def key_policy(self, instance: Instance) -> None:
        """Replaces the policy of a key."""
        source = Source(instance, self._attributes)
        key = source.text("key_id") or unknown("the key")
        name = key.rpartition("/")[2]
        for part in self._of(instance, "AWS::KMS::Key", name):
            if part.name == name:
                part.properties["KeyPolicy"] = document(source.get("policy") or unknown("the policy"))
            else:
                part.properties["KeyPolicy"] = unknown(f"whether {instance.address} belongs to the key")

    def _attach_once(self) -> None:
        """Removes the policies that queues and topics had before, where the plan attaches another one."""
        for placed in self.placed.values():
            attached = {
                last(str(one))
                for address, resource in placed.resources.items()
                if resource["Type"] in {"AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy"}
                and not address.endswith(".policy")
                for key in ("Queues", "Topics")
                for one in resource["Properties"].get(key, ())
            }
            for address in [text for text in placed.resources if text.endswith(".policy")]:
                owner = address.removesuffix(".policy")
                if owner in placed.arns and last(placed.arns[owner]) in attached:
                    del placed.resources[address]

    def _report(self) -> None:
        for why, addresses in self._unplaced.items():
            more = f" and {len(addresses) - 1} more were" if len(addresses) > 1 else " was"
            option = "--account" if why.startswith("the account") else "--deployed-in"
            self.notes.append(f"{addresses[0]}{more} not read: {why} is not known. Give it with {option}.")


_PARTS: dict[str, Callable[[Resources, Instance], None]] = {
    "aws_cloudwatch_event_target": Resources.target,
    "aws_iam_policy_attachment": Resources.attachment,
    "aws_iam_role_policy_attachment": Resources.attachment,
    "aws_kms_key_policy": Resources.key_policy,
}
