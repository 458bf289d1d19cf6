"""Ways: the paths of all cells, as one where they are alike: call → trail → bus → rule → destination."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from trailforward.doctor.links import read_arn
from trailforward.doctor.report.causes import generalise
from trailforward.doctor.report.titles import title

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from trailforward.doctor.report.survey import Cell, Survey

#: The service of an ARN to what people call it.
_SERVICES = {
    "sqs": "queue",
    "lambda": "function",
    "kinesis": "stream",
    "firehose": "firehose",
    "sns": "topic",
}
#: Links that a way does not draw unless something is wrong with them.
_QUIET = frozenset({"region", "target", "role"})
#: From here on nothing was looked at.
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
    """One step of a way.

    Attributes:
        kind: ``call``, ``trail``, ``bus``, ``rule``, ``queue``, ``function`` …
        name: what it is called.
        where: its Region and account if it is one thing for all; empty if each Region or account has its own.
        state: ``covered``, ``blind``, ``unknown``, or ``beyond``: not reached, or not looked at.
    """

    kind: str
    name: str
    where: str
    state: str


@dataclass(slots=True)
class Way:
    """A way that the events of many cells take.

    Attributes:
        steps: in order.
        status: ``covered``, ``blind`` or ``unknown``.
        code: of the cause that decides.
        title: that cause in a few words.
        classes: names of the classes that go this way.
        accounts: whose events do.
        regions: where they are recorded.
        cells: how many.
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
class _Gathered:
    way: Way
    places: list[set[str]]


def ways(found: Survey) -> tuple[list[Way], list[int]]:
    """All ways, those that arrive first, then the most travelled first; and the number of each cell's way."""
    general = generalise(found.regions)
    known: dict[tuple[str, tuple[Step, ...]], _Gathered] = {}
    of_cell: list[_Gathered] = []
    seen: dict[int, _Gathered] = {}
    for cell in found.cells:
        # Cells that share a verdict (global services) share their way.
        one = seen.get(id(cell.verdict))
        if one is None:
            steps = list(_steps(cell, found.destinations, general))
            alike = tuple(step._replace(where="") if step.state != "beyond" else step for step in steps)
            code = cell.verdict.code
            fresh = _Gathered(Way(alike, cell.status, code, title(code)), [set() for _ in steps])
            one = seen[id(cell.verdict)] = known.setdefault((code, alike), fresh)
            for place, step in zip(one.places, steps, strict=True):
                place.add(step.where)
        one.way.classes[cell.event_class] = None
        one.way.accounts.add(cell.account)
        one.way.regions.add(cell.recorded)
        one.way.cells += 1
        of_cell.append(one)
    order = ("covered", "unknown", "blind")
    result = sorted(known.values(), key=lambda one: (order.index(one.way.status), -one.way.cells))
    number = {id(one): position for position, one in enumerate(result)}
    for one in result:
        one.way.steps = tuple(map(_placed, one.way.steps, one.places))
    return [one.way for one in result], [number[id(one)] for one in of_cell]


def _placed(step: Step, places: set[str]) -> Step:
    return step._replace(where=next(iter(places))) if len(places) == 1 else step


def _steps(cell: Cell, destinations: tuple[str, ...], general: Callable[[str], str]) -> Iterator[Step]:
    verdict = cell.verdict
    end = verdict.at if verdict.reaches is False else None
    doubts = {doubt.at for doubt in verdict.doubts}
    yield Step("call", "API call", "", "covered")
    last = "call"
    for link in verdict.path:
        kind, _, rest = link.partition(":")
        state = "blind" if link == end else "unknown" if link in doubts else "covered"
        if state != "covered" or kind not in _QUIET:
            step = _step(kind, rest, general)
            name = _REGION_NAMES.get(verdict.code, step.name) if kind == "region" else step.name
            yield step._replace(state=state, name=name)
            last = step.kind
    if verdict.path[-1].startswith("destination:"):
        if end is None:
            yield from (Step(kind, _NAMES[kind], "not looked at", "beyond") for kind in _AFTER.get(last, ()))
    else:
        step = _step("destination", destinations[0], general)
        more = f" and {len(destinations) - 1} more" if len(destinations) > 1 else ""
        yield Step(step.kind, step.name + more, "not reached" if end else "perhaps", "beyond")


def _step(kind: str, rest: str, general: Callable[[str], str]) -> Step:
    if kind in {"destination", "topic", "role"}:
        arn = read_arn(rest)
        if arn is None:
            return Step(kind, general(rest), "", "covered")
        kind = _SERVICES.get(arn.service, kind) if kind == "destination" else kind
        return Step(kind, general(arn.name), _place(arn.account, arn.region), "covered")
    account, _, more = rest.partition("/")
    region, _, name = more.partition("/")
    if kind == "trail":
        return Step("trail", general(name), account, "covered")
    if kind in {"trails", "selectors"}:
        return Step("trail", _LABELS[kind], "", "covered")
    if kind in {"rule", "target"}:
        name = name.partition("/")[2]
    return Step(kind, general(name) or _LABELS.get(kind, kind), _place(account, region), "covered")


def _place(account: str, region: str) -> str:
    return " · ".join(filter(None, (region, account)))
