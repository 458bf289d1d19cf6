"""Path groups: the paths of all cells, grouped where they are alike, as call → trail → … → destination."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from trailforward.doctor.findings import load_codes
from trailforward.doctor.report.causes import generalizer
from trailforward.doctor.world.links import read_arn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from trailforward.doctor.report.survey import Cell, Survey

#: An ARN's service to the name that reports use.
_SERVICES = {
    "sqs": "queue",
    "lambda": "function",
    "kinesis": "stream",
    "firehose": "firehose",
    "sns": "topic",
}
#: Kinds of links that are drawn only if something is wrong with them.
_QUIET = frozenset({"region", "target", "role"})
#: Kind of a destination to what usually follows it, which the doctor does not check.
_AFTER = {"queue": ("function", "sinks"), "stream": ("function", "sinks"), "function": ("sinks",)}
_LABELS = {"trails": "no trail", "selectors": "selectors", "region": "Region", "size": "size limit"}
_REGION_NAMES = {
    "ACCOUNT_NOT_VISIBLE": "not read",
    "REGION_CHANGING": "changing",
    "REGION_DISABLED": "not enabled",
    "EVENT_REGION_UNCERTAIN": "uncertain",
}
_NAMES = {"function": "your function", "sinks": "your sinks"}


class Step(NamedTuple):
    """One step of a path group.

    Attributes:
        kind: ``call``, ``trail``, ``bus``, ``rule``, ``queue``, ``function`` …
        name: the name to show.
        where: Region and account, if all paths share them; else empty.
        state: ``covered``, ``blind``, ``unknown``, ``excluded``, or ``beyond``: not reached, or not checked.
    """

    kind: str
    name: str
    where: str
    state: str


@dataclass(slots=True)
class PathGroup:
    """Paths of many cells that differ only in Regions, accounts and generated names.

    Attributes:
        steps: in order.
        status: ``covered``, ``blind``, ``unknown`` or ``excluded``.
        code: of the deciding finding.
        title: that finding's title.
        classes: names of the classes of events that take these paths.
        accounts: the accounts whose events take them.
        regions: the Regions in which those events are recorded.
        cells: the number of cells.
    """

    steps: tuple[Step, ...]
    status: str
    code: str
    title: str
    classes: dict[str, None] = field(default_factory=dict)
    accounts: set[str] = field(default_factory=set)
    regions: set[str] = field(default_factory=set)
    cells: int = 0


@dataclass(slots=True)
class _GroupBuilder:
    group: PathGroup
    places: list[set[str]]


def group_paths(found: Survey) -> tuple[list[PathGroup], list[int]]:
    """All path groups, and for each cell the number of its group.

    Groups that arrive come first, then by the number of cells.
    """
    generalize = generalizer(found.regions)
    known: dict[tuple[str, tuple[Step, ...]], _GroupBuilder] = {}
    of_cell: list[_GroupBuilder] = []
    seen: dict[tuple[int, bool], _GroupBuilder] = {}
    for cell in found.cells:
        # Cells that share a verdict (global services) share their path.
        one = seen.get((id(cell.verdict), cell.excluded))
        if one is None:
            steps = list(_steps(cell, found.destinations, generalize))
            alike = tuple(step._replace(where="") if step.state != "beyond" else step for step in steps)
            code = cell.verdict.code
            fresh = _GroupBuilder(
                PathGroup(alike, cell.status, code, load_codes()[code].title), [set() for _ in steps]
            )
            one = seen[id(cell.verdict), cell.excluded] = known.setdefault((code, alike), fresh)
            for place, step in zip(one.places, steps, strict=True):
                place.add(step.where)
        one.group.classes[cell.event_class] = None
        one.group.accounts.add(cell.account)
        one.group.regions.add(cell.recorded)
        one.group.cells += 1
        of_cell.append(one)
    order = ("covered", "unknown", "blind", "excluded")
    result = sorted(known.values(), key=lambda one: (order.index(one.group.status), -one.group.cells))
    number = {id(one): position for position, one in enumerate(result)}
    for one in result:
        one.group.steps = tuple(map(_placed, one.group.steps, one.places))
    return [one.group for one in result], [number[id(one)] for one in of_cell]


def _placed(step: Step, places: set[str]) -> Step:
    return step._replace(where=next(iter(places))) if len(places) == 1 else step


def _steps(cell: Cell, destinations: tuple[str, ...], generalize: Callable[[str], str]) -> Iterator[Step]:
    verdict = cell.verdict
    end = verdict.at if verdict.reaches is False else None
    broken = "excluded" if cell.excluded else "blind"
    doubts = {doubt.at for doubt in verdict.doubts}
    yield Step("call", "API call", "", "covered")
    last = "call"
    for link in verdict.path:
        kind, _, rest = link.partition(":")
        state = broken if link == end else "unknown" if link in doubts else "covered"
        if state != "covered" or kind not in _QUIET:
            step = _step(kind, rest, generalize)
            name = _REGION_NAMES.get(verdict.code, step.name) if kind == "region" else step.name
            yield step._replace(state=state, name=name)
            last = step.kind
    if verdict.path[-1].startswith("destination:"):
        if end is None:
            yield from (Step(kind, _NAMES[kind], "not checked", "beyond") for kind in _AFTER.get(last, ()))
    else:
        step = _step("destination", destinations[0], generalize)
        more = f" and {len(destinations) - 1} more" if len(destinations) > 1 else ""
        yield Step(step.kind, step.name + more, "not reached" if end else "uncertain", "beyond")


def _step(kind: str, rest: str, generalize: Callable[[str], str]) -> Step:
    if kind in {"destination", "topic", "role"}:
        arn = read_arn(rest)
        if arn is None:
            return Step(kind, generalize(rest), "", "covered")
        kind = _SERVICES.get(arn.service, kind) if kind == "destination" else kind
        return Step(kind, generalize(arn.name), _place(arn.account, arn.region), "covered")
    account, _, more = rest.partition("/")
    region, _, name = more.partition("/")
    if kind == "trail":
        return Step("trail", generalize(name), account, "covered")
    if kind in {"trails", "selectors"}:
        return Step("trail", _LABELS[kind], "", "covered")
    if kind in {"rule", "target"}:
        name = name.partition("/")[2]
    return Step(kind, generalize(name) or _LABELS.get(kind, kind), _place(account, region), "covered")


def _place(account: str, region: str) -> str:
    return " · ".join(filter(None, (region, account)))
