"""``trailforward cost``: estimates dollars per million events, by topology and batch size."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from trailforward.cli._world import split
from trailforward.pricing import (
    DESTINATIONS,
    TOPOLOGIES,
    Bill,
    Plan,
    Prices,
    bill,
)
from trailforward.pricing.audit_volume import AuditPlan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

#: One event, the ten of one SQS call, a hundred, and the BatchSize in sam/template.yaml.
_BATCHES = (1, 10, 100, 500)
_MOST = 10_000
#: Above this BatchSize, Lambda requires a batching window.
_WITHOUT_WINDOW = 10
#: The longest duration of a Lambda invocation, in milliseconds.
_LONGEST = 900_000
_LETTERS = {"": 1, "k": 1_000, "m": 1_000_000, "g": 1_000_000_000}
_DEFAULT = Plan(events_per_day=1)
#: The destination whose price no document gives.
_UNPRICED = "eventbridge-v2"
_RECEIPTS = ("firehose", "s3")
_ARCHITECTURES = ("arm64", "x86_64")


def _number(text: str) -> float:
    """Reads a number of events, such as ``50000``, ``2_000_000``, ``1.5M``, or ``300k``."""
    match = re.fullmatch(r"([0-9]+(?:_[0-9]+)*(?:\.[0-9]+)?)([kmg]?)", text.strip().lower())
    if match is None or not 0 < (value := float(match[1]) * _LETTERS[match[2]]) < math.inf:
        raise typer.BadParameter(f"{text} is not a number of events; write 50000, 2_000_000, 300k, or 5M.")
    return value


def cost(  # noqa: PLR0913, PLR0917  # the options of a command
    events_per_day: Annotated[
        float,
        typer.Option(
            parser=_number,
            metavar="NUMBER",
            help="Events per day, from all Regions and accounts: 50000, 2_000_000, 5M, 300k.",
        ),
    ],
    topology: Annotated[
        list[str] | None,
        typer.Option(
            metavar="|".join(TOPOLOGIES), help="Only these topologies. Repeatable. direct has no queue."
        ),
    ] = None,
    batch_size: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NUMBER", help="BatchSize of the event source mapping. Repeatable. Default: 1,10,100,500."
        ),
    ] = None,
    window_seconds: Annotated[
        float,
        typer.Option(
            min=0, max=300, help="MaximumBatchingWindowInSeconds: how long Lambda waits for a fuller batch."
        ),
    ] = _DEFAULT.window_seconds,
    regions: Annotated[int, typer.Option(min=1, help="Regions with events.")] = _DEFAULT.regions,
    accounts: Annotated[int, typer.Option(min=1, help="Accounts with events.")] = _DEFAULT.accounts,
    sinks: Annotated[
        int | None, typer.Option(min=1, help="Destinations per event. Default: the number in --to, or 1.")
    ] = None,
    to: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help=f"Also estimate a destination: {', '.join(DESTINATIONS)}. Repeatable."
        ),
    ] = None,
    event_bytes: Annotated[
        int, typer.Option(min=1, max=262_144, help="Size of an average event.")
    ] = _DEFAULT.event_bytes,
    memory_mb: Annotated[
        int, typer.Option(min=128, max=10_240, help="MemorySize of the function.")
    ] = _DEFAULT.memory_mb,
    ms_per_call: Annotated[
        float,
        typer.Option(min=0, max=_LONGEST, help="Milliseconds per invocation, independent of the batch."),
    ] = _DEFAULT.ms_per_call,
    ms_per_event: Annotated[
        float, typer.Option(min=0, max=_LONGEST, help="Milliseconds per event.")
    ] = _DEFAULT.ms_per_event,
    architecture: Annotated[
        str, typer.Option(metavar="|".join(_ARCHITECTURES), help="Architecture of the function.")
    ] = _DEFAULT.architecture,
    dropped: Annotated[
        float,
        typer.Option(
            min=0, max=100, help="Percent of the events that drop rules keep from all destinations."
        ),
    ] = 0,
    route_metrics: Annotated[
        int, typer.Option(min=0, help="Number of routes with metrics (route_metrics = true).")
    ] = 0,
    daily_doctor: Annotated[  # noqa: FBT002  # as Typer calls it
        bool, typer.Option("--daily-doctor", help="The stack runs the doctor every day (DailyDoctor).")
    ] = False,
    canary: Annotated[  # noqa: FBT002  # a flag
        bool, typer.Option("--canary", help="Include the stack's canary (Canary=true).")
    ] = False,
    remembered: Annotated[
        float,
        typer.Option(min=0, max=100, help="Percent of the events that match routes with once or threshold."),
    ] = 0,
    receipts: Annotated[
        str, typer.Option(metavar="firehose|s3", help="Include receipts, and where they go.")
    ] = "",
    audit: Annotated[  # noqa: FBT002  # a flag
        bool,
        typer.Option(
            "--audit",
            help="Show the cost of auditing a day, from receipts (--receipts, firehose by default) or an "
            "archive (--to firehose or --to s3). With --capacity: the quotas.",
        ),
    ] = False,
    log_files: Annotated[
        float | None,
        typer.Option(
            parser=_number,
            metavar="NUMBER",
            help="With --audit: log files a day. Default: one every five minutes for each Region and account "
            "in which something happens.",
        ),
    ] = None,
    digests: Annotated[  # noqa: FBT002  # a flag
        bool, typer.Option("--digests", help="With --audit: check the digests, too.")
    ] = False,
    kms: Annotated[  # noqa: FBT002  # a flag
        bool,
        typer.Option("--kms", help="With --audit: the buckets use SSE-KMS without an S3 bucket key."),
    ] = False,
    prices: Annotated[
        list[str] | None,
        typer.Option(
            metavar="aws|FILE",
            help="aws: read the price list of AWS (pricing:GetProducts). FILE: a TOML file with your prices: "
            'queue = 0.44, as_of = "2027-01-31". Repeatable: files change the prices of AWS.',
        ),
    ] = None,
    region: Annotated[
        str, typer.Option(metavar="REGION", help="With --prices aws: the Region of the stack.")
    ] = "us-east-1",
    prices_age: Annotated[
        float,
        typer.Option(
            metavar="DAYS",
            min=0,
            max=365,
            help="With --prices aws: use saved prices that are not older. 0 reads them again.",
        ),
    ] = 7,
    capacity: Annotated[  # noqa: FBT002
        bool,
        typer.Option("--capacity", help="Show which quotas of AWS the volume reaches, instead of its cost."),
    ] = False,
    peak: Annotated[
        float,
        typer.Option(
            min=1, max=1_000, help="With --capacity: how many times the average the busiest seconds have."
        ),
    ] = 1,
    explain: Annotated[  # noqa: FBT002  # as Typer calls it
        bool, typer.Option("--explain", help="Show the arithmetic of every row, not only of the cheapest.")
    ] = False,
    as_json: Annotated[  # noqa: FBT002
        bool, typer.Option("--json", help="Print JSON for programs.")
    ] = False,
) -> None:
    """Estimate the cost of a million events, by topology and batch size, with the arithmetic.

    Makes no network calls, except with --prices aws.
    Batch size is limited by event volume: Lambda may never fill a batch of BatchSize.

    Exit status: 0 the estimate was printed, 2 the options are invalid, or the prices cannot be read.
    """
    from trailforward.cli import _bills
    from trailforward.cli._prices import price_list

    if audit:
        _show_audit(
            AuditPlan(
                events_per_day=events_per_day,
                regions=regions,
                accounts=accounts,
                event_bytes=event_bytes,
                delivered=_evidence(receipts, " ".join(to or ()).replace(",", " ").split()),
                log_files=log_files or 0,
                digests=digests,
                kms=kms,
                architecture=_known("--architecture", [architecture], _ARCHITECTURES)[0],
            ),
            lambda: price_list(prices or (), region, prices_age),
            capacity=capacity,
            as_json=as_json,
        )
        return
    if log_files or digests or kms:
        _refuse("--log-files, --digests, --kms", "they belong to --audit. Add it.")
    sizes = _sizes(batch_size, window_seconds)
    # A kind may be repeated: two HTTP APIs.
    kinds = tuple(_kinds(" ".join(to or ()).replace(",", " ").split()))
    if sinks is not None and sinks < len(kinds):
        _refuse(
            "--sinks",
            f"{sinks} is less than the number of destinations in --to ({', '.join(kinds)}). Remove --sinks.",
        )
    plan = Plan(
        events_per_day=events_per_day,
        regions=regions,
        accounts=accounts,
        sinks=sinks or len(kinds) or 1,
        to=kinds,
        event_bytes=event_bytes,
        window_seconds=window_seconds,
        memory_mb=memory_mb,
        ms_per_call=ms_per_call,
        ms_per_event=ms_per_event,
        architecture=_known("--architecture", [architecture], _ARCHITECTURES)[0],
        dropped=dropped / 100,
        metered_routes=route_metrics,
        daily_doctor=daily_doctor,
        canary=canary,
        remembered=remembered / 100,
        receipts=_known("--receipts", [receipts], _RECEIPTS)[0] if receipts else "",
    )
    topologies = tuple(_known("--topology", split(topology), TOPOLOGIES)) or TOPOLOGIES
    if capacity:
        _show_capacity(plan, topologies, sizes[-1], peak, as_json=as_json)
        return
    table = price_list(prices or (), region, prices_age)
    bills = list(_bills_of(plan, topologies, sizes, table))
    if as_json:
        typer.echo(json.dumps(_bills.to_json(bills, plan, table), indent=2))
    else:
        _bills.print_bills(bills, table, every=explain)
    for note in _bills.notes(bills, plan):
        typer.echo(note, err=True)


def _show_audit(plan: AuditPlan, prices: Callable[[], Prices], *, capacity: bool, as_json: bool) -> None:
    from trailforward.cli import _audit_bill

    if capacity:
        _audit_bill.print_capacity(plan, as_json=as_json)
    else:
        _audit_bill.print_bills(plan, prices(), as_json=as_json)


def _evidence(receipts: str, to: Sequence[str]) -> str:
    """One of ``DELIVERED``."""
    if receipts and to:
        _refuse("--to", "with --audit, give --receipts or --to, not both: the audit reads one of them.")
    if to:
        if len(to) > 1 or to[0] not in _RECEIPTS:
            _refuse("--to", "with --audit, an archive is firehose or s3.")
        return f"archive-{to[0]}"
    return f"receipts-{_known('--receipts', [receipts or 'firehose'], _RECEIPTS)[0]}"


def _show_capacity(plan: Plan, topologies: Sequence[str], size: int, peak: float, *, as_json: bool) -> None:
    from trailforward.cli import _capacity
    from trailforward.pricing.capacity import capacity

    uses = {topology: capacity(plan, topology, size, peak) for topology in topologies}
    (_capacity.print_json if as_json else _capacity.print_capacity)(uses, plan, peak)


def _bills_of(plan: Plan, topologies: Sequence[str], sizes: Sequence[int], prices: Prices) -> Iterator[Bill]:
    for topology in topologies:
        for size in [1] if topology == "direct" else sizes:
            yield bill(plan, topology, size, prices)


def _sizes(texts: Iterable[str] | None, window: float) -> Sequence[int]:
    words = split(texts)
    wrong = [
        word for word in words if not re.fullmatch("[0-9](_?[0-9]){0,5}", word) or not 1 <= int(word) <= _MOST
    ]
    if wrong:
        _refuse("--batch-size", f"{', '.join(wrong)}: write numbers from 1 to {_MOST:,}, such as 10,500.")
    sizes = sorted({int(word) for word in words}) or list(_BATCHES)
    if window < 1 and sizes[-1] > _WITHOUT_WINDOW:
        if words:
            text = (
                f"must be 1 or more for a batch size of more than {_WITHOUT_WINDOW}; or lower --batch-size."
            )
            _refuse("--window-seconds", text)
        sizes = [size for size in sizes if size <= _WITHOUT_WINDOW]
    return sizes


def _kinds(given: Sequence[str]) -> Sequence[str]:
    if _UNPRICED in given:
        _refuse(
            "--to",
            f"{_UNPRICED} cannot be estimated. AWS bills ingestion and delivery per started KB, and "
            "retention, but no document that we know gives the rates. Leave it out, and look them up: "
            "https://aws.amazon.com/eventbridge/pricing/",
        )
    return _known("--to", given, tuple(DESTINATIONS))


def _known(option: str, given: Sequence[str], known: Sequence[str]) -> Sequence[str]:
    if wrong := [word for word in given if word not in known]:
        _refuse(option, f"unknown: {', '.join(wrong)}. Use one of {', '.join(known)}.")
    return given


def _refuse(option: str, text: str) -> NoReturn:
    raise typer.BadParameter(text, param_hint=f"'{option}'")
