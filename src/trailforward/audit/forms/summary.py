"""What all reports of an audit say in the same words: verdicts, headline, facts, and proof."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward._version import __version__
from trailforward.audit.classes import CLASSES
from trailforward.doctor.report.text import count_of, join_limited, visible
from trailforward.doctor.world.unknown import words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from trailforward.audit.changes import Change
    from trailforward.audit.report import Result
    from trailforward.audit.work import Altered

_MINUTES = "%Y-%m-%dT%H:%MZ"
#: The longest key that is shown whole, and the longest of other values. S3 allows 1,024 bytes in a key.
_LONGEST_KEY, _LONGEST = 1_200, 200


class Look(NamedTuple):
    """How a verdict is shown.

    Attributes:
        word: its name in tables.
        sign: one character.
        ascii: the same for terminals without others.
        tone: name of its color, which the doctor's page has, too.
    """

    word: str
    sign: str
    ascii: str
    tone: str


#: Verdict to its look, the worst first: the order in which they decide the exit status.
LOOKS: dict[str, Look] = {
    "unexpected": Look("missing", "✗", "x", "blind"),
    "grey": Look("undetermined", "?", "?", "unknown"),
    "gap": Look("gap", "!", "!", "warning"),
    "pending": Look("pending", "…", "~", "note"),
    "expected": Look("expected", "–", "-", "excluded"),  # noqa: RUF001  # wider than a hyphen
    "arrived": Look("arrived", "✓", "+", "covered"),
}
NOTHING = Look("nothing recorded", "·", ".", "absent")

_UNRECORDED = " in no log file: forged, of a removed log file, or delivered to S3 later"
EXIT_MEANING = {
    0: "nothing is unexpectedly missing",
    1: "something is unexpectedly missing, or digests prove a change",
    2: "something could not be determined or read",
}


def verdict_of(name: str) -> str:
    """The verdict of a class; ``grey`` for one that this version does not know."""
    verdict = CLASSES[name][0] if name in CLASSES else "grey"
    return verdict if verdict in LOOKS else "grey"


def by_verdict(counts: Mapping[str, int]) -> Counter[str]:
    """Sums of ``recorded`` and every verdict, from the counts of classes."""
    found: Counter[str] = Counter()
    for name, count in counts.items():
        if name != "repeats" and count:
            found[name if name in {"recorded", "arrived"} else verdict_of(name)] += count
    return found


def worst(verdicts: Mapping[str, int]) -> str | None:
    """The worst verdict that occurs; None if nothing was recorded."""
    return next((name for name in LOOKS if verdicts.get(name)), None)


def classes_of(totals: Mapping[str, int]) -> list[str]:
    """The classes that occur, the worst verdict first, then the most records."""
    order = list(LOOKS)
    found = [name for name in totals if name not in {"recorded", "arrived", "repeats"} and totals[name]]
    return sorted(found, key=lambda name: (order.index(verdict_of(name)), -totals[name], name))


class Reason(NamedTuple):
    """Why records of a class did not arrive, and where."""

    name: str
    why: str
    records: int
    accounts: Sequence[str]
    regions: Sequence[str]


def reasons_of(result: Result) -> list[Reason]:
    """The reasons, those of the worst classes first, then those of the most records."""
    found: dict[tuple[str, str], tuple[Counter[str], Counter[str]]] = {}
    for (name, account, region, why), count in result.whys.items():
        accounts, regions = found.setdefault((name, why), (Counter(), Counter()))
        accounts[account] += count
        regions[region] += count
    order = list(LOOKS)
    reasons = [
        Reason(name, shown_why(why), accounts.total(), sorted(accounts), sorted(regions))
        for (name, why), (accounts, regions) in found.items()
    ]
    return sorted(reasons, key=lambda one: (order.index(verdict_of(one.name)), -one.records, one))


def statements(result: Result) -> list[str]:
    """What was found, the most serious first, each without a full stop. There is at least one."""
    totals = by_verdict(result.totals)
    of = f"of {count_of(totals['recorded'], 'event')}"
    severities = Counter(one.severity for one in result.digests.findings) if result.digests else Counter()
    found = [
        (totals["unexpected"], "{} " + of + " did not arrive and should have"),
        (
            severities["failed"],
            "The digests prove that log files or digests were deleted, changed, or added: "
            + count_of(severities["failed"], "finding"),
        ),
        (
            totals["grey"],
            "{} " + of + " did not arrive, and it cannot be determined whether they should have",
        ),
        (len(result.problems), "Not everything could be read: " + count_of(len(result.problems), "problem")),
        (
            severities["unknown"],
            "The digests do not prove that all log files are there: "
            + count_of(severities["unknown"], "finding"),
        ),
        (totals["gap"], "{} " + of + " did not arrive because of gaps, such as a disabled rule"),
        (
            result.unrecorded,
            count_of(result.unrecorded, "delivered event") + _UNRECORDED,
        ),
        (result.altered, "{} " + of + " arrived with other bytes than in the log file"),
        (totals["pending"], "{} " + of + " are young, and may still arrive"),
    ]
    said = [text.format(f"{count:,}") for count, text in found if count]
    if not any((totals["unexpected"], totals["grey"], totals["gap"], totals["pending"])):
        said.append(_all_is_well(totals))
    return said


def _all_is_well(totals: Mapping[str, int]) -> str:
    recorded = count_of(totals["recorded"], "event")
    if totals["arrived"] == totals["recorded"]:
        return f"All {recorded} arrived"
    return f"All {recorded} arrived, or are absent as expected"


def facts(result: Result) -> Iterator[tuple[str, str]]:
    """What was audited and how: pairs of a label and a text."""
    yield "Log files", f"{result.trail} ({count_of(result.log_files, 'log file')} in the window)"
    yield "Receipts" if result.receipts else "Arrived events", result.delivered_from
    yield (
        "Window",
        f"{result.since:{_MINUTES}} to {result.until:{_MINUTES}}, by the delivery of the log files, in UTC",
    )
    seen = {account for account, _, _ in result.places}, {region for _, region, _ in result.places}
    for label, only, found in zip(
        ("Accounts", "Regions"), (result.accounts, result.regions), seen, strict=True
    ):
        listed = join_limited(sorted(found), 6)
        yield label, f"{len(found):,} with log files: {listed}" + f" (asked for {len(only):,})" * bool(only)
    if result.sink:
        yield "Sink", result.sink
    for text in result.assumptions:
        yield "Assumed", text
    yield "Audited", f"{result.time:{_MINUTES}} with trailforward {__version__}"
    yield "Exit status", f"{result.exit_code}: {EXIT_MEANING[result.exit_code]}"


def side_facts(result: Result) -> Iterator[str]:
    """Counts that belong to no place."""
    counted = [
        (result.totals["repeats"], "records repeat an earlier one in the log files, and count once"),
        (result.duplicates, "delivered copies of events that had arrived already"),
        (
            result.altered,
            f"events whose bytes differ from the log file, of {result.compared:,} compared",
        ),
        (result.unrecorded, f"delivered events of the window{_UNRECORDED}"),
    ]
    yield from (f"{count:,} {text}" for count, text in counted if count)


def change_text(change: Change) -> str:
    """A change of a rule or trail, as a sentence without a full stop."""
    return (
        f"{change.event} of {change.name or 'an unnamed rule or trail'} in {change.region} of "
        f"{change.account} by {change.who or 'an unknown caller'}"
    )


def altered_how(one: Altered) -> str:
    """How a delivered event differs from its record."""
    if one.differs is None:
        return "another SHA-256"
    return "other values" if one.differs else "the same values, written in another way"


def proof(result: Result) -> Iterator[str]:
    """What the result proves, and what it does not."""
    if result.receipts:
        yield (
            "This compares event IDs: an event counts as arrived if its receipts say that every sink that it "
            "was routed to accepted it. A missing receipt does not prove that the event is missing."
        )
    else:
        yield (
            "This compares event IDs: an event counts as arrived if the delivered files contain its ID. "
            "That says nothing about other sinks."
        )
    if result.digests is not None:
        yield from result.digests.proof(result.since, result.until)
    else:
        yield (
            "It does not prove that CloudTrail recorded every call, or that nobody removed log files: "
            "--digests checks the latter."
        )
    if result.compared:
        yield (
            f"The bytes of {result.compared:,} records were compared by hash; those that differ are altered "
            "or were written in another way."
        )
    else:
        yield "The bytes of the events were not compared."


def whole_list(result: Result) -> str:
    """Where all events are that are missing unexpectedly."""
    if result.listed_in:
        return f"{result.listed_in} lists all of them, one JSON object per line."
    return "--missing FILE writes all of them to a file, one JSON object per line."


def repair_command(result: Result) -> str:
    """The command that delivers what is missing."""
    missing = shlex.quote(visible(result.listed_in)) if result.listed_in else "missing.ndjson"
    trail = shlex.quote(visible(result.trail))
    receipts = f" --receipts {shlex.quote(visible(result.delivered_from))}" if result.receipts else ""
    return f"trailforward repair --missing {missing} --trail {trail}{receipts} --config trailforward.toml"


def shown(value: Any) -> str:
    """A value from a record, which may be anything, as a short printable text."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value)
    return visible(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")


def shown_reason(row: Mapping[str, Any]) -> str:
    """Class and reason of a missing event, and the sinks that lack it if they are known."""
    sinks = row.get("sinks")
    where = f" (sinks: {join_limited([shown(name) for name in sinks], 6)})" if isinstance(sinks, list) else ""
    return f"{shown(row['class'])}: {shown_why(str(row['why']))}{where}"


def shown_key(key: str) -> str:
    """A key, path, or sentence as printable text."""
    return visible(key if len(key) <= _LONGEST_KEY else f"{key[:_LONGEST_KEY]}…")


def shown_why(why: str) -> str:
    """A reason, in which unknown parts of the doctor's snapshot are in words."""
    return shown_key(words(why))
