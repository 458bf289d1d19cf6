"""Message: the notification about changes, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from trailforward.doctor.changes import Change
from trailforward.doctor.report.text import count_of, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from trailforward.doctor.changes import Changes
    from trailforward.doctor.report import Survey

#: SNS rejects a longer subject, and one that is not ASCII.
#: Source: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
_SUBJECT = 100
#: Bytes of a message; SNS accepts 262,144.
_BYTES = 100_000
#: How many causes and problems are listed.
_CAUSES = 10


class Message(NamedTuple):
    """A notification.

    Attributes:
        subject: at most 100 characters of ASCII.
        text: the message.
    """

    subject: str
    text: str


def write_message(  # noqa: PLR0913  # the parts of a message
    stack: str,
    now: Survey,
    found: Changes | None,
    *,
    taken: str,
    before: str = "",
    why_first: str = "",
    problems: Sequence[str] = (),
    places: Sequence[str] = (),
) -> Message:
    """The notification of a run.

    Args:
        stack: the name of the stack.
        now: the survey of today's snapshot.
        found: the changes; None if there is nothing to compare with.
        taken: when today's snapshot was taken.
        before: when the snapshot was taken that it was compared with.
        why_first: why there is nothing to compare with; if empty, this is the first run.
        problems: what could not be read, one sentence each.
        places: URIs of the report and the snapshot.
    """
    headline = found.headline if found is not None else f"first run: {now.headline}"
    subject = f"trailforward doctor {stack}: {headline}"
    subject = "".join(char if " " <= char <= "~" else "?" for char in subject)
    lines = [f"Daily doctor of the stack {stack}, {taken}", *_compared(found, before, why_first), ""]
    lines += found.lines() if found is not None else _state(now)
    lines += [*_counts(now), *_problems(problems), *places]
    text = "\n".join(lines).encode("utf-8", "backslashreplace")
    cut = text if len(text) <= _BYTES else text[:_BYTES] + b"\n(cut: see the report)"
    return Message(subject[:_SUBJECT], cut.decode("utf-8", "ignore"))


def _compared(found: Changes | None, before: str, why_first: str) -> Iterator[str]:
    if found is not None:
        yield f"Compared with {before or 'the snapshot before'}."
    elif why_first:
        yield f"Nothing to compare with: {printable(why_first)} The next run compares with this one."
    else:
        yield "This is the first run, so there is nothing to compare with. The next run says what changed."


def _state(now: Survey) -> Iterator[str]:
    """The state as it is, for a run that has nothing to compare with."""
    yield f"{printable(now.headline)}. {printable(now.remark)}".strip()
    causes = [cause for cause in now.causes if cause.kind in {"break", "unknown"}]
    for cause in causes[:_CAUSES]:
        yield from Change(cause.title, cause.title, cause.why, cause.fix).lines()
    if (more := len(causes) - _CAUSES) > 0:
        yield f"- and {count_of(more, 'more cause')}: see the report"
    yield ""


def _counts(now: Survey) -> Iterator[str]:
    counts = now.counts
    total = sum(counts.values())
    parts = ", ".join(f"{counts[name]:,} {name}" for name in ("blind", "unknown", "covered", "excluded"))
    yield f"Now: {parts}, of {count_of(total, 'combination')} of account, Region, and class of events."


def _problems(problems: Sequence[str]) -> Iterator[str]:
    if problems:
        yield "Not read, so unknown:"
        yield from (f"- {printable(text)[:2000]}" for text in problems[:_CAUSES])
        if (more := len(problems) - _CAUSES) > 0:
            yield f"- and {more:,} more"
