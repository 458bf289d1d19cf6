"""The output of ``trailforward cost``: a table of bills, their arithmetic, JSON, and notes."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from trailforward.pricing import Plan, total
from trailforward.pricing.items import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from trailforward.pricing import Bill, Item, Prices, Range


def print_bills(bills: Sequence[Bill], prices: Prices, *, every: bool) -> None:
    """Prints one row per bill, the arithmetic of all or of the cheapest, and the date of the prices."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("topology", overflow="fold")
    for name in ("asked", "filled"):
        table.add_column(name, justify="right", overflow="fold")
    table.add_column("bound by", overflow="fold")
    for name in ("per million", "a month", "fixed"):
        table.add_column(name, justify="right", overflow="fold")
    for one in bills:
        fill = one.fill
        money = (str(cost) for cost in (one.per_million, one.per_month, one.fixed_per_month))
        table.add_row(one.topology, f"{fill.asked:,}", number(fill.events), fill.bound, *money)
    Console().print(table)
    for one in bills if every else [cheapest(bills)]:
        typer.echo("")
        for line in _arithmetic(one):
            typer.echo(line)
    typer.echo(f"\nList prices of {prices.as_of}, {prices.region}, without free tiers. A month has 30 days.")
    if unsure := _from_memory(bills):
        typer.echo(f"From memory, look them up: {', '.join(unsure)}.")
    if kept := {name: prices.kept[name] for name in _used(bills) if name in prices.kept}:
        typer.echo("Not in the price list of AWS, so these are our prices of us-east-1:")
        for name, why in sorted(kept.items()):
            typer.echo(f"  {name}: {why}")


def cheapest(bills: Sequence[Bill]) -> Bill:
    """Returns the bill with the lowest monthly cost, among topologies with a queue if there are any."""
    queued = [one for one in bills if one.topology != "direct"]
    return min(queued or bills, key=lambda one: one.per_month.high)


def notes(bills: Sequence[Bill], plan: Plan) -> Iterator[str]:
    """Yields the assumptions behind the figures, one sentence each."""
    cut = {one.fill.asked: one.fill.arithmetic for one in bills if one.fill.bound == "payload"}
    for asked, why in cut.items():
        yield f"Batches never reach {asked:,} events. {why}."
    defaults = Plan(events_per_day=1)
    if (plan.ms_per_call, plan.ms_per_event) == (defaults.ms_per_call, defaults.ms_per_event):
        yield (
            f"Assumed duration: {plan.ms_per_call:g} ms per invocation, {plan.ms_per_event:g} ms per event, "
            "which are local figures, not Lambda's. Set yours from the metric Duration: "
            "--ms-per-call, --ms-per-event."
        )
    if plan.metered_routes:
        yield (
            "Metrics of routes: an upper bound, as if each route matched in every hour. "
            "CloudWatch charges only for the hours in which a route matches."
        )
    if plan.canary:
        yield (
            "The canary's duration is an estimate: 3 s for each run and 0.5 s for each Region. "
            "direct has none, because it has no stack."
        )
    if plan.dropped and not plan.to:
        yield "Drop rules save at the destinations. Name them with --to to see how much."
    if any(one.topology == "direct" for one in bills):
        yield "direct is listed for comparison: it may be not byte-exact, because Lambda does not promise it."
    yield "Assumed traffic: even over the day and over all Regions. Peaks fill batches better."


def to_json(bills: Iterable[Bill], plan: Plan, prices: Prices) -> dict[str, Any]:
    """Returns the bills for ``--json``; amounts in dollars, as ``{"low": …, "high": …}``."""
    return {
        "as_of": prices.as_of,
        "region": prices.region,
        "plan": asdict(plan),
        "rows": [
            {
                "topology": one.topology,
                "batch": asdict(one.fill),
                "per_million": _range(one.per_million),
                "per_month": _range(one.per_month),
                "fixed_per_month": _range(one.fixed_per_month),
                "saved_by_drop_rules_per_month": _range(one.saved_per_month),
                "items": [_item(item) for item in one.items],
                "fixed": [_item(item) for item in one.fixed],
            }
            for one in bills
        ],
        "prices": {name: asdict(price) for name, price in prices.by_name.items()},
        "not_in_the_list_of_aws": dict(prices.kept),
    }


def _arithmetic(one: Bill) -> Iterator[str]:
    fill = one.fill
    why = f": {fill.arithmetic}" if fill.arithmetic else ""
    yield f"{one.topology}, asked {fill.asked:,}, filled {number(fill.events)}{why}"
    yield from _listed("for a million events", one.items)
    yield from _listed("for a month, whether events come or not", one.fixed)
    for item in one.fixed:
        if item.name == "canary":
            yield f"  of it the canary: {item.cost}"
    events = number(one.events / 1_000_000)
    yield f"  a month: {events} M events = {one.variable_per_month}; with what is fixed {one.per_month}"
    if one.saved.high:
        yield f"  drop rules save {one.saved} for a million events, {one.saved_per_month} a month"


def _listed(title: str, items: Sequence[Item]) -> Iterator[str]:
    yield f"  {title}: {total(items)}"
    for item in items:
        for index, term in enumerate(item.terms):
            yield f"    {'' if index else item.name:<14}{term}"


def _used(bills: Iterable[Bill]) -> dict[str, str]:
    """Name → source of each price in these bills."""
    items = (item for one in bills for item in (*one.items, *one.fixed))
    return {term.price.name: term.price.source for item in items for term in item.terms}


def _from_memory(bills: Iterable[Bill]) -> list[str]:
    """Returns the names of the prices in these bills that are from memory."""
    return sorted(name for name, source in _used(bills).items() if source == "from memory")


def _item(item: Item) -> dict[str, Any]:
    terms = [
        {"what": term.what, "units": term.units, "price": term.price.name, **_range(term.cost)}
        for term in item.terms
    ]
    return {"name": item.name, **_range(item.cost), "terms": terms}


def _range(cost: Range) -> dict[str, float]:
    return {"low": cost.low, "high": cost.high}
