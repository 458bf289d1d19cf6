"""Changes: what differs between the verdicts on two snapshots, in sentences for people.

::

    found = changes(yesterday, today)      # two Worlds
    found.lost                             # a Region became blind, a trail stopped, …
    list(found.lines())                    # text for people

Both snapshots are judged by the same code, so a new version of trailforward alone changes nothing. What is
unknown now never counts as recovered, and what is blind now counts as worse also if it was unknown before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from trailforward.doctor.report import survey
from trailforward.doctor.report.text import count_of, join_limited, printable
from trailforward.doctor.world.places import name_places

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from trailforward.doctor.report import Survey
    from trailforward.doctor.report.survey import Cell
    from trailforward.doctor.world.trails import Trail
    from trailforward.doctor.world.world import World

#: How many changes of one kind are listed.
MOST = 20
_LONGEST = 600
_ABSENT = "not checked"


class Change(NamedTuple):
    """One change.

    Attributes:
        short: what changed, in a few words of ASCII: ``sa-east-1 became blind``.
        text: what changed, and where: one sentence.
        why: the reason; may be empty.
        fix: what to do; may be empty.
    """

    short: str
    text: str
    why: str = ""
    fix: str = ""

    def lines(self) -> Iterator[str]:
        """The change as lines of text, safe for a terminal and bounded."""
        yield f"- {_cut(self.text)}"
        if self.why:
            yield f"  Why: {_cut(self.why)}"
        if self.fix:
            yield f"  Fix: {_cut(self.fix)}"


@dataclass(frozen=True, slots=True)
class Changes:
    """The changes from one snapshot to another.

    Attributes:
        lost: what was lost: events that became blind, trails that stopped, accounts that are not covered.
        doubtful: what was known before and is unknown now, and accounts that are no longer checked.
        gained: events that arrive again or for the first time, trails that log again.
        chosen: events that are now excluded on purpose.
    """

    lost: tuple[Change, ...] = ()
    doubtful: tuple[Change, ...] = ()
    gained: tuple[Change, ...] = ()
    chosen: tuple[Change, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.lost or self.doubtful or self.gained or self.chosen)

    @property
    def headline(self) -> str:
        """The most serious change in a few words of ASCII, and how many more there are."""
        every = (*self.lost, *self.doubtful, *self.gained, *self.chosen)
        if not every:
            return "nothing changed"
        more = f", and {count_of(len(every) - 1, 'more change')}" if len(every) > 1 else ""
        return every[0].short + more

    def lines(self) -> Iterator[str]:
        """All changes as lines of text: the worse ones first."""
        titles = (
            ("WORSE", self.lost),
            ("UNKNOWN NOW", self.doubtful),
            ("BETTER", self.gained),
            ("EXCLUDED ON PURPOSE NOW", self.chosen),
        )
        for title, some in titles:
            if not some:
                continue
            yield title
            for change in some[:MOST]:
                yield from change.lines()
            if (more := len(some) - MOST) > 0:
                yield f"- and {count_of(more, 'more change')}: see the report"
            yield ""


def changes(before: World, after: World, *, regions: Sequence[str] = ()) -> Changes:
    """What changed between two snapshots.

    Args:
        before: the earlier snapshot.
        after: the later snapshot. Its destinations count for both.
        regions: the Regions to compare; if empty, all.
    """
    before = before.model_copy(update={"destinations": after.destinations})
    surveys = [survey(world, regions=regions or None) for world in (before, after)]
    return compare(before, after, *surveys)


def compare(before: World, after: World, was: Survey, now: Survey) -> Changes:
    """The same as :func:`changes`, for snapshots that were surveyed already."""
    lost, doubtful, gained, chosen = _of_cells(was, now)
    stopped, unclear, started = _of_trails(before, after)
    gone = sorted(set(was.accounts) - set(now.accounts))
    left = [
        Change(
            f"{count_of(len(gone), 'account')} no longer checked",
            f"{_accounts(gone)} no longer in the report: not read, or no longer in the organization.",
            fix="Check the list of accounts that the doctor reads.",
        )
    ]
    return Changes(
        (*stopped, *lost), (*unclear, *doubtful, *(left if gone else ())), (*started, *gained), tuple(chosen)
    )


def _of_cells(was: Survey, now: Survey) -> tuple[list[Change], list[Change], list[Change], list[Change]]:
    """Changes of verdicts: lost, doubtful, gained, chosen; one for each cause, with all its places."""
    old = {(cell.account, cell.region, cell.event_class): cell.status for cell in was.cells}
    groups: dict[tuple[str, str, str, bool], list[Cell]] = {}
    for cell in now.cells:
        status = old.get((cell.account, cell.region, cell.event_class), _ABSENT)
        if cell.status != status:
            new = cell.account not in was.accounts
            cause = cell.causes[0] if cell.causes and cell.status in {"blind", "unknown"} else ""
            groups.setdefault((status, cell.status, cause, new), []).append(cell)
    found: dict[str, list[Change]] = {"blind": [], "unknown": [], "covered": [], "excluded": []}
    titles = {kind.name: kind.title for kind in now.classes}
    causes = {cause.id: cause for cause in now.causes}
    for (before, after, cause, new), cells in groups.items():
        known = causes.get(cause)
        first = cells[0].verdict
        for names, places in _by_classes(cells).items():
            where = name_places(places)
            whole = len(names) == len(titles)
            what = "all of them" if whole else join_limited([titles[name] for name in names])
            change = Change(
                _short(places, before, after),
                _sentence(where, what, before, after, new=new),
                "" if after in {"covered", "excluded"} else known.why if known else first.why,
                "" if after in {"covered", "excluded"} else known.fix if known else first.fix,
            )
            if before == _ABSENT and after == "excluded":
                continue  # nothing was lost: the class was left out from the start
            found[after].append(change)
    return found["blind"], found["unknown"], found["covered"], found["excluded"]


def _by_classes(cells: Iterable[Cell]) -> dict[tuple[str, ...], list[tuple[str, str]]]:
    """The classes of events → the places where just these changed."""
    classes: dict[tuple[str, str], list[str]] = {}
    for cell in cells:
        classes.setdefault((cell.account, cell.region), []).append(cell.event_class)
    places: dict[tuple[str, ...], list[tuple[str, str]]] = {}
    for place, names in classes.items():
        places.setdefault(tuple(names), []).append(place)
    return places


def _short(places: Collection[tuple[str, str]], before: str, after: str) -> str:
    regions = {region for _, region in places}
    accounts = {account for account, _ in places}
    if before == _ABSENT and len(accounts) == 1:
        where = f"account {min(accounts)}"
    else:
        where = min(regions) if len(regions) == 1 else count_of(len(regions), "Region")
        where += f" of {len(accounts):,} accounts" if len(accounts) > 1 else ""
    if after == "blind":
        return f"{where} {'not covered' if before == _ABSENT else 'became blind'}"
    if after == "covered":
        return f"{where} {'recovered' if before == 'blind' else 'covered'}"
    return f"{where} {'excluded on purpose' if after == 'excluded' else 'unknown'}"


def _sentence(where: str, what: str, before: str, after: str, *, new: bool) -> str:
    start = f"New: {where}" if new else where
    if after == "blind":
        verb = "not covered" if before == _ABSENT else "became blind"
        return f"{start}: {verb}. These events do not arrive: {what} (before: {before})."
    if after == "unknown":
        return f"{start}: unknown whether these events arrive: {what} (before: {before})."
    if after == "covered":
        again = "recovered. These events arrive again" if before == "blind" else "These events arrive"
        return f"{start}: {again}: {what} (before: {before})."
    return f"{start}: rules or trails now exclude {what} (before: {before})."


def _of_trails(before: World, after: World) -> tuple[list[Change], list[Change], list[Change]]:
    """Trails that stopped, that are unknown, and that log again."""
    stopped, unclear, started = [], [], []
    now = {(trail.account, trail.home, trail.name): trail for trail in after.trails}
    for old in before.trails:
        name = f"Trail {old.name} ({old.home}, account {old.account})"
        trail = now.get((old.account, old.home, old.name))
        if trail is None:
            if _unread(after, old):
                unclear.append(Change(f"trail {old.name} not read", f"{name} was not read; it may log."))
            elif old.logging:
                fix = "Create it again, unless another trail logs for this account and its Regions."
                stopped.append(Change(f"trail {old.name} was deleted", f"{name} was deleted.", fix=fix))
            continue
        if old.logging is not False and trail.logging is False:
            fix = f"aws cloudtrail start-logging --region {old.home} --name {old.name}"
            stopped.append(Change(f"trail {old.name} stopped logging", f"{name} stopped logging.", fix=fix))
        elif old.logging is not None and trail.logging is None:
            unclear.append(Change(f"trail {old.name} unknown", f"{name}: it may log.", _reasons(trail)))
        elif old.logging is False and trail.logging:
            started.append(Change(f"trail {old.name} logs again", f"{name} logs again."))
        if trail.delivery_error and not old.delivery_error:
            fix = "Check the bucket, its policy, and its key."
            stopped.append(
                Change(
                    f"trail {old.name} cannot write",
                    f"{name} cannot write its log files: {trail.delivery_error}.",
                    fix=fix,
                )
            )
        elif old.delivery_error and not trail.delivery_error and trail.logging:
            started.append(Change(f"trail {old.name} writes again", f"{name} writes its log files again."))
    return stopped, unclear, started


def _unread(world: World, trail: Trail) -> bool:
    """Whether a trail may exist although it is not in a snapshot."""
    return trail.account not in world.accounts or any(
        gap.account in {trail.account, "*"}
        and gap.region in {trail.home, "*"}
        and gap.what in {"trails", "*"}
        for gap in world.unseen
    )


def _reasons(trail: Trail) -> str:
    return "; ".join(f"{name}: {why}" for name, why in trail.unread.items())


def _accounts(accounts: Collection[str]) -> str:
    verb = "is" if len(accounts) == 1 else "are"
    return f"{name_places((account, '*') for account in accounts)} {verb}"


def _cut(text: str) -> str:
    text = printable(text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
