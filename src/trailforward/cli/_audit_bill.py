"""The output of ``trailforward cost --audit``: what the audit of a day costs, and which quotas it uses."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from trailforward.pricing.audit import WAYS, audit_bill
from trailforward.pricing.audit_capacity import audit_capacity
from trailforward.pricing.bill import DAYS
from trailforward.pricing.items import number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.pricing import Prices
    from trailforward.pricing.audit import AuditBill
    from trailforward.pricing.audit_volume import AuditPlan

_NAMES = {
    "command": "trailforward audit, on a machine in the Region of the bucket",
    "steps": "sam/audit.yaml, on Step Functions",
}


def print_bills(plan: AuditPlan, prices: Prices, *, as_json: bool) -> None:
    """Prints the cost of each way with its arithmetic, or JSON for programs."""
    bills = [audit_bill(plan, way, prices) for way in WAYS]
    if as_json:
        typer.echo(json.dumps(_json(bills, plan, prices), indent=2))
    else:
        for line in _lines(bills, prices):
            typer.echo(line)
    for note in _notes(plan, bills[0]):
        typer.echo(note, err=True)


def print_capacity(plan: AuditPlan, *, as_json: bool) -> None:
    """Prints what the state machine needs of each quota, the fullest on top, or JSON for programs."""
    uses = audit_capacity(plan)
    if as_json:
        rows = [{**asdict(use), "share": use.share} for use in uses]
        typer.echo(json.dumps({"plan": asdict(plan), "quotas": rows}, indent=2))
        return
    for use in uses:
        typer.echo(
            f"{use.share:>9.1%}  {use.quota}: {number(use.need)} of {use.limit:,.0f} ({use.change}) "
            f"= {use.arithmetic}"
        )
    typer.echo("\nSources of the quotas, which are the defaults of AWS:")
    for use in uses:
        typer.echo(f"  {use.quota}: {use.source}")


def _lines(bills: list[AuditBill], prices: Prices) -> Iterator[str]:
    read = bills[0].volume
    yield (
        f"A day: {number(read.log_files)} log files, {number(read.log_bytes / 1e9)} GB; "
        f"{number(read.delivered_files)} delivered files, {number(read.delivered_bytes / 1e9)} GB."
    )
    for one in bills:
        yield ""
        yield f"{_NAMES[one.way]}: {one.per_day} a day, {one.per_day.times(DAYS)} a month"
        for item in one.items:
            for index, term in enumerate(item.terms):
                yield f"    {'' if index else item.name:<14}{term}"
        if one.way == "command":
            yield f"    {'machine':<14}{number(one.seconds / 3600)} core hours, at the price of your machine"
    yield ""
    yield f"List prices of {prices.as_of}, {prices.region}, without free tiers. A month has {DAYS} days."


def _notes(plan: AuditPlan, one: AuditBill) -> Iterator[str]:
    if not plan.log_files:
        yield (
            "The number of log files decides, and is estimated: one every five minutes in each Region and "
            "account with an event, if events are spread evenly. Count yours, and give it with --log-files."
        )
    yield (
        "Each log file is read once. If something but read-only events is missing in one, it is read again."
    )
    yield "Times of the CPU are local figures, not Lambda's. A response of S3 is assumed to take 25 ms."
    if not plan.kms:
        echo = number(one.volume.log_files)
        yield (
            "With SSE-KMS and without an S3 bucket key, each GET is also a call of KMS: add --kms. "
            f"CloudTrail then records up to {echo} more events, which the next audit reads."
        )


def _json(bills: list[AuditBill], plan: AuditPlan, prices: Prices) -> dict[str, object]:
    return {
        "as_of": prices.as_of,
        "region": prices.region,
        "plan": asdict(plan),
        "volume": asdict(bills[0].volume),
        "ways": [
            {
                "way": one.way,
                "core_seconds": one.seconds,
                "per_day": one.per_day._asdict(),
                "per_month": one.per_day.times(DAYS)._asdict(),
                "items": [
                    {
                        "name": item.name,
                        **item.cost._asdict(),
                        "terms": [
                            {"what": term.what, "units": term.units, "price": term.price.name}
                            | term.cost._asdict()
                            for term in item.terms
                        ],
                    }
                    for item in one.items
                ],
            }
            for one in bills
        ],
    }
