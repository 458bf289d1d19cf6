"""World: a snapshot of accounts, Regions, trails, rules, buses and targets.

A world can be saved as JSON, shared, and checked again. Reading is lenient: unknown keys are kept, an item
that does not fit is set aside, and :attr:`World.not_understood` names both.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, ClassVar, Self

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from trailforward.doctor.world.base import SnapshotModel
from trailforward.doctor.world.index import Index
from trailforward.doctor.world.resources import (
    Bus,
    Organization,
    Own,
    Resource,
    Role,
    Rule,
    SetAside,
    Unseen,
)
from trailforward.doctor.world.trails import EventDataStore, Trail
from trailforward.errors import EventError, TrailforwardError
from trailforward.jsontext import decode

#: The version of snapshots that this code reads and writes.
VERSION = 1

_ACCOUNT = re.compile(r"(?<!\d)\d{12}(?!\d)")
_ORGANIZATION = re.compile(r"\bo-[a-z0-9]{10,32}\b")


class SnapshotError(TrailforwardError):
    """A snapshot that cannot be read at all: invalid JSON, not an object, or another version."""


class World(SnapshotModel):
    """A snapshot of AWS accounts. Lists keep their order; where several items apply, the first one is named.

    ::

        world = World.model_validate(json.load(file))     # or World.from_json(text)
        reach(world, Call(account="111122223333", region="eu-west-1", service="iam.amazonaws.com",
                          event_name="CreateUser"))

    Attributes:
        version: version of the snapshot format.
        organization: the organization, or None.
        accounts: account ID to Region to status, as ``account:ListRegions`` returns it. A Region that is not
            listed is not enabled; an account that is not listed was not read.
        trails: of all accounts; an organization trail is listed once, with its owner.
        event_data_stores: CloudTrail Lake; never counted as trails.
        buses: custom buses, and default buses that have a policy.
        rules: of all buses.
        roles: roles that targets use.
        resources: existing resources that can receive events.
        own: the pipeline's own roles and resources.
        destinations: ARNs; an event is covered if it reaches any of them.
        declared: link to the address of the resource in a Terraform plan.
        unseen: what could not be read.
        problems: the same for people, one sentence each, as discovery reported it.
        set_aside: items of the snapshot that could not be understood, unchanged.

    Raises:
        SnapshotError: the data is not an object, or has another version.
    """

    version: int = VERSION
    organization: Organization | None = None
    accounts: dict[str, dict[str, str]] = Field(default_factory=dict)
    trails: tuple[Trail, ...] = ()
    event_data_stores: tuple[EventDataStore, ...] = ()
    buses: tuple[Bus, ...] = ()
    rules: tuple[Rule, ...] = ()
    roles: tuple[Role, ...] = ()
    resources: tuple[Resource, ...] = ()
    own: Own = Own()
    destinations: tuple[str, ...] = ()
    declared: dict[str, str] = Field(default_factory=dict)
    unseen: tuple[Unseen, ...] = ()
    problems: tuple[str, ...] = ()
    set_aside: tuple[SetAside, ...] = ()

    #: List to the type of its items; lists are read item by item.
    _LISTS: ClassVar[Mapping[str, TypeAdapter[Any]]] = {
        "trails": TypeAdapter(Trail),
        "eventDataStores": TypeAdapter(EventDataStore),
        "buses": TypeAdapter(Bus),
        "rules": TypeAdapter(Rule),
        "roles": TypeAdapter(Role),
        "resources": TypeAdapter(Resource),
        "destinations": TypeAdapter(str),
        "unseen": TypeAdapter(Unseen),
        "problems": TypeAdapter(str),
    }
    _OBJECTS: ClassVar[Mapping[str, TypeAdapter[Any]]] = {
        "organization": TypeAdapter(Organization),
        "own": TypeAdapter(Own),
        "declared": TypeAdapter(dict[str, str]),
    }

    @model_validator(mode="before")
    @classmethod
    def _understand(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            raise SnapshotError(f"a snapshot must be a JSON object, not {_kind(data)}")
        version = data.get("version", VERSION)
        if version != VERSION or isinstance(version, bool):
            raise SnapshotError(
                f"this snapshot has version {version!r}, but this trailforward reads version {VERSION}: "
                "save the snapshot again, or use the trailforward version that wrote it"
            )
        return _SnapshotReader(data, cls._LISTS, cls._OBJECTS).run()

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Reads a saved snapshot.

        Raises:
            SnapshotError: it is not JSON, not an object, or of another version.
        """
        try:
            data = decode(text)
        except EventError as error:
            raise SnapshotError(f"the snapshot cannot be read: {error}") from None
        return cls.model_validate(data)

    def to_json(self, *, indent: int | None = 2) -> str:
        """The snapshot as JSON text, including unknown keys and items that were set aside."""
        data = self.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return json.dumps({"version": self.version, **data}, indent=indent, ensure_ascii=False)

    def masked(self) -> Self:
        """A copy with anonymized account and organization IDs, fit to be shared.

        Accounts become ``000000000001`` and so on, in order of appearance, everywhere: in ARNs, policies and
        patterns too. Names are kept. A pattern that matches part of an account ID (a prefix, for example) no
        longer matches.
        """
        accounts: dict[str, str] = {}
        organizations: dict[str, str] = {}
        text = self.to_json(indent=None)
        text = _ACCOUNT.sub(lambda at: accounts.setdefault(at[0], f"{len(accounts) + 1:012d}"), text)
        text = _ORGANIZATION.sub(
            lambda at: organizations.setdefault(at[0], f"o-{len(organizations) + 1:010d}"), text
        )
        return self.from_json(text)

    @property
    def not_understood(self) -> tuple[str, ...]:
        """What this version does not understand in the snapshot, one sentence each."""
        aside = (f"{piece.where}: {piece.why}" for piece in self.set_aside)
        return (*aside, *(f"{where}: unknown key" for where in _unknown_keys(self)))

    @cached_property
    def index(self) -> Index:
        """Look-ups by account and Region, with every pattern compiled once."""
        return Index(self)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A changed copy, for what-if checks; the values of ``update`` are not validated."""
        copied = super().model_copy(update=update, deep=deep)
        copied.__dict__.pop("index", None)
        return copied


class _SnapshotReader:
    """One pass over a raw snapshot: keeps what fits, and sets the rest aside."""

    def __init__(
        self,
        data: Mapping[str, Any],
        lists: Mapping[str, TypeAdapter[Any]],
        objects: Mapping[str, TypeAdapter[Any]],
    ) -> None:
        self.data = dict(data)
        self.lists = lists
        self.objects = objects
        self.aside: list[SetAside] = []

    def run(self) -> dict[str, Any]:
        for alias, item in self.lists.items():
            self._section(alias, lambda where, value, item=item: self._list(where, value, item))
        for alias, kind in self.objects.items():
            self._section(alias, lambda where, value, kind=kind: self._piece(where, value, kind))
        self._section("accounts", self._accounts)
        if self.aside:
            key = "set_aside" if "set_aside" in self.data else "setAside"
            self.data[key] = [*self.data.get(key, ()), *self.aside]
        return self.data

    def _section(self, alias: str, read: Any) -> None:
        for key in {alias, re.sub("([A-Z])", lambda at: "_" + at[0].lower(), alias)} & self.data.keys():
            raw = self.data.pop(key)
            value = _NOTHING if raw is None else read(alias, raw)
            if value is not _NOTHING:
                self.data[key] = value

    def _list(self, where: str, value: Any, item: TypeAdapter[Any]) -> Any:
        if not isinstance(value, (list, tuple)):
            return self._put_aside(where, f"must be a list, not {_kind(value)}", value)
        read = (self._piece(f"{where}[{number}]", piece, item) for number, piece in enumerate(value))
        return [piece for piece in read if piece is not _NOTHING]

    def _accounts(self, where: str, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return self._put_aside(where, f"must be an object, not {_kind(value)}", value)
        read = {
            account: self._piece(f"{where}.{account}", regions, _REGIONS)
            for account, regions in value.items()
        }
        return {account: regions for account, regions in read.items() if regions is not _NOTHING}

    def _piece(self, where: str, value: Any, kind: TypeAdapter[Any]) -> Any:
        try:
            return kind.validate_python(value)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(step) for step in first["loc"])
            return self._put_aside(where, f"{place}: {first['msg']}" if place else first["msg"], value)

    def _put_aside(self, where: str, why: str, value: Any) -> Any:
        self.aside.append(SetAside(where=where, why=why, value=value))
        return _NOTHING


_NOTHING: Any = object()
_REGIONS: TypeAdapter[Any] = TypeAdapter(dict[str, str])


def _kind(value: Any) -> str:
    return "null" if value is None else type(value).__name__


def _unknown_keys(value: Any, where: str = "") -> Iterator[str]:
    if isinstance(value, tuple):
        for number, item in enumerate(value):
            yield from _unknown_keys(item, f"{where}[{number}]")
    elif isinstance(value, SnapshotModel) and not isinstance(value, SetAside):
        prefix = f"{where}." if where else ""
        yield from (prefix + key for key in value.unknown)
        for name, field in type(value).model_fields.items():
            yield from _unknown_keys(getattr(value, name), prefix + str(field.alias))
