"""Survey: every account, Region and class of events, asked; what it says, counted and grouped."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from trailforward.doctor.classes import CLASSES
from trailforward.doctor.delivery import reach
from trailforward.doctor.index import CHANGING, ENABLED
from trailforward.doctor.regions import event_region
from trailforward.doctor.report.causes import faults, gather, generalise, identify
from trailforward.doctor.report.words import SIGNS, listed, many, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from trailforward.doctor.classes import EventClass
    from trailforward.doctor.delivery import Verdict
    from trailforward.doctor.report.causes import Cause
    from trailforward.doctor.world import World

_STATUS = {True: "covered", False: "blind", "unknown": "unknown"}
#: From good to bad. Of several statuses the last one stands for all: unknown is no pass.
STATUSES = tuple(SIGNS)


@dataclass(frozen=True, slots=True)
class Cell:
    """One account, Region and class of events.

    Attributes:
        account: of the call.
        region: of the call.
        event_class: its name.
        recorded: the Region in which CloudTrail records it: another one for global services.
        verdict: the doctor's answer.
        causes: ids of the causes that touch it, the one that decides first.
    """

    account: str
    region: str
    event_class: str
    recorded: str
    verdict: Verdict
    causes: tuple[str, ...]

    @property
    def status(self) -> str:
        """``covered``, ``blind`` or ``unknown``."""
        return _STATUS[self.verdict.reaches]


@dataclass(frozen=True)
class Survey:
    """What the doctor says of a world.

    Attributes:
        accounts: asked about, sorted.
        regions: asked about, sorted.
        classes: asked about, the most important first.
        destinations: of which one must get the event.
        cells: one per account, enabled Region and class.
        causes: what is wrong, the most serious first.
        not_seen: what could not be read, a sentence each.
        not_understood: what in the snapshot means nothing to this version, likewise.
        not_asked: why there are no answers where one could expect some, likewise.
    """

    accounts: tuple[str, ...]
    regions: tuple[str, ...]
    classes: tuple[EventClass, ...]
    destinations: tuple[str, ...]
    cells: tuple[Cell, ...]
    causes: tuple[Cause, ...]
    not_seen: tuple[str, ...] = ()
    not_understood: tuple[str, ...] = ()
    not_asked: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """1 if anything is blind; else 2 if anything is unknown or was not asked; else 0: all is covered.

        Blindness is certain, so it is said even if other answers are missing; and a pass needs every answer.
        """
        counts = self.counts
        if counts["blind"]:
            return 1
        return 2 if counts["unknown"] or self.not_asked or not self.cells else 0

    @cached_property
    def counts(self) -> Counter[str]:
        """Cells by status."""
        return Counter(cell.status for cell in self.cells)

    def tally(self, key: Callable[[Cell], Any]) -> dict[Any, Counter[str]]:
        """Cells by status, for each value of ``key``."""
        found: dict[Any, Counter[str]] = {}
        for cell in self.cells:
            found.setdefault(key(cell), Counter())[cell.status] += 1
        return found

    @cached_property
    def never(self) -> tuple[EventClass, ...]:
        """The classes of which nothing arrives from anywhere: often by choice, such as data events."""
        counts = self.tally(lambda cell: cell.event_class)
        return tuple(
            kind
            for kind in self.classes
            if (tally := counts.get(kind.name)) and tally["blind"] and not tally["covered"]
        )

    @property
    def headline(self) -> str:
        """The answer in a few words; classes of which nothing ever arrives stand in :attr:`remark`."""
        never = {kind.name for kind in self.never}
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
                return (
                    f"{number} of {many(len(by_region), 'Region')} {'is' if number == 1 else 'are'} {words}"
                )
        if not self.cells:
            return "Nothing could be asked"
        if len(never) == len(self.classes):
            return "Nothing arrives from anywhere"
        rest = "Every other event is covered" if never else "Every event is covered"
        return rest + ", as far as could be asked" * bool(self.not_asked)

    @property
    def remark(self) -> str:
        """The classes of which nothing arrives from anywhere, in a sentence; empty if there are none."""
        if not self.never or len(self.never) == len(self.classes):
            return ""
        return f"Never seen, from anywhere: {listed([kind.title for kind in self.never])}."


def worst(counts: Counter[str]) -> str | None:
    """The status that stands for several cells; None if there are none."""
    return next((status for status in reversed(STATUSES) if counts[status]), None)


def survey(
    world: World,
    destinations: Iterable[str] | None = None,
    accounts: Iterable[str] | None = None,
    regions: Iterable[str] | None = None,
    classes: Sequence[EventClass] = CLASSES,
) -> Survey:
    """Asks about every account, every Region that it has enabled, and every class of events.

    Accounts of the organization that were not read are asked about too, in every Region that is: they come
    out as unknown. Regions that are being switched on or off come out as unknown as well.

    Args:
        world: the snapshot.
        destinations: ARNs instead of the world's.
        accounts: these only.
        regions: these only.
        classes: these only, the most important first.
    """
    if destinations is not None:
        world = world.model_copy(update={"destinations": tuple(destinations)})
    chosen = tuple(sorted(set(accounts))) if accounts is not None else known_accounts(world)
    wanted = None if regions is None else frozenset(regions)
    places = _places(world, chosen, wanted) if world.destinations else {}
    names = {region for some in (*places.values(), *world.accounts.values()) for region in some}
    general = generalise(names)
    cells = tuple(_ask(world, places, tuple(classes), general))
    return Survey(
        accounts=chosen,
        regions=tuple(sorted({region for some in places.values() for region in some})),
        classes=tuple(classes),
        destinations=world.destinations,
        cells=cells,
        causes=gather(cells, general, classes),
        not_seen=tuple(dict.fromkeys(_unseen(world))),
        not_understood=world.not_understood,
        not_asked=tuple(_not_asked(world, places, wanted)),
    )


def known_accounts(world: World) -> tuple[str, ...]:
    """Every account that the world speaks of as one to look at."""
    members = world.organization.accounts if world.organization else ()
    unseen = (gap.account for gap in world.unseen if gap.account != "*")
    return tuple(sorted({*world.accounts, *members, *unseen}))


def _places(
    world: World, accounts: Iterable[str], wanted: frozenset[str] | None
) -> dict[str, tuple[str, ...]]:
    """The Regions to ask about, for each account. One that was not read may have any."""
    enabled = {
        account: {region for region, status in regions.items() if status in ENABLED | CHANGING}
        for account, regions in world.accounts.items()
    }
    anywhere = wanted if wanted is not None else frozenset().union(*enabled.values())
    return {account: tuple(sorted(anywhere & enabled.get(account, anywhere))) for account in accounts}


def _ask(
    world: World,
    places: dict[str, tuple[str, ...]],
    classes: tuple[EventClass, ...],
    general: Callable[[str], str],
) -> Iterator[Cell]:
    """Every cell. Calls recorded in the same Region have the same answer: it is asked for once."""
    for account, regions in places.items():
        known: dict[tuple[str, str], tuple[Verdict, tuple[str, ...]]] = {}
        for region in regions:
            for kind in classes:
                call = kind.call(account, region)
                recorded, _ = event_region(call)
                if (kind.name, recorded) not in known:
                    verdict = reach(world, call)
                    causes = dict.fromkeys(identify(fault, general) for fault in faults(verdict))
                    known[kind.name, recorded] = verdict, tuple(causes)
                yield Cell(account, region, kind.name, recorded, *known[kind.name, recorded])


def _unseen(world: World) -> Iterator[str]:
    for gap in world.unseen:
        what = "anything" if gap.what == "*" else gap.what
        account = "every account" if gap.account == "*" else f"account {gap.account}"
        region = "every Region" if gap.region == "*" else gap.region
        yield plain(f"{what} in {region} of {account}: {gap.why}")


def _not_asked(
    world: World, places: dict[str, tuple[str, ...]], wanted: frozenset[str] | None
) -> Iterator[str]:
    if not world.destinations:
        yield "No destination is named, so nothing can arrive: name at least one ARN."
        return
    if not places:
        yield "The snapshot has no account."
    asked = {region for regions in places.values() for region in regions}
    for region in sorted((wanted or frozenset()) - asked):
        yield plain(f"Region {region} is enabled in no account that was asked about.")
    for account, regions in places.items():
        if not regions and (wanted is None or account not in world.accounts):
            yield plain(f"Account {account} has no enabled Region in the snapshot.")
