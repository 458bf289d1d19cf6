"""Checks that the digests of one chain follow each other without a break."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward.storage.log_keys import parse_key

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from datetime import datetime

    from trailforward.audit.digest_file import Digest, Named

_MINUTES = "%Y-%m-%dT%H:%MZ"

#: A code, the key that it is about, and a sentence.
Found = tuple[str, str, str]


def check_chain(
    name: Named,
    digests: Mapping[str, Digest],
    listed: Collection[str],
    since: datetime,
    settled: datetime,
    place: Callable[[str, str], str],
) -> Iterator[Found]:
    """What is wrong with a chain.

    Args:
        name: of the trail. Backfill digests form their own chain, which has no regular hours.
        digests: valid ones with their keys.
        listed: keys of all digests in the listing, also of invalid ones.
        since: digests that ended before are not in the listing.
        settled: digests up to this time must be there.
        place: bucket and key to the key below the location; empty for another place.
    """
    ordered = sorted(digests.items(), key=lambda item: item[1].end)
    former: Digest | None = None
    for key, digest in ordered:
        yield from _link(key, digest, digests, listed, since, place)
        if not name.backfill:
            linked = digest.previous is not None and place(*digest.previous) in digests
            yield from _follows(key, digest, former, since, linked=linked)
        former = digest
    if former is not None and not name.backfill and former.end < settled:
        text = (
            f"the newest valid digest of trail {name.trail} ends at {former.end:{_MINUTES}}, not at "
            f"{settled:{_MINUTES}}. Digests were deleted, or the trail or its validation was stopped"
        )
        yield "DIGESTS_END_EARLY", ordered[-1][0], text


def _follows(
    key: str, digest: Digest, former: Digest | None, since: datetime, *, linked: bool
) -> Iterator[Found]:
    start = f"{digest.start:{_MINUTES}}"
    if former is None:
        if digest.start > since:
            text = f"the first valid digest begins at {start}, and the window at {since:{_MINUTES}}"
            yield "DIGESTS_START_LATE", key, text
    elif digest.previous is None:
        text = (
            f"a new chain begins at {start}, after a digest that ends at {former.end:{_MINUTES}}: the trail "
            "or its validation was stopped, and no digest names the log files in between"
        )
        yield "CHAIN_RESTARTED", key, text
    elif linked and digest.start > former.end:
        text = f"no valid digest covers the time from {former.end:{_MINUTES}} to {start}"
        yield "CHAIN_GAP", key, text


def _link(
    key: str,
    digest: Digest,
    digests: Mapping[str, Digest],
    listed: Collection[str],
    since: datetime,
    place: Callable[[str, str], str],
) -> Iterator[Found]:
    """Compares a digest with the one that it points to."""
    if digest.previous is None:
        return
    former = place(*digest.previous)
    parsed = parse_key(former)
    if not former:
        yield "DIGEST_ELSEWHERE", key, f"it points to s3://{'/'.join(digest.previous)}, which was not read"
    elif former in digests:
        other = digests[former]
        if (digest.previous_signature, digest.previous_sha256) != (other.signature, other.sha256):
            yield "DIGEST_LINK", key, f"it has another hash or signature for {former}"
    elif former not in listed and (parsed is None or parsed.time >= since):
        yield "DIGEST_MISSING", former, f"{key} points to it, and it was deleted"
