"""Groups the alerts of one batch into one message, for sinks with ``group``.

The pipeline sends, retries, and records each alert by itself. Only the last step differs: the sink gets
several alerts at once, and makes one message of them.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from trailforward.errors import Cause, PermanentError, TransientError
from trailforward.formats._digest import CUTS, digest, line
from trailforward.pipeline.intake import ENVELOPE_MISMATCH
from trailforward.pipeline.sender import PendingEntry
from trailforward.sinks.base import DETECTION, REPEATS, SEVERITY, Entry, Limits, Sink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from trailforward.formats._digest import Line
    from trailforward.message import Message
    from trailforward.pipeline.intake import EntryBuilder
    from trailforward.sinks.base import Rejection

#: A digest has no room for more detections; an attribute of SNS has none for more names.
_MOST_NAMES = 10
_MOST_ATTRIBUTES = 10
_UNLIMITED = 1 << 40


class GroupedEntry(PendingEntry):
    """An entry that can become a line of a digest."""

    __slots__ = ("line",)
    line: Line


class _Noting:
    """A format that also notes the line of the message that it converts."""

    def __init__(self, form: Any) -> None:
        self.line: Line | None = None
        self.content_type = form.content_type
        self.subject = form.subject
        self._form = form

    def data(self, message: Message) -> bytes:
        self.line = line(message)
        return self._form.data(message)  # type: ignore[no-any-return]


class GroupingBuilder:
    """Builds entries with lines.

    Args:
        inner: builds the entries.
        noting: the format that it uses.
    """

    def __init__(self, inner: EntryBuilder, noting: _Noting) -> None:
        self.arn = inner.arn
        self._size, self._most = inner._size, inner._most  # noqa: SLF001  # for further wrappers
        self._inner = inner
        self._noting = noting

    def build(self, wanted: Any, index: int, message: Message, differs: str) -> Any:
        """See :meth:`EntryBuilder.build`."""
        made = self._inner.build(wanted, index, message, differs)
        if type(made) is not PendingEntry or self._noting.line is None:
            return made
        entry = GroupedEntry(*(getattr(made, name) for name in PendingEntry.__match_args__))
        entry.line = self._noting.line
        return entry


def builders(base: Callable[..., EntryBuilder], formats: Mapping[str, str]) -> Callable[..., Any]:
    """Makes builders: those with lines for the sinks that group.

    Args:
        base: makes the others.
        formats: sink that groups → its format.
    """

    def make(name: str, sink: Sink, forms: Mapping[str, Any], *more: Any) -> Any:
        if name not in formats:
            return base(name, sink, forms, *more)
        noting = _Noting(forms[formats[name]])
        return GroupingBuilder(base(name, sink, {formats[name]: noting}, *more), noting)

    return make


class GroupingSink(Sink):
    """Sends the alerts of a batch as one message; a single alert as it is.

    Args:
        inner: the destination.
        form: the format, which can write digests.
    """

    def __init__(self, inner: Sink, form: Any) -> None:
        self.arn = inner.arn
        self.uses_fields = inner.uses_fields
        limits = inner.limits
        self._most = min(limits.max_entry_bytes, limits.max_batch_bytes - limits.batch_overhead)
        self.limits = Limits(_UNLIMITED, self._most, _UNLIMITED, max_concurrency=limits.max_concurrency)
        self.size = inner.size  # type: ignore[method-assign]
        self.connect = inner.connect  # type: ignore[method-assign]
        self.prepare = inner.prepare  # type: ignore[method-assign]
        self.close = inner.close  # type: ignore[method-assign]
        self._inner = inner
        self._form = form

    def size(self, entry: Entry) -> int:
        """As the destination counts."""
        return self._inner.size(entry)

    def send(self, batch: Sequence[Any]) -> Sequence[Rejection]:
        """Sends one message. All of its alerts have the same fate.

        Raises:
            TransientError: as the destination.
            PermanentError: as the destination. It is divisible if one alert may be the cause.
        """
        if len(batch) == 1:
            return self._inner.send(batch)
        for rejection in self._inner.send([self._grouped(batch)]):
            code, message = rejection.code, rejection.message
            if rejection.transient:
                raise TransientError(code, message, throttled=rejection.cause is Cause.THROTTLING)
            raise PermanentError(code, message, divisible=rejection.cause is not Cause.DESTINATION)
        return []

    def _grouped(self, batch: Sequence[GroupedEntry]) -> Entry:
        """One entry for several.

        Raises:
            PermanentError: even the shortest is too large.
        """
        names = "\n".join(entry.key for entry in batch)
        key = "digest-" + hashlib.sha256(names.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        first = batch[0]
        entry = Entry(b"", key, first.group, content_type=first.content_type, time=first.time)
        for most, characters in CUTS:
            found = digest([one.line for one in batch], key, most, characters)
            entry.data = self._form.digest(found)
            entry.subject = found.subject if first.subject else ""
            held = found.ends[-1] if found.held else ""
            entry.fields = _merged([one.fields for one in batch], found.counts, held)
            entry.attributes = _merged([one.attributes for one in batch], found.counts, held)
            if len(entry.data) <= self._form.digest_bytes and self._inner.size(entry) <= self._most:
                return entry
        raise PermanentError("too_large", "the digest is over the limit", content=True)


def _merged(all_of: Sequence[Mapping[str, str]], counts: Iterable[str], held: str) -> dict[str, str]:
    """The attributes that all alerts share, the highest severity, and the names of the detections."""
    common = {
        name: value
        for name, value in all_of[0].items()
        if name not in {SEVERITY, DETECTION, REPEATS, ENVELOPE_MISMATCH}
        and all(other.get(name) == value for other in all_of)
    }
    for one in all_of:
        if ENVELOPE_MISMATCH in one:
            common.setdefault(ENVELOPE_MISMATCH, one[ENVELOPE_MISMATCH])
    if severity := next((word for word in counts if any(one.get(SEVERITY) == word for one in all_of)), ""):
        common[SEVERITY] = severity
    names = dict.fromkeys(name for one in all_of for name in json.loads(one.get(DETECTION, "[]")))
    if names:
        common[DETECTION] = json.dumps([*names][:_MOST_NAMES]).replace("\x7f", "\\u007f")
    if held and REPEATS in {name for one in all_of for name in one}:
        common[REPEATS] = held
    for name in (REPEATS, DETECTION):
        if len(common) > _MOST_ATTRIBUTES:
            common.pop(name, None)
    return common
