"""Survey: checks every account, Region and class of events, then counts and groups the results."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from trailforward.doctor.delivery import Verdict, reach
from trailforward.doctor.findings import load_codes
from trailforward.doctor.report.causes import generalizer, group_causes
from trailforward.doctor.report.purpose import mark_excluded
from trailforward.doctor.report.rule_groups import RULE_LOOKS, rules_headline
from trailforward.doctor.report.text import SIGNS, count_of, join_limited, printable
from trailforward.doctor.rules import is_broad, judge_rules
from trailforward.doctor.world.event_classes import CLASSES
from trailforward.doctor.world.index import CHANGING, ENABLED
from trailforward.doctor.world.places import name_places
from trailforward.doctor.world.regions import event_region

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from trailforward.doctor.report.causes import Cause
    from trailforward.doctor.rules import RuleVerdict
    from trailforward.doctor.world.call import Call
    from trailforward.doctor.world.event_classes import EventClass
    from trailforward.doctor.world.origin import Origin
    from trailforward.doctor.world.world import World

_STATUS = {True: "covered", False: "blind", "unknown": "unknown"}
#: From best to worst. The worst status represents several cells: unknown never counts as covered.
STATUSES = tuple(SIGNS)


@dataclass(frozen=True, slots=True)
class Cell:
    """One account, Region and class of events.

    Attributes:
        account: the account that makes the call.
        region: the Region of the call.
        event_class: the name of the class.
        recorded: the Region in which CloudTrail records the call; different for global services.
        verdict: the result for the example call.
        causes: IDs of the causes that affect the cell, the deciding one first.
        excluded: whether the events do not arrive on purpose; see ``purpose``.
    """

    account: str
    region: str
    event_class: str
    recorded: str
    verdict: Verdict
    causes: tuple[str, ...] = ()
    excluded: bool = False

    @property
    def status(self) -> str:
        """``covered``, ``blind``, ``unknown``, or ``excluded``."""
        return "excluded" if self.excluded else _STATUS[self.verdict.reaches]


@dataclass(frozen=True)
class Survey:
    """The coverage of a world.

    Attributes:
        accounts: the accounts checked, sorted.
        regions: the Regions checked, sorted.
        classes: the classes checked, the most important first.
        destinations: ARNs; an event is covered if it arrives at any of them.
        cells: one per account, enabled Region and class.
        causes: grouped findings, the most serious first.
        rules: the verdict on each rule that may lead to a destination.
        by_rule: whether the rules are what was asked about, instead of the classes of events: a template
            whose rules are narrow on purpose. Then there are no cells.
        not_read: what could not be read, one sentence each.
        not_understood: what this version does not understand in the snapshot, one sentence each.
        not_checked: why expected results are missing, one sentence each.
        declared: link to the address of the resource in a Terraform plan.
        origins: link to the place in a template that declares the resource.
        file: the file that was checked, as the user gave it; empty for live AWS.
    """

    accounts: tuple[str, ...]
    regions: tuple[str, ...]
    classes: tuple[EventClass, ...]
    destinations: tuple[str, ...]
    cells: tuple[Cell, ...]
    causes: tuple[Cause, ...]
    rules: tuple[RuleVerdict, ...] = ()
    by_rule: bool = False
    not_read: tuple[str, ...] = ()
    not_understood: tuple[str, ...] = ()
    not_checked: tuple[str, ...] = ()
    declared: Mapping[str, str] = field(default_factory=dict)

    def addresses(self, links: Iterable[str]) -> tuple[str, ...]:
        """The addresses of the resources at some links, as far as they are in a plan."""
        return tuple(dict.fromkeys(self.declared[link] for link in links if link in self.declared))

    origins: Mapping[str, Origin] = field(default_factory=dict)
    file: str = ""

    @property
    def exit_code(self) -> int:
        """1 if anything is blind; else 2 if anything is unknown or was not checked; else 0: all is covered.

        Blind is certain, so it wins over missing results; covered needs every result. A rule that cannot fire
        for a call that it names is blind to it; a disabled rule beside a grid is not. What is excluded on
        purpose is neither blind nor covered.
        """
        counts = self.counts
        rules = [rule for rule in self.rules if self.by_rule or not rule.disabled]
        if counts["blind"] or any(rule.blind for rule in rules):
            return 1
        if counts["unknown"] or self.not_checked or any(rule.unknown for rule in rules):
            return 2
        judged = any(rule.calls for rule in rules) if self.by_rule else counts["covered"]
        return 0 if judged else 2

    @cached_property
    def counts(self) -> Counter[str]:
        """Cells by status; if the rules are what was asked about, their calls by status."""
        if self.by_rule:
            return Counter(RULE_LOOKS[call.status][0] for rule in self.rules for call in rule.calls)
        return Counter(cell.status for cell in self.cells)

    def tally(self, key: Callable[[Cell], Any]) -> dict[Any, Counter[str]]:
        """Cells by status, for each value of ``key``."""
        found: dict[Any, Counter[str]] = {}
        for cell in self.cells:
            found.setdefault(key(cell), Counter())[cell.status] += 1
        return found

    @cached_property
    def never_covered(self) -> tuple[EventClass, ...]:
        """The classes whose events are blind everywhere.

        A class that is unknown anywhere, or excluded on purpose, is not among them.
        """
        counts = self.tally(lambda cell: cell.event_class)
        return tuple(
            kind
            for kind in self.classes
            if (tally := counts.get(kind.name)) and tally["blind"] == tally.total()
        )

    @cached_property
    def excluded(self) -> tuple[EventClass, ...]:
        """The classes of which nothing arrives, and some events are excluded on purpose."""
        counts = self.tally(lambda cell: cell.event_class)
        tallies = ((kind, counts.get(kind.name, Counter())) for kind in self.classes)
        return tuple(kind for kind, tally in tallies if tally["excluded"] and not tally["covered"])

    @property
    def headline(self) -> str:
        """The result in a few words; :attr:`remark` lists the classes that are left out."""
        if self.by_rule:
            return rules_headline(self.rules)
        never = {kind.name for kind in self.never_covered}
        by_region = self.tally(lambda cell: cell.region)
        for status, words in (("blind", "blind to some events"), ("unknown", "unknown for some events")):
            number = len(
                {
                    cell.region
                    for cell in self.cells
                    if cell.status == status and cell.event_class not in never
                }
            )
            if number:
                verb = "is" if number == 1 else "are"
                return f"{number} of {count_of(len(by_region), 'Region')} {verb} {words}"
        if not self.cells:
            return "Nothing could be checked"
        if not self.counts["covered"]:
            return "No events arrive from anywhere"
        if any(rule.blind and not rule.disabled for rule in self.rules):
            return rules_headline(self.rules)
        rest = "Every other event is covered" if never or self.excluded else "Every event is covered"
        return rest + ", as far as could be checked" * bool(self.not_checked)

    @property
    def remark(self) -> str:
        """Lists the classes that are never covered, and those that are excluded on purpose; may be empty."""
        never = self.never_covered if len(self.never_covered) < len(self.classes) else ()
        lists = (("Never covered, from anywhere", never), ("Excluded on purpose", self.excluded))
        return " ".join(
            f"{words}: {join_limited([kind.title for kind in kinds])}." for words, kinds in lists if kinds
        )


def worst(counts: Counter[str]) -> str | None:
    """The worst status of several cells; None if there are none. What is excluded counts only if all is."""
    return next((status for status in reversed(STATUSES) if counts[status]), None)


def expected(counts: Counter[str]) -> int:
    """The number of cells whose events are expected; if all are excluded on purpose, of all of them."""
    return counts.total() - counts["excluded"] or counts.total()


def survey(
    world: World,
    destinations: Iterable[str] | None = None,
    accounts: Iterable[str] | None = None,
    regions: Iterable[str] | None = None,
    classes: Sequence[EventClass] | None = None,
    *,
    narrow_rules: bool = False,
) -> Survey:
    """Checks every account, every enabled Region, and every class of events; and every rule.

    Accounts of the organization that were not read are checked in every Region, and come out as unknown.
    Regions that are being enabled or disabled come out as unknown as well.

    Args:
        world: the snapshot.
        destinations: ARNs that replace the world's destinations.
        accounts: only these accounts.
        regions: only these Regions.
        classes: only these classes, the most important first, each of which is wanted. By default all
            classes, and what is excluded on purpose does not count as blind: see ``purpose``.
        narrow_rules: if no rule accepts calls of any service, judge the rules alone: their authors did not
            mean to receive every class of events.
    """
    if destinations is not None:
        world = world.model_copy(update={"destinations": tuple(destinations)})
    chosen = tuple(sorted(set(accounts))) if accounts is not None else known_accounts(world)
    wanted = None if regions is None else frozenset(regions)
    places = _places(world, chosen, wanted) if world.destinations else {}
    names = {region for some in (*places.values(), *world.accounts.values()) for region in some}
    generalize = generalizer(names)
    rules = judge_rules(world, lambda account, region: region in places.get(account, ()))
    by_rule = narrow_rules and bool(rules) and not any(map(is_broad, rules))
    kinds = CLASSES if classes is None else tuple(classes)
    cells = () if by_rule else tuple(_check(world, places, kinds))
    if classes is None:
        cells = mark_excluded(cells)
    cells, causes = group_causes(cells, generalize, kinds)
    return Survey(
        accounts=chosen,
        regions=tuple(sorted({region for some in places.values() for region in some})),
        classes=kinds,
        destinations=world.destinations,
        cells=cells,
        causes=causes,
        rules=rules,
        by_rule=by_rule,
        not_read=tuple(dict.fromkeys(_unseen(world))),
        not_understood=world.not_understood,
        not_checked=tuple(_not_checked(world, places, wanted)),
        declared=world.declared,
    )


def known_accounts(world: World) -> tuple[str, ...]:
    """Every account that the world mentions as one to check."""
    members = world.organization.accounts if world.organization else ()
    unseen = (gap.account for gap in world.unseen if gap.account != "*")
    return tuple(sorted({*world.accounts, *members, *unseen}))


def _places(
    world: World, accounts: Iterable[str], wanted: frozenset[str] | None
) -> dict[str, tuple[str, ...]]:
    """The Regions to check in each account; an account that was not read may have any."""
    enabled = {
        account: {region for region, status in regions.items() if status in ENABLED | CHANGING}
        for account, regions in world.accounts.items()
    }
    anywhere = wanted if wanted is not None else frozenset().union(*enabled.values())
    return {account: tuple(sorted(anywhere & enabled.get(account, anywhere))) for account in accounts}


def _check(
    world: World,
    places: dict[str, tuple[str, ...]],
    classes: tuple[EventClass, ...],
) -> Iterator[Cell]:
    """All cells. Calls that are recorded in the same Region have the same verdict, computed once."""
    for account, regions in places.items():
        known: dict[tuple[str, str], Verdict] = {}
        for region in regions:
            for kind in classes:
                call = kind.call(account, region)
                recorded, _ = event_region(call)
                if (kind.name, recorded) not in known:
                    known[kind.name, recorded] = _reach(world, call)
                yield Cell(account, region, kind.name, recorded, known[kind.name, recorded])


def _reach(world: World, call: Call) -> Verdict:
    """The verdict for a call. A surprise in one of them is unknown, and does not hide the others."""
    try:
        return reach(world, call)
    except Exception as error:  # noqa: BLE001
        code = load_codes()["DOCTOR_ERROR"]
        at = f"region:{call.account}/{call.region}"
        why = code.why.format(where=f"{call.name} in {call.region}", error=printable(repr(error))[:200])
        return Verdict("unknown", code.code, at, (at,), why, code.fix, code.evidence, code.source)


def _unseen(world: World) -> Iterator[str]:
    """What could not be read, one sentence for each kind of thing and reason."""
    groups: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for gap in world.unseen:
        groups.setdefault((gap.what, gap.why), []).append((gap.account, gap.region))
    for (what, why), places in groups.items():
        yield printable(f"{'anything' if what == '*' else what} in {name_places(places)}: {why}")


def _not_checked(
    world: World, places: dict[str, tuple[str, ...]], wanted: frozenset[str] | None
) -> Iterator[str]:
    if not world.destinations:
        yield "No destination is given, so no event can arrive: give at least one ARN."
        return
    if not places:
        yield "The snapshot has no account."
    checked = {region for regions in places.values() for region in regions}
    for region in sorted((wanted or frozenset()) - checked):
        yield printable(f"Region {region} is not enabled in any account that was checked.")
    for account, regions in places.items():
        if not regions and (wanted is None or account not in world.accounts):
            yield printable(f"Account {account} has no enabled Region in the snapshot.")
