"""The output of ``trailforward cost --capacity``: quotas by topology, the first one on top."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from trailforward.pricing.items import number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trailforward.pricing import Plan
    from trailforward.pricing.capacity import Use


def print_capacity(uses: Mapping[str, Sequence[Use]], plan: Plan, peak: float) -> None:
    """Prints for each topology which quota is reached first and at which volume, and all quotas in use."""
    for topology, found in uses.items():
        first = found[0]
        most = plan.events_per_day / first.share
        state = "reached" if first.share >= 1 else "not reached"
        typer.echo(
            f"{topology}: {state}; the first quota is {first.quota}, at {number(most / 1e6)} M events a day"
        )
        for use in found:
            typer.echo(
                f"  {use.share:>9.1%}  {use.quota}: {number(use.need)} of {use.limit:,.0f} ({use.change}) "
                f"= {use.arithmetic}"
            )
        typer.echo("")
    typer.echo("Sources of the quotas, which are the defaults of AWS:")
    for quota, source in {use.quota: use.source for found in uses.values() for use in found}.items():
        typer.echo(f"  {quota}: {source}")
    typer.echo(f"The busiest seconds have {peak:g} times the average (--peak).", err=True)


def print_json(uses: Mapping[str, Sequence[Use]], plan: Plan, peak: float) -> None:
    """Prints JSON for programs."""
    rows: dict[str, Any] = {
        topology: [{**asdict(use), "share": use.share} for use in found] for topology, found in uses.items()
    }
    typer.echo(json.dumps({"plan": asdict(plan), "peak": peak, "topologies": rows}, indent=2))
