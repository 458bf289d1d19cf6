"""Which time the digests of one account and Region cover: the parts of a strip."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING

from trailforward.audit.digest_file import Digest, Named, parse_name
from trailforward.audit.digest_report import CODES, DigestSpan

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from trailforward.storage.log_keys import LogKey

#: CloudTrail writes a digest for every hour.
_HOUR = timedelta(hours=1)

#: Start, end, state, and the digest if it is valid.
_Part = tuple["datetime", "datetime", str, "Digest | None"]


def spans(  # noqa: PLR0913, PLR0917  # what is known of one account and Region
    account: str,
    region: str,
    valid: Iterable[tuple[Named, Digest]],
    rejected: Iterable[tuple[LogKey, str]],
    since: datetime,
    until: datetime,
    settled: datetime,
) -> Iterator[DigestSpan]:
    """The spans of each trail, one after another, which together cover the window.

    Backfill digests are left out: they list log files of hours that others cover.

    Args:
        account: account ID.
        region: of the log files.
        valid: digests with the trails in their names.
        rejected: keys of the digests that prove nothing, with the codes of the findings.
        since: start of the window.
        until: its end.
        settled: digests up to this time must be there.
    """
    trails: dict[str, list[_Part]] = defaultdict(list)
    for name, digest in valid:
        if not name.backfill:
            trails[name.trail].append((digest.start, digest.end, "valid", digest))
    for key, code in rejected:
        named = parse_name(key.key.rpartition("/")[2])
        if named is not None and not named.backfill:
            trails[named.trail].append((key.time - _HOUR, key.time, CODES[code][0], None))
    for trail, parts in sorted(trails.items() or [("", [])]):
        for start, end, state in _joined(_filled(parts, since, until, settled)):
            yield DigestSpan(account, region, trail, start, end, state)


def _filled(
    parts: Iterable[_Part], since: datetime, until: datetime, settled: datetime
) -> Iterator[tuple[datetime, datetime, str]]:
    """The parts inside the window, and what is between them."""
    at, former = since, None
    for start, end, state, digest in sorted(parts, key=lambda part: part[:2]):
        if end > since and start < until:
            if start > at:
                yield at, start, _between(former, digest)
                at = start
            if end > at:
                yield at, min(end, until), state
                at = min(end, until)
        former = digest if digest is not None else former
    if at < min(settled, until):
        yield at, min(settled, until), "none"
        at = min(settled, until)
    if at < until:
        yield at, until, "pending"


def _between(former: Digest | None, digest: Digest | None) -> str:
    """Why a time before a digest is not covered."""
    if digest is None or (former is None and digest.previous is None):
        return "none"
    if digest.previous is None:
        return "restarted"
    linked = former is not None and (former.bucket, former.object) == digest.previous
    return "gap" if linked else "missing"


def _joined(
    parts: Iterable[tuple[datetime, datetime, str]],
) -> Iterator[tuple[datetime, datetime, str]]:
    """Parts of the same state that follow each other as one."""
    last: tuple[datetime, datetime, str] | None = None
    for start, end, state in parts:
        if last is not None and last[2] == state:
            last = last[0], end, state
            continue
        if last is not None:
            yield last
        last = start, end, state
    if last is not None:
        yield last
