"""Attachments: adds policies, permissions, and subscriptions to what they belong to in a stack."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from trailforward.doctor.template import policies
from trailforward.doctor.world.policy_documents import read_documents, with_boundary
from trailforward.doctor.world.unknown import holds_unknown, same

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from trailforward.doctor.template.stack import StackValues


@dataclass
class Items:
    """The items of a stack that others attach to, in the snapshot's form.

    Attributes:
        place: account and Region.
        resources: by ARN.
        buses: by name.
        roles: by logical name.
        managed: the ARNs of a role's managed policies, by the role's logical name.
    """

    place: dict[str, str]
    resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    buses: dict[str, dict[str, Any]] = field(default_factory=dict)
    roles: dict[str, dict[str, Any]] = field(default_factory=dict)
    managed: dict[str, list[str]] = field(default_factory=dict)

    def bus(self, name: str) -> dict[str, Any]:
        """A bus; a bus that another stack made appears with what this stack adds to it."""
        return self.buses.setdefault(name, {**self.place, "name": name, "policy": []})


@dataclass(frozen=True)
class Attachment:
    """One resource that changes another one.

    Attributes:
        values: of the template.
        items: to change, after all of them were read.
        logical: the name in the template.
        properties: evaluated.
        doubt: why it is not certain that the resource exists; empty if it does.
    """

    values: StackValues
    items: Items
    logical: str
    properties: dict[str, Any]
    doubt: str = ""

    def bus_policy(self) -> None:
        """A policy of a bus, in its newer or older form."""
        name = bus_name(self.properties.get("EventBusName", "default"))
        place = f"{self.values.region}:{self.values.account}"
        bus = f"arn:{self.values.partition}:events:{place}:event-bus/{name}"
        statement = self.properties.get("Statement")
        if statement is None:
            statement = policies.old_bus_statement(self.properties, bus)
        self._add(self.items.bus(name), {"Statement": statement})

    def role_policy(self) -> None:
        """An inline, managed, or role policy: for the roles that it names, and those that name it.

        A managed policy may also be the permissions boundary of roles.
        """
        named = self.properties.get("Roles", self.properties.get("RoleName", []))
        names = [str(name) for name in (named if isinstance(named, list) else [named])]
        arn = self.values.arn(self.logical)
        roles = self.items.roles
        known = {logical: (self.values.name(logical), role["arn"]) for logical, role in roles.items()}
        document = self.properties.get("PolicyDocument")
        for role in roles.values():
            if role.get("boundary") == arn and not self.doubt:
                role.update(with_boundary(arn, document))
        for logical, belongs in _owners(names, known).items():
            attached = belongs or arn in self.items.managed.get(logical, ())
            self._add(roles[logical], document, attached or belongs, "statements", "policies")

    def resource_policy(self) -> None:
        """The policy of queues or topics."""
        given = self.properties
        named = given.get("Queues") or given.get("Topics") or [given.get("Queue") or given.get("TopicArn")]
        arns = [self._arn_of(str(item)) for item in (named if isinstance(named, list) else [named])]
        for known, belongs in self._owners(arns).items():
            self._add(self.items.resources[known], given.get("PolicyDocument"), belongs)

    def permission(self) -> None:
        """A permission of a function."""
        given = str(self.properties["FunctionName"])
        place = f"{self.values.region}:{self.values.account}"
        arn = given if ":" in given else f"arn:{self.values.partition}:lambda:{place}:function:{given}"
        statement = policies.lambda_statement(self.properties, arn)
        function = ":".join(arn.split(":")[:7])
        for known, belongs in self._owners([function], ":lambda:").items():
            self._add(self.items.resources[known], {"Statement": statement}, belongs)

    def subscription(self) -> None:
        """A subscription of a topic."""
        given = self.properties
        found: dict[str, Any] = {"endpoint": str(given.get("Endpoint", ""))}
        if (filter_policy := given.get("FilterPolicy")) is not None:
            if holds_unknown(filter_policy):
                found["unread"] = {"filterPolicy": "not known"}
            else:
                found["filterPolicy"] = filter_policy
        if isinstance(scope := given.get("FilterPolicyScope"), str):
            found["filterPolicyScope"] = scope
        for known, belongs in self._owners([str(given["TopicArn"])], ":sns:").items():
            if belongs is not False:
                why = self.doubt or ("" if belongs else f"{self.logical} may belong to another topic")
                item = {**found, "unread": {"filterPolicy": why}} if why else found
                self.items.resources[known]["subscriptions"].append(item)

    def _owners(self, arns: Iterable[str], service: str = "") -> dict[str, bool | None]:
        """Whether ARNs are those of the stack's resources of a service."""
        return _owners(arns, {known: (known,) for known in self.items.resources if service in known})

    def _add(
        self,
        item: dict[str, Any],
        document: Any,
        belongs: bool | None = True,  # noqa: FBT001, FBT002  # ternary
        key: str = "policy",
        part: str = "policy",
    ) -> None:
        """Adds the statements of a document to an item, or says why they are not known."""
        if belongs is False:
            return
        found, unread = read_documents([document])
        unread = self.doubt or ("" if belongs else f"{self.logical} may belong to it") or unread
        if unread:
            item.setdefault("unread", {}).setdefault(part, unread)
        if belongs and not self.doubt:
            item[key] += found

    def _arn_of(self, text: str) -> str:
        """The ARN for a queue's URL; an ARN is returned unchanged."""
        if not text.startswith("https://"):
            return text
        *_, account, name = text.split("/")
        return f"arn:{self.values.partition}:sqs:{self.values.region}:{account}:{name}"


def bus_name(value: Any) -> str:
    """The name of a bus from a name or an ARN."""
    return str(value).rpartition("/")[2]


def _owners(texts: Iterable[str], known: Mapping[str, Sequence[str]]) -> dict[str, bool | None]:
    """Whether any of some texts names a thing, by its key; None if that is not known.

    A text that certainly names one thing does not name another one.
    """
    found: dict[str, bool | None] = dict.fromkeys(known, False)
    for text in texts:
        results = {key: {same(text, name) for name in names} for key, names in known.items()}
        certain = any(True in result for result in results.values())
        for key, result in results.items():
            if True in result:
                found[key] = True
            elif None in result and not certain and not found[key]:
                found[key] = None
    return found


#: Types that attach to others.
ATTACH: dict[str, Callable[[Attachment], None]] = {
    "AWS::Events::EventBusPolicy": Attachment.bus_policy,
    "AWS::IAM::Policy": Attachment.role_policy,
    "AWS::IAM::ManagedPolicy": Attachment.role_policy,
    "AWS::IAM::RolePolicy": Attachment.role_policy,
    "AWS::SQS::QueuePolicy": Attachment.resource_policy,
    "AWS::SQS::QueueInlinePolicy": Attachment.resource_policy,
    "AWS::SNS::TopicPolicy": Attachment.resource_policy,
    "AWS::SNS::TopicInlinePolicy": Attachment.resource_policy,
    "AWS::Lambda::Permission": Attachment.permission,
    "AWS::SNS::Subscription": Attachment.subscription,
}
