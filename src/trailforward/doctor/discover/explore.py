"""Exploration: reads all accounts and Regions in parallel, and builds a World."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from trailforward.arn import Arn
from trailforward.doctor.discover.accounts import (
    DEFAULT_ROLE,
    explain,
    open_accounts,
    organization_members,
    read_organization,
    region_statuses,
)
from trailforward.doctor.discover.buses import buses_in, rules_of
from trailforward.doctor.discover.problems import Problem, sentences
from trailforward.doctor.discover.reader import AwsCallError, Reader, TimeLimit
from trailforward.doctor.discover.resources import can_read, read_pipes, read_resource
from trailforward.doctor.discover.resume import EXPIRED, keep, reason, stopped
from trailforward.doctor.discover.roles import read_role
from trailforward.doctor.discover.trails import read_trail, trails_in
from trailforward.doctor.world.index import ENABLED
from trailforward.doctor.world.links import read_arn
from trailforward.doctor.world.resources import Bus, Resource, Role, Rule
from trailforward.doctor.world.trails import Trail
from trailforward.doctor.world.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from trailforward.doctor.world.base import SnapshotModel

#: Concurrent calls. EventBridge allows 50 control-plane requests per second, account and Region.
WORKERS = 16

#: How often bus targets are followed into further Regions: an event makes at most two hops.
_ROUNDS = 3
_BUS = ":event-bus/"
_NO_LOOPS = "So loops through its own destinations were not looked for."
#: Service of an ARN to what is unknown if it is not understood.
_KINDS = {"iam": "roles", "cloudtrail": "trails"}


@dataclass(frozen=True)
class Discovery:
    """The result of discovery.

    Attributes:
        world: everything that could be read.
        problems: what could not be read, one sentence for each cause; the world records it as ``unseen`` too.
        notes: what was not looked for, one sentence for each cause; no coverage depends on it.
    """

    world: World
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()


def discover(  # noqa: PLR0913  # each is an independent option
    *,
    accounts: Sequence[str] = (),
    also_read: Sequence[str] = (),
    role: str = DEFAULT_ROLE,
    whole_organization: bool = False,
    regions: Sequence[str] = (),
    destinations: Sequence[str] = (),
    reader: Reader | None = None,
    resume: World | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    external_id: str = "",
    limit: TimeLimit | None = None,
) -> Discovery:
    """Reads AWS with read-only calls. Never fails: what cannot be read becomes a problem.

    If the credentials expire on the way, or its time is over, it stops, and returns what it has read.

    Args:
        accounts: account IDs or role ARNs; if empty, the account of the credentials.
        also_read: further accounts to read, such as a hub.
        role: name of the role to assume in accounts given by ID.
        whole_organization: also read every active account of the organization.
        regions: the Regions to read, plus those that global services or buses lead to. If empty, all Regions.
        destinations: ARNs where events should arrive. If empty, everything that rules lead to is read.
        reader: a reader with the caller's credentials; by default, those of the environment.
        resume: the snapshot of a run that stopped before its end: only the rest is read.
        progress: receives what is being read, how many items are done, and how many there are, after each
            item, from one thread at a time.
        external_id: the external ID to assume roles with; empty for none.
        limit: when to stop reading; by default, there is no limit.

    Raises:
        MissingExtraError: botocore is not installed.
    """
    problems: list[Problem] = []
    explorer = None
    try:
        reader = reader or Reader(limit=limit, external_id=external_id)
        explorer = _Explorer(reader, frozenset(regions), tuple(destinations), problems, progress)
        if resume is not None:
            explorer.resume(resume)
        explorer.open(accounts, also_read, role, whole_organization=whole_organization)
        explorer.read()
    except AwsCallError as error:
        problems.append(Problem(explain(error)))
    found = explorer.snapshot() if explorer else {"accounts": {}, "destinations": list(destinations)}
    stopped = explorer.stopped() if explorer else ()
    notes = sentences(explorer.notes) if explorer else ()
    return Discovery(World.model_validate(found), (*sentences(problems), *stopped), notes)


class _Explorer:
    """One pass over AWS; each step adds to what is known."""

    def __init__(
        self,
        reader: Reader,
        only_regions: frozenset[str],
        destinations: tuple[str, ...],
        problems: list[Problem],
        progress: Callable[[str, int, int], None] | None,
    ) -> None:
        self.me = reader
        self.only_regions = only_regions
        self.destinations = destinations
        self.problems = problems
        self.notes: list[Problem] = []
        self.progress = progress
        self.progress_lock = threading.Lock()
        self.readers: dict[str, Reader] = {}
        self.regions: dict[str, dict[str, str]] = {}
        self.organizations: dict[str, dict[str, Any]] = {}
        self.attempted: set[tuple[str, str]] = set()
        self.visited: set[tuple[str, str]] = set()
        self.seen_trails: dict[str, tuple[str, dict[str, Any]]] = {}
        self.organization_trails: set[str] = set()
        self.trails: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.buses: list[dict[str, Any]] = []
        self.rules: list[dict[str, Any]] = []
        self.resources: dict[str, dict[str, Any]] = {}
        self.roles: dict[str, dict[str, Any]] = {}
        self.own_roles: set[str] = set()
        self.own_sinks: set[str] = set()
        self.unseen: dict[tuple[str, str, str], dict[str, str]] = {}

    def resume(self, saved: World) -> None:
        """Takes over what a run that stopped has read."""
        kept = keep(saved, self.me.global_region)
        data = kept.data
        self.problems += kept.problems
        self.destinations = self.destinations or saved.destinations
        self.visited |= kept.places
        self.regions |= data.get("accounts", {})
        self.trails |= {_trail_key(item): item for item in data.get("trails", ())}
        self.buses += data["buses"]
        self.rules += data["rules"]
        self.resources |= {item["arn"]: item for item in data.get("resources", ())}
        self.roles |= {item["arn"]: item for item in data.get("roles", ())}
        self.own_roles |= set(saved.own.roles)
        self.own_sinks |= set(saved.own.resources)
        self.organization_trails |= set(saved.organization.accounts if saved.organization else ())
        for gap in data["unseen"]:
            self._mark_unseen(**{name: gap.get(name, "*") for name in ("account", "region", "what", "why")})

    def open(
        self, accounts: Sequence[str], also_read: Sequence[str], role: str, *, whole_organization: bool
    ) -> None:
        """Opens the accounts, and reads their organization and Regions."""
        requested = list(accounts)
        if whole_organization:
            try:
                requested += organization_members(self.me)
            except AwsCallError as error:
                self._report(error, "The organization's accounts could not be listed.")
        opened = open_accounts(self.me, requested, also_read, role, self._closed, self._each)
        self.readers = {access.account: access.reader for access in opened}
        self._each(self._read_account, list(self.readers), "Regions of accounts")

    def _closed(self, problem: Problem, error: AwsCallError | None) -> None:
        """Records an account that could not be opened: nothing is known about it."""
        if error is not None:
            why = reason(error.code) if error.expired else f"its role cannot be assumed ({error.code})"
            self._mark_unseen(problem.account, "*", "*", why)
        if error is None or not error.expired:  # stopped() says the others
            self.problems.append(problem)

    def read(self) -> None:
        """Reads Region by Region, follows buses, then reads trails, resources and roles."""
        for _ in range(_ROUNDS):
            places = sorted(self._places() - self.visited - self.attempted)
            self.attempted |= set(places)
            if not places:
                break
            self._each(lambda place: self._region(*place), places, "account/Region pairs")
        self._each(lambda item: self._trail(*item), sorted(self.seen_trails.items()), "trails")
        # Topics first: their subscriptions decide whether a rule leads to a destination.
        topics = {arn for arn in self._targets() if ":sns:" in arn}
        self._each(self._resource, sorted(topics - self.resources.keys()), "topics")
        self._each(self._resource, sorted(self._wanted() - self.resources.keys()), "targets")
        self._each(self._role, sorted(self._wanted_roles() - self.roles.keys()), "roles")
        for reader in {id(reader): reader for reader in (self.me, *self.readers.values())}.values():
            reader.close()

    def snapshot(self) -> dict[str, Any]:
        """Everything that was read, as a snapshot."""
        for account, regions_of in self.regions.items():
            for region, status in regions_of.items():
                if status in ENABLED and (account, region) not in self.visited:
                    attempted = (account, region) in self.attempted
                    self._mark_unseen(account, region, "*", self._why_stopped() if attempted else "not read")
        own = {arn for arn in self._wanted() if arn in self.resources}
        return {
            **({"organization": found} if (found := self._organization()) else {}),
            "accounts": dict(sorted(self.regions.items())),
            "trails": [self.trails[key] for key in sorted(self.trails)],
            "buses": sorted(self.buses, key=_place),
            "rules": sorted(self.rules, key=_place),
            "roles": [self.roles[arn] for arn in sorted(self.roles)],
            "resources": [self.resources[arn] for arn in sorted(self.resources)],
            "own": {
                "roles": sorted(self.own_roles | self._wanted_roles()) if self.destinations else [],
                "resources": sorted(own | self.own_sinks) if self.destinations else [],
            },
            "destinations": list(self.destinations),
            "unseen": [self.unseen[key] for key in sorted(self.unseen)],
        }

    def _read_account(self, account: str) -> None:
        reader = self.readers[account]
        try:
            self.regions[account] = region_statuses(reader)
        except AwsCallError as error:
            self._report(error, "The Regions of {where} could not be listed.", account)
            return
        for region in sorted(self.only_regions - _enabled(self.regions[account])):
            self.problems.append(Problem(f"Region {region} is not enabled in {{where}}.", account))
        try:
            if found := read_organization(reader):
                self.organizations[account] = found
        except AwsCallError as error:
            text = "The organization of {where} could not be read, so conditions on it count as not met."
            self._report(error, text, account)

    def _places(self) -> set[tuple[str, str]]:
        """The accounts and Regions to read, as far as known by now."""
        buses = (arn for arn in map(read_arn, self._targets()) if arn and arn.service == "events")
        ends = (arn for arn in map(read_arn, self.destinations) if arn)
        led = {(arn.account, arn.region) for arn in chain(buses, ends)}
        return {
            (account, region)
            for account, known in self.regions.items()
            if account in self.readers
            for region in _enabled(known)
            if not self.only_regions
            or region in self.only_regions
            or region == self.me.global_region
            or (account, region) in led
        }

    def _region(self, account: str, region: str) -> None:
        reader = self.readers[account]
        for step in (self._trails_in, self._buses_in):
            try:
                step(reader, account, region)
            except AwsCallError as error:
                self._denied(account, region, error)
        if reader.expired is None:
            self.visited.add((account, region))
        reader.close_region(region)

    def _trails_in(self, reader: Reader, account: str, region: str) -> None:
        def note(trail: dict[str, Any]) -> None:
            arn = trail["TrailARN"]
            owner = Arn.parse(arn).account
            if trail.get("IsOrganizationTrail"):
                self.organization_trails.add(account)
            # The owner's copy is the most reliable.
            if arn not in self.seen_trails or owner == account:
                self.seen_trails[arn] = account, trail

        for trail in trails_in(reader, region):
            self._one("trails", account, region, lambda trail=trail: note(trail))  # type: ignore[misc]

    def _buses_in(self, reader: Reader, account: str, region: str) -> None:
        names = ["default"]
        place = {"account": account, "region": region}
        try:
            read = [self._one("buses", account, region, bus, Bus, place) for bus in buses_in(reader, region)]
            found = [bus for bus in read if bus is not None]
            names = [bus["name"] for bus in found] or names
            self.buses += [
                bus for bus in found if bus["name"] != "default" or bus["policy"] or "unread" in bus
            ]
        except AwsCallError as error:
            self._denied(account, region, error)
        for name in names:
            for rule in rules_of(reader, region, name):
                found_rule = self._one("rules", account, region, rule, Rule, {"account": account})
                if found_rule is not None:
                    self.rules.append(found_rule)
                    reason = found_rule.get("unread", {}).get("targets")
                    if reason and reader.expired is None:
                        text = f"Targets of rules in {{where}} could not be read: {reason}."
                        self.problems.append(Problem(text, account, region))

    def _one(
        self,
        what: str,
        account: str,
        region: str,
        read: Callable[[], Any],
        model: type[SnapshotModel] | None = None,
        place: dict[str, str] | None = None,
    ) -> Any:
        """Reads one item of a list. If it has an unusual form, it is reported, and the others are read."""
        try:
            found = read()
            if model is not None and found is not None:
                found = {**found, **(place or {})}
                model.model_validate(found)
        except AwsCallError:
            raise
        except Exception as error:  # noqa: BLE001  # AWS may return anything
            why = f"unusual response ({type(error).__name__})"
            self._mark_unseen(account, region, what, why)
            text = f"One of the {what} in {{where}} was not understood: {why}."
            self.problems.append(Problem(text, account, region))
            return None
        return found

    def _trail(self, arn: str, seen: tuple[str, dict[str, Any]]) -> None:
        account, found = seen
        try:
            trail = read_trail(self.readers[account], found)
            Trail.model_validate(trail)
            self.trails[_trail_key(trail)] = trail
        except AwsCallError as error:
            for other in sorted(self.organization_trails | {account}):
                self._denied(
                    other, "*" if found.get("IsMultiRegionTrail") else found["HomeRegion"], error, arn
                )

    def _resource(self, text: str) -> None:
        arn = read_arn(text)
        if arn is None or arn.account not in self.readers or not can_read(arn):
            return
        try:
            found = read_resource(self.readers[arn.account], arn)
        except AwsCallError as error:
            self._denied(arn.account, arn.region, error, text)
            if (
                arn.service == "sns"
            ):  # then it is also unknown whether rules with this target lead to a destination
                self._mark_unseen(
                    arn.account, arn.region, "rules", f"the subscriptions of {text} were not read"
                )
            return
        if found is not None:
            if text in self.destinations:
                pipes = read_pipes(self.readers[arn.account], arn)
                unread = {**found.get("unread", {}), **pipes.pop("unread", {})}
                found |= {**pipes, **({"unread": unread} if unread else {})}
            role, sinks, lacks = (found.pop(key, None) for key in ("role", "ownSinks", "ownLacks"))
            Resource.model_validate(found)
            if role and text in self.destinations:
                self.own_roles.add(role)
                self.own_sinks.update(sinks or ())
                if lacks:
                    self.notes.append(Problem(f"{{about}}: {lacks}. {_NO_LOOPS}", arn.account, about=text))
            self.resources[text] = found

    def _role(self, text: str) -> None:
        arn = read_arn(text)
        if arn is None or arn.account not in self.readers:
            return
        try:
            found = read_role(self.readers[arn.account], text)
        except AwsCallError as error:
            if not error.missing:
                self._denied(arn.account, "*", error, text)
            return
        Role.model_validate(found)
        self.roles[text] = found

    def _targets(self) -> set[str]:
        return {target["arn"] for rule in self.rules for target in rule["targets"]}

    def _leading(self) -> Iterator[dict[str, Any]]:
        """Targets that may lead to a destination; all targets if no destination is given."""
        for target in (target for rule in self.rules for target in rule["targets"]):
            arn = target["arn"]
            behind = self.resources.get(arn, {}).get("subscriptions") or ()
            if (
                not self.destinations
                or arn in self.destinations
                or _BUS in arn
                or any(subscriber["endpoint"] in self.destinations for subscriber in behind)
            ):
                yield target

    def _wanted(self) -> set[str]:
        """Resources to read: destinations, targets that lead to them, and their dead-letter queues."""
        leading = list(self._leading())
        dead_letters = {target["dlq"] for target in leading if "dlq" in target}
        targets = {target["arn"] for target in leading if _BUS not in target["arn"]}
        return {*self.destinations, *dead_letters, *targets}

    def _wanted_roles(self) -> set[str]:
        of_rules = {rule["role"] for rule in self.rules if "role" in rule}
        return of_rules | {target["role"] for target in self._leading() if "role" in target}

    def _organization(self) -> dict[str, Any] | None:
        """The organization, with every account that reports it or shows one of its trails as a member."""
        known = next((found for _, found in sorted(self.organizations.items())), None)
        if known is None and not self.organization_trails:
            return None
        same = {account for account, found in self.organizations.items() if found == known}
        management = {known["management"]} if known else set()
        return {**(known or {}), "accounts": sorted(same | management | self.organization_trails)}

    def _denied(self, account: str, region: str, error: AwsCallError, about: str = "") -> None:
        what = error.call.what or "*"
        why = f"{error.call.service}:{error.call.operation}: {error.code}"
        self._mark_unseen(account, region, what, reason(error.code) if error.expired else why)
        thing = f"{{about}} ({what})" if about else what.capitalize()
        self._report(error, f"{thing} in {{where}} could not be read.", account, region, about)

    def _report(
        self, error: AwsCallError, text: str, account: str = "*", region: str = "*", about: str = ""
    ) -> None:
        """Reports a problem; :meth:`stopped` says what was not read because the credentials expired."""
        if not error.expired:
            self.problems.append(Problem(f"{text} {explain(error)}", account, region, about))

    def _why_stopped(self) -> str:
        """Why a Region was not read although it was its turn."""
        error = self._end()
        return reason(error.code) if error else EXPIRED

    def _end(self) -> AwsCallError | None:
        """The error that stopped the run, if it stopped before its end."""
        return next((one.expired for one in (self.me, *self.readers.values()) if one.expired), None)

    def stopped(self) -> tuple[str, ...]:
        """The sentence that says what was not read because the run stopped, if it did."""
        error = self._end()
        if error is None or not self.readers:  # without any reader, the error itself is the only problem
            return ()
        closed = self.readers.keys() - self.regions.keys()
        return (stopped(error.code, len(self.visited), self.unseen.values(), closed),)

    def _mark_unseen(self, account: str, region: str, what: str, why: str) -> None:
        gap = {"account": account, "region": region, "what": what, "why": why}
        self.unseen.setdefault((account, region, what), gap)

    def _each(self, work: Callable[..., Any], items: Iterable[Any], what: str = "accounts") -> list[Any]:
        """Calls a function for each item in parallel, and returns the results in order.

        A surprise in one item is reported, and what depends on it is unknown; the others are read.
        """
        listed, done = list(items), 0

        def attempt(item: Any) -> Any:
            nonlocal done
            try:
                return work(item)
            except AwsCallError:
                raise
            except Exception as error:  # noqa: BLE001  # AWS may return anything
                self._surprise(item, error)
                return None
            finally:
                with self.progress_lock:
                    done += 1
                    if self.progress is not None:
                        self.progress(what, done, len(listed))

        with ThreadPoolExecutor(WORKERS, "doctor") as pool:
            return list(pool.map(attempt, listed))

    def _surprise(self, item: Any, error: Exception) -> None:
        """Reports an item that could not be understood."""
        why = f"unusual response ({type(error).__name__})"
        arn = item[0] if isinstance(item, tuple) else item  # a trail has its account, too
        parsed = read_arn(arn) if isinstance(arn, str) else None
        if parsed is not None:
            what = _KINDS.get(parsed.service, "resources")
            region = "*" if what != "resources" else parsed.region
            account = "*" if what == "trails" else parsed.account
            self._mark_unseen(account, region, what, why)
            self.problems.append(Problem(f"{{about}} was not understood: {why}.", account, region, arn))
            return
        account, region = item if isinstance(item, tuple) else (item, "*")
        self._mark_unseen(account, region, "*", why)
        self.problems.append(Problem(f"Something in {{where}} was not understood: {why}.", account, region))


def _enabled(regions_of: dict[str, str]) -> set[str]:
    return {region for region, status in regions_of.items() if status in ENABLED}


def _trail_key(trail: dict[str, Any]) -> tuple[str, str, str]:
    return trail["account"], trail["home"], trail["name"]


def _place(item: dict[str, Any]) -> tuple[str, str, str, str]:
    return item["account"], item["region"], item.get("bus", ""), item["name"]
