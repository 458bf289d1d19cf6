"""Exploration: from AWS to a World, all accounts and Regions in parallel."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from trailforward.doctor.discover.accounts import (
    USUAL_ROLE,
    members,
    open_accounts,
    organization,
    regions,
    sentence,
)
from trailforward.doctor.discover.buses import buses_in, rules_of
from trailforward.doctor.discover.policies import read_role
from trailforward.doctor.discover.reader import LookError, Reader
from trailforward.doctor.discover.resources import can_read, read_resource
from trailforward.doctor.discover.trails import read_trail, trails_in
from trailforward.doctor.index import ENABLED
from trailforward.doctor.links import read_arn
from trailforward.doctor.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

#: Calls under way at a time. EventBridge allows 50 control-plane requests per second, account and Region.
WORKERS = 16

#: Rounds of following bus targets into further Regions: an event makes at most two hops.
_ROUNDS = 3
_BUS = ":event-bus/"


@dataclass(frozen=True)
class Discovery:
    """What was found.

    Attributes:
        world: everything that could be read.
        problems: what could not, one sentence each; what is not seen stands in the world as well.
    """

    world: World
    problems: tuple[str, ...]


def discover(  # noqa: PLR0913  # each is a choice of its own
    *,
    accounts: Sequence[str] = (),
    also: Sequence[str] = (),
    role: str = USUAL_ROLE,
    whole_organization: bool = False,
    only: Sequence[str] = (),
    destinations: Sequence[str] = (),
    reader: Reader | None = None,
) -> Discovery:
    """Looks at AWS with calls that only read, and never fails: what cannot be seen is said.

    Args:
        accounts: account ids, or ARNs of roles to take; none: the account of the credentials.
        also: accounts to read besides, such as a hub.
        role: the name of the role to take in accounts that are given by their ids.
        whole_organization: every active account of the organization, besides.
        only: the Regions to look at; those that calls or buses lead to are read besides. None: all.
        destinations: where events are to arrive. None: everything that rules lead to is read.
        reader: who we are; by default what the environment says.

    Raises:
        MissingExtraError: botocore is not installed.
    """
    problems: list[str] = []
    explorer = None
    try:
        reader = reader or Reader()
        explorer = _Explorer(reader, frozenset(only), tuple(destinations), problems)
        explorer.enter(accounts, also, role, whole_organization=whole_organization)
        explorer.look()
    except LookError as error:
        problems.append(sentence(error))
    found = explorer.world() if explorer else {"accounts": {}, "destinations": list(destinations)}
    return Discovery(World.model_validate(found), tuple(dict.fromkeys(problems)))


class _Explorer:
    """One look at AWS; each step adds to what is known."""

    def __init__(
        self, reader: Reader, only: frozenset[str], destinations: tuple[str, ...], problems: list[str]
    ) -> None:
        self.me = reader
        self.only = only
        self.destinations = destinations
        self.problems = problems
        self.readers: dict[str, Reader] = {}
        self.regions: dict[str, dict[str, str]] = {}
        self.organizations: dict[str, dict[str, Any]] = {}
        self.looked: set[tuple[str, str]] = set()
        self.seen_trails: dict[str, tuple[str, dict[str, Any]]] = {}
        self.organization_trails: set[str] = set()
        self.trails: list[dict[str, Any]] = []
        self.buses: list[dict[str, Any]] = []
        self.rules: list[dict[str, Any]] = []
        self.resources: dict[str, dict[str, Any]] = {}
        self.roles: dict[str, dict[str, Any]] = {}
        self.own_roles: set[str] = set()
        self.unseen: dict[tuple[str, str, str], dict[str, str]] = {}

    def enter(
        self, accounts: Sequence[str], also: Sequence[str], role: str, *, whole_organization: bool
    ) -> None:
        """Opens the accounts, and learns their organization and Regions."""
        wanted = list(accounts)
        if whole_organization:
            try:
                wanted += members(self.me)
            except LookError as error:
                self.problems.append(f"The organization's accounts were not listed. {sentence(error)}")
        opened = open_accounts(self.me, wanted, also, role, self.problems.append, self._each)
        self.readers = {access.account: access.reader for access in opened}
        self._each(self._learn, list(self.readers))

    def look(self) -> None:
        """Reads Region by Region, follows buses, then reads trails, resources and roles."""
        for _ in range(_ROUNDS):
            places = sorted(self._places() - self.looked)
            if not places:
                break
            self.looked |= set(places)
            self._each(lambda place: self._region(*place), places)
        self._each(lambda item: self._trail(*item), sorted(self.seen_trails.items()))
        # Topics come first: their subscriptions say whether a rule leads anywhere.
        self._each(self._resource, sorted({arn for arn in self._targets() if ":sns:" in arn}))
        self._each(self._resource, sorted(self._wanted() - self.resources.keys()))
        self._each(self._role, sorted(self._wanted_roles()))
        for reader in {id(reader): reader for reader in (self.me, *self.readers.values())}.values():
            reader.close()

    def world(self) -> dict[str, Any]:
        """What was found, as a snapshot."""
        for account, regions_of in self.regions.items():
            for region, status in regions_of.items():
                if status in ENABLED and (account, region) not in self.looked:
                    self._not_seen(account, region, "*", "not looked at")
        own = {arn for arn in self._wanted() if arn in self.resources}
        return {
            **({"organization": found} if (found := self._organization()) else {}),
            "accounts": dict(sorted(self.regions.items())),
            "trails": sorted(self.trails, key=lambda item: (item["account"], item["home"], item["name"])),
            "buses": sorted(self.buses, key=_place),
            "rules": sorted(self.rules, key=_place),
            "roles": [self.roles[arn] for arn in sorted(self.roles)],
            "resources": [self.resources[arn] for arn in sorted(self.resources)],
            "own": {
                "roles": sorted(self.own_roles | self._wanted_roles()) if self.destinations else [],
                "resources": sorted(own) if self.destinations else [],
            },
            "destinations": list(self.destinations),
            "unseen": [self.unseen[key] for key in sorted(self.unseen)],
        }

    def _learn(self, account: str) -> None:
        reader = self.readers[account]
        try:
            self.regions[account] = regions(reader)
        except LookError as error:
            self.problems.append(f"The Regions of account {account} were not listed. {sentence(error)}")
            return
        for region in sorted(self.only - _enabled(self.regions[account])):
            self.problems.append(f"Region {region} is not enabled in account {account}.")
        try:
            if found := organization(reader):
                self.organizations[account] = found
        except LookError as error:
            self.problems.append(
                f"The organization of account {account} was not read, so conditions on it are taken as not "
                f"met. {sentence(error)}"
            )

    def _places(self) -> set[tuple[str, str]]:
        """Account and Region of what is to be looked at, as far as is known by now."""
        buses = (arn for arn in map(read_arn, self._targets()) if arn and arn.service == "events")
        ends = (arn for arn in map(read_arn, self.destinations) if arn)
        led = {(arn.account, arn.region) for arn in chain(buses, ends)}
        return {
            (account, region)
            for account, known in self.regions.items()
            for region in _enabled(known)
            if not self.only or region in self.only or region == self.me.centre or (account, region) in led
        }

    def _region(self, account: str, region: str) -> None:
        reader = self.readers[account]
        for step in (self._trails_in, self._buses_in):
            try:
                step(reader, account, region)
            except LookError as error:
                self._refused(account, region, error)
        reader.leave(region)

    def _trails_in(self, reader: Reader, account: str, region: str) -> None:
        for trail in trails_in(reader, region):
            arn = trail["TrailARN"]
            if trail.get("IsOrganizationTrail"):
                self.organization_trails.add(account)
            # Its owner knows it best.
            if arn not in self.seen_trails or f":{account}:" in arn:
                self.seen_trails[arn] = account, trail

    def _buses_in(self, reader: Reader, account: str, region: str) -> None:
        names = ["default"]
        try:
            found = buses_in(reader, region)
            names = [bus["name"] for bus in found] or names
            self.buses += [
                {"account": account, "region": region, **bus}
                for bus in found
                if bus["name"] != "default" or bus["policy"]
            ]
        except LookError as error:
            self._refused(account, region, error)
        for name in names:
            rules = rules_of(reader, region, name)
            self.rules += [{**rule, "account": account} for rule in rules]

    def _trail(self, arn: str, seen: tuple[str, dict[str, Any]]) -> None:
        account, found = seen
        try:
            self.trails.append(read_trail(self.readers[account], found))
        except LookError as error:
            for other in sorted(self.organization_trails | {account}):
                self._refused(
                    other, "*" if found.get("IsMultiRegionTrail") else found["HomeRegion"], error, arn
                )

    def _resource(self, text: str) -> None:
        arn = read_arn(text)
        if arn is None or arn.account not in self.readers or not can_read(arn):
            return
        try:
            found = read_resource(self.readers[arn.account], arn)
        except LookError as error:
            self._refused(arn.account, arn.region, error, text)
            if arn.service == "sns":  # whether rules with this target lead anywhere is not known either
                self._not_seen(arn.account, arn.region, "rules", f"the subscriptions of {text} were not read")
            return
        if found is not None:
            role = found.pop("role", None)
            if role and text in self.destinations:
                self.own_roles.add(role)
            self.resources[text] = found

    def _role(self, text: str) -> None:
        arn = read_arn(text)
        if arn is None or arn.account not in self.readers:
            return
        try:
            found = read_role(self.readers[arn.account], text)
        except LookError as error:
            if not error.missing:
                self._refused(arn.account, "*", error, text)
            return
        self.roles[text] = found

    def _targets(self) -> set[str]:
        return {target["arn"] for rule in self.rules for target in rule["targets"]}

    def _leading(self) -> Iterator[dict[str, Any]]:
        """Targets that may bring an event to a destination; all, where no destination is named."""
        for target in (target for rule in self.rules for target in rule["targets"]):
            arn = target["arn"]
            behind = self.resources.get(arn, {}).get("subscriptions") or ()
            if (
                not self.destinations
                or arn in self.destinations
                or _BUS in arn
                or any(subscriber in self.destinations for subscriber in behind)
            ):
                yield target

    def _wanted(self) -> set[str]:
        """Resources to read: destinations, targets that lead there, and their dead-letter queues."""
        leading = list(self._leading())
        dead_letters = {target["dlq"] for target in leading if "dlq" in target}
        targets = {target["arn"] for target in leading if _BUS not in target["arn"]}
        return {*self.destinations, *dead_letters, *targets}

    def _wanted_roles(self) -> set[str]:
        return {target["role"] for target in self._leading() if "role" in target}

    def _organization(self) -> dict[str, Any] | None:
        """The organization that most is known of. Members are those that say so, or show its trail."""
        known = next((found for _, found in sorted(self.organizations.items())), None)
        if known is None and not self.organization_trails:
            return None
        same = {account for account, found in self.organizations.items() if found == known}
        management = {known["management"]} if known else set()
        return {**(known or {}), "accounts": sorted(same | management | self.organization_trails)}

    def _refused(self, account: str, region: str, error: LookError, about: str = "") -> None:
        what = error.call.what or "*"
        self._not_seen(account, region, what, f"{error.call.service}:{error.call.operation}: {error.code}")
        place = f"account {account}" if region == "*" else f"{region} of account {account}"
        thing = f"{about} ({what})" if about else what.capitalize()
        self.problems.append(f"{thing} in {place} not seen. {sentence(error)}")

    def _not_seen(self, account: str, region: str, what: str, why: str) -> None:
        gap = {"account": account, "region": region, "what": what, "why": why}
        self.unseen.setdefault((account, region, what), gap)

    def _each(self, work: Callable[..., Any], items: Iterable[Any]) -> list[Any]:
        """A parallel map, in order."""
        with ThreadPoolExecutor(WORKERS, "doctor") as pool:
            return list(pool.map(work, items))


def _enabled(regions_of: dict[str, str]) -> set[str]:
    return {region for region, status in regions_of.items() if status in ENABLED}


def _place(item: dict[str, Any]) -> tuple[str, str, str, str]:
    return item["account"], item["region"], item.get("bus", ""), item["name"]
