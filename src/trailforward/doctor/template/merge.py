"""Merge: adds what stacks and plans create to a World."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.doctor.template.stack import LISTS
from trailforward.doctor.world.unknown import is_unknown, may_be
from trailforward.doctor.world.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from trailforward.doctor.template.stack import Stack
    from trailforward.doctor.world.origin import Origin

#: The status of a Region that is enabled by default.
_ENABLED = "ENABLED_BY_DEFAULT"


@dataclass(frozen=True)
class AppliedTemplate:
    """A world with a template or plan applied.

    Attributes:
        world: the resulting world.
        assumptions: what was assumed, one sentence each.
        not_understood: what could not be read, one sentence each.
        accounts: the accounts with resources of the template or plan.
        origins: link to the place in a template that declares the resource.
    """

    world: World
    assumptions: tuple[str, ...]
    not_understood: tuple[str, ...]
    accounts: tuple[str, ...] = ()
    origins: Mapping[str, Origin] = field(default_factory=dict)


class Addition(NamedTuple):
    """What a plan adds to an item that it does not create itself.

    Attributes:
        key: the list of the snapshot: ``resources``, ``roles``, ``rules``, or ``buses``.
        item: the ARN of the item; of a role, without its path; of a rule, ``ACCOUNT/REGION/BUS/NAME``; of a
            bus, ``ACCOUNT/REGION/NAME``.
        field: the item's field: ``policy``, ``subscriptions``, ``statements``, or ``targets``.
        values: what is added.
        unread: why some of it is missing; empty if nothing is.
        replaces: whether it replaces what the item had before.
    """

    key: str
    item: str
    field: str
    values: list[dict[str, Any]]
    unread: str = ""
    replaces: bool = False


@dataclass
class Made:
    """What deployments add to a world.

    Attributes:
        found: the items by list of the snapshot.
        gone: the same for items that a deployment deletes.
        unseen: what could not be read, in the snapshot's form.
        not_understood: the same for people, one sentence each.
        assumptions: what was assumed, one sentence each.
        additions: what is added to items of others, and taken away from them.
        adding: the policies of buses of others, which are in ``found`` as well.
        organization: the organization, in the snapshot's form; empty if not known.
        declared: links to the addresses of their resources.
        origins: links to the places in templates that declare the resources.
        places: the (account, Region) pairs that something is deployed to.
        stacks: how many stacks were read.
    """

    found: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {key: [] for key in LISTS})
    gone: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {key: [] for key in LISTS})
    unseen: list[dict[str, Any]] = field(default_factory=list)
    not_understood: list[str] = field(default_factory=list)
    assumptions: dict[str, None] = field(default_factory=dict)
    additions: list[Addition] = field(default_factory=list)
    adding: list[Addition] = field(default_factory=list)
    organization: dict[str, Any] = field(default_factory=dict)
    declared: dict[str, str] = field(default_factory=dict)
    origins: dict[str, Origin] = field(default_factory=dict)
    places: dict[tuple[str, str], None] = field(default_factory=dict)
    stacks: int = 0

    def add(self, stack: Stack) -> None:
        """Adds what a stack creates."""
        for key in LISTS:
            self.found[key] += stack.found[key]
        self.unseen += stack.unseen
        self.not_understood += stack.notes


def merge(
    made: Made, base: World | None, asked: Iterable[tuple[str, str]], destinations: Iterable[str] = ()
) -> AppliedTemplate:
    """Adds what deployments create to a world, and removes what they delete.

    Args:
        made: what they create and delete.
        base: the existing world; by default, one with only a trail that logs all management events.
        asked: further (account, Region) pairs that the question is about.
        destinations: ARNs that replace the world's destinations.
    """
    raw: dict[str, Any] = base.model_dump(mode="json", by_alias=True, exclude_unset=True) if base else {}
    accounts = {account: dict(regions) for account, regions in raw.get("accounts", {}).items()}
    places = list(dict.fromkeys([*made.places, *asked]))
    for account, region in places:
        accounts.setdefault(account, {}).setdefault(region, _ENABLED)
    assumptions = list(made.assumptions)
    if base is None:
        homes = dict(reversed(list(made.places or places)))
        if not made.found["trails"]:
            raw["trails"] = [_assumed_trail(account, region) for account, region in homes.items()]
            assumptions.append(
                "Assuming a multi-Region trail that logs all management events; what else it logs is not "
                "known. Use --snapshot for real trails."
            )
        others = ("buses", "roles", "resources", *(() if made.organization else ("organization",)))
        raw["unseen"] = [_others(account, what) for account in homes for what in others]
    if made.organization and not raw.get("organization"):
        raw["organization"] = made.organization
    for key, identity in _IDENTITIES.items():
        new = {identity(item): item for item in made.found[key]}
        if key == "buses":  # a policy for a bus of others is added to it
            added = {one.item for one in made.adding}
            kept = {identity(item) for item in raw.get(key, ()) if _name_of(key, item) in added}
            new = {name: item for name, item in new.items() if name not in kept}
        replaced = new.keys() | {identity(item) for item in made.gone[key]}
        old = [item for item in raw.get(key, ()) if identity(item) not in replaced]
        raw[key] = [
            *(_with_additions(key, item, [*made.additions, *made.adding]) for item in old),
            *new.values(),
        ]
    raw["unseen"] = [*raw.get("unseen", ()), *made.unseen]
    raw |= {"accounts": accounts}
    if declared := {**raw.get("declared", {}), **made.declared}:
        raw["declared"] = declared
    if destinations := list(destinations):
        raw["destinations"] = destinations
    return AppliedTemplate(
        World.model_validate(raw),
        tuple(assumptions),
        tuple(dict.fromkeys(made.not_understood)),
        tuple(dict.fromkeys(account for account, _ in made.places)),
        made.origins,
    )


def _with_additions(key: str, item: dict[str, Any], additions: Sequence[Addition]) -> dict[str, Any]:
    """An item of others with the policies, subscriptions, and targets that are added to it."""
    for added in additions:
        if added.key == key and may_be(added.item, _name_of(key, item)):
            item = _with_addition(item, added)
    return item


def _name_of(key: str, item: dict[str, Any]) -> str:
    """What :attr:`Addition.item` is for an item."""
    if key == "rules":
        return "/".join(str(item[part]) for part in ("account", "region", "bus", "name"))
    if key == "buses":
        return "/".join(str(item[part]) for part in ("account", "region", "name"))
    arn = str(item["arn"])
    return f"{arn.partition('/')[0]}/{arn.rpartition('/')[2]}" if key == "roles" else arn


def _with_addition(item: dict[str, Any], added: Addition) -> dict[str, Any]:
    part = "policies" if added.field == "statements" else added.field
    unread = dict(item.get("unread") or {})
    if is_unknown(added.item):
        return {**item, "unread": {**unread, part: "something that is added may belong to it"}}
    if added.replaces:
        unread.pop(part, None)
    if added.unread:
        unread[part] = added.unread
    before = [] if added.replaces else item.get(added.field) or []
    return {**item, added.field: [*before, *added.values], "unread": unread}


def _others(account: str, what: str) -> dict[str, Any]:
    return {
        "account": account,
        "region": "*",
        "what": what,
        "why": "other stacks were not read: use --snapshot",
    }


def _assumed_trail(account: str, region: str) -> dict[str, Any]:
    return {
        "name": "assumed", "account": account, "home": region, "multiRegion": True, "organization": False,
        "logging": True, "globalEvents": True, "selectors": None,
        "unread": dict.fromkeys(("dataSelectors", "insights"), "the trail is assumed"),
    }  # fmt: skip


_IDENTITIES: dict[str, Callable[[dict[str, Any]], tuple[str, ...]]] = {
    "trails": lambda item: (item["account"], item["home"], item["name"]),
    "buses": lambda item: (item["account"], item["region"], item["name"]),
    "rules": lambda item: (item["account"], item["region"], item["bus"], item["name"]),
    "roles": lambda item: (item["arn"],),
    "resources": lambda item: (item["arn"],),
}
