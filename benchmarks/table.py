"""The printed table: figures, ratios, goals, and verdicts."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.measuring import Goal, Measure

_SCALE = {"µs": 1e6, "ms": 1e3, "MB": 1e-6}
#: Headings of the ratio columns. Other baselines are named next to the goal that needs them.
_ONES = ("blog post", "floor")


def table(measures: Sequence[Measure]) -> str:
    """The table, with a line per measure and contestant."""
    width = max((len(name) for measure in measures for name in measure.found), default=0) + 2
    heads = "".join(f"{one:>10}" for one in _ONES)
    lines = [
        f"{'':{width}}{'median':>10}{'minimum':>10}{heads}  {'target':22}{'stretch':9}verdict",
        f"{'':{width}}{'':>20}{'= 1':>10}{'= 1':>10}",
    ]
    for measure in measures:
        rounds = {len(figures) for figures in measure.found.values()}
        count = f", {max(rounds)} rounds" if max(rounds, default=1) > 1 else ""
        lines.append(f"{measure.title}  [{measure.unit}{count}]")
        lines += (_line(measure, name, width) for name in measure.found)
        lines += [f"  {measure.note}"] if measure.note else []
        lines.append("")
    return "\n".join(lines)


def _line(measure: Measure, name: str, width: int) -> str:
    figures = measure.found[name]
    scale = _SCALE[measure.unit]
    ratios = "".join(
        f"{measure.ratio(name, one):>10.3g}" if (one := measure.ones.get(heading)) else f"{'':10}"
        for heading in _ONES
    )
    goal = measure.goals.get(name)
    words = "" if goal is None else "  " + "".join(_words(measure, name, goal))
    return (
        f"  {name:{width - 2}}{median(figures) * scale:>10,.1f}{min(figures) * scale:>10,.1f}{ratios}{words}"
    ).rstrip()


def _words(measure: Measure, name: str, goal: Goal) -> Iterator[str]:
    """Target, stretch goal, and verdict."""
    if goal.of:
        value, unit = measure.ratio(name, goal.of), f"x {goal.words}"
    else:
        value, unit = median(measure.found[name]) * _SCALE[measure.unit], measure.unit
    yield f"{f'<= {goal.target:g} {unit}':22}"
    yield f"{'' if goal.stretch is None else f'<= {goal.stretch:g}':9}"
    if goal.stretch is not None and value <= goal.stretch:
        yield f"stretch met: {value:.3g}"
    else:
        yield f"{'met' if value <= goal.target else 'MISSED'}: {value:.3g}"
