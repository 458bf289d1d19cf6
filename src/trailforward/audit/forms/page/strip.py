"""The strips: which time the digests of each account and Region cover, and the findings about them."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from trailforward.audit.digest_report import CODES, SPAN_STATES
from trailforward.audit.forms.page.markup import Safe, code, escape, key, more, table, two
from trailforward.audit.forms.summary import shown_key
from trailforward.doctor.report.text import count_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from trailforward.audit.digest_report import DigestReport, DigestSpan

#: The most strips, the most breaks that are described in one, and the most findings.
MOST_STRIPS, MOST_BREAKS, MOST_FINDINGS = 60, 8, 100
#: If there are more strips than this, complete ones are only counted.
_ALL_STRIPS = 20
_TICKS, _STEPS = 9, (1, 2, 3, 6, 12, 24, 48, 24 * 7, 24 * 14, 24 * 30, 24 * 90, 24 * 365)
_MINUTES = "%Y-%m-%d %H:%M"


class _Look(NamedTuple):
    sign: str
    tone: str


_LOOKS = {
    "valid": _Look("✓", "covered"),
    "failed": _Look("✗", "blind"),
    "missing": _Look("✗", "blind"),
    "gap": _Look("!", "warning"),
    "restarted": _Look("↻", "warning"),
    "unknown": _Look("?", "unknown"),
    "none": _Look("?", "unknown"),
    "pending": _Look("…", "note"),
}
_FINE = ("valid", "pending")
_SEVERITIES = {"failed": ("✗", "blind"), "unknown": ("?", "unknown"), "note": ("i", "note")}


def digests(report: DigestReport, since: datetime, until: datetime) -> Safe:
    """The strips, and the findings, the most serious first."""
    summary = (
        f"<p>{count_of(report.digests, 'valid digest')}, and "
        f"{count_of(report.logs, 'log file')} with the hash in the digest"
        + (f"; nothing is proven for {count_of(report.unproven, 'other log file')}" * bool(report.unproven))
        + ".</p>"
    )
    return Safe(summary + _strips(report, since, until) + _findings(report))


def _strips(report: DigestReport, since: datetime, until: datetime) -> str:
    grouped = groupby(sorted(report.spans), lambda span: (span.account, span.region, span.trail))
    chains = [list(some) for _, some in grouped]
    logs = _log_findings(report)
    broken = [
        chain for chain in chains if any(span.state not in _FINE for span in chain) or chain[0][:2] in logs
    ]
    shown = chains if len(chains) <= _ALL_STRIPS else broken[:MOST_STRIPS]
    complete = len(chains) - len(broken)
    notes = ""
    if shown is not chains:
        notes = f'<p class="more">{count_of(complete, "complete strip")} not shown.</p>' * bool(complete)
        notes += more(len(broken) - len(shown), "--format json lists all spans.")
    if not shown:
        return notes
    rows = "".join(_strip(chain, logs.get(chain[0][:2], Counter()), since, until) for chain in shown)
    legend = "".join(
        f'<li><span class="cell {look.tone}" aria-hidden="true">{look.sign}</span> {SPAN_STATES[state]}</li>'
        for state, look in _LOOKS.items()
    )
    return (
        '<div class="wide"><table class="strips"><caption>Time that the digests cover</caption><thead><tr>'
        f'<th scope="col">Account and Region</th><th scope="col">{_axis(since, until)}</th></tr></thead>'
        f'<tbody>{rows}</tbody></table></div>{notes}<div class="legend"><ul>{legend}</ul></div>'
    )


def _log_findings(report: DigestReport) -> dict[tuple[str, str], Counter[str]]:
    """For each account and Region, the codes of the findings that prove a change of log files."""
    found: dict[tuple[str, str], Counter[str]] = {}
    for one in report.findings:
        if one.severity == "failed" and one.code.startswith("LOG_"):
            found.setdefault((one.account, one.region), Counter())[one.code] += 1
    return found


def _strip(chain: Sequence[DigestSpan], logs: Counter[str], since: datetime, until: datetime) -> str:
    """One strip.

    Args:
        chain: its spans.
        logs: codes of findings about log files.
        since: its start.
        until: its end.
    """
    first = chain[0]
    whole = until - since
    parts = "".join(
        f'<li class="{_LOOKS[span.state].tone}" title="{_span_text(span)}" '
        f'style="flex-grow:{1000 * ((span.end - span.start) / whole):.1f}">'
        f'<span aria-hidden="true">{_LOOKS[span.state].sign}</span>'
        f'<span class="sr">{SPAN_STATES[span.state]}</span></li>'
        for span in chain
    )
    breaks = [span for span in chain if span.state not in _FINE]
    texts = [f"<li><b>✗</b> {count:,} {name}: {CODES[name][1]}</li>" for name, count in sorted(logs.items())]
    texts += [f"<li>{_span_text(span)}</li>" for span in breaks[:MOST_BREAKS]]
    if len(breaks) > MOST_BREAKS:
        texts.append(f"<li>and {len(breaks) - MOST_BREAKS:,} more</li>")
    below = f'<ul class="breaks">{"".join(texts)}</ul>' if texts else ""
    trail = f"<small>{escape(shown_key(first.trail))}</small>" if first.trail else ""
    return (
        f'<tr><th scope="row">{escape(first.region)}<small>{escape(first.account)}</small>{trail}</th>'
        f'<td><ol class="strip">{parts}</ol>{below}</td></tr>'
    )


def _span_text(span: DigestSpan) -> str:
    return f"{span.start:{_MINUTES}} to {span.end:{_MINUTES}}: {SPAN_STATES[span.state]}"


def _axis(since: datetime, until: datetime) -> str:
    """Marks of hours or days, each at its place."""
    marks = "".join(
        f'<span style="left:{100 * ((time - since) / (until - since)):.2f}%">{text}</span>'
        for time, text in _ticks(since, until)
    )
    return f'<span class="sr">Time</span><span class="axis" aria-hidden="true">{marks}</span>'


def _ticks(since: datetime, until: datetime) -> Iterator[tuple[datetime, str]]:
    hours = (until - since) / timedelta(hours=1)
    step = next((step for step in _STEPS if hours / step <= _TICKS), _STEPS[-1])
    day = since.replace(hour=0, minute=0, second=0, microsecond=0)
    time = day
    while time < until:
        if time >= since:
            yield time, f"{time:%H:%M}" if step < _STEPS[5] else f"{time:%m-%d}"
        time += timedelta(hours=step)


def _findings(report: DigestReport) -> str:
    order = list(_SEVERITIES)
    found = sorted(report.findings, key=lambda one: order.index(one.severity))
    if not found:
        return "<p>No findings about digests.</p>"
    rows = [
        (
            two(code(one.code), Safe(_badge(one.severity))),
            two(one.region or "all", one.account),
            two(CODES[one.code][1] if one.code in CODES else "", shown_key(one.text)),
            key(shown_key(one.key)) if one.key else "",
        )
        for one in found[:MOST_FINDINGS]
    ]
    heads = ("finding", "Region and account", "what", "file")
    listed = table("Findings about digests, the most serious first", heads, rows, "fixed findings")
    return listed + more(len(found) - len(rows), "--format json lists all findings.")


def _badge(severity: str) -> str:
    sign, tone = _SEVERITIES[severity]
    return f'<b class="badge {tone}"><span aria-hidden="true">{sign}</span> {severity}</b>'
