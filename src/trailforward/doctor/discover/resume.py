"""Resume: what a run that stopped before its end leaves for the next run to read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.doctor.discover.problems import Problem
from trailforward.doctor.discover.reader import INTERRUPTED, OUT_OF_TIME
from trailforward.doctor.world.index import ENABLED
from trailforward.doctor.world.places import name_places

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trailforward.doctor.world.world import World

#: Why something is unseen that can be read with new credentials.
EXPIRED = "the AWS credentials expired"
LATE = "the time was over"
STOPPED_BY_USER = "it was interrupted"
#: The reasons of a run that stopped before its end.
STOPPED = frozenset({EXPIRED, LATE, STOPPED_BY_USER})
_REASONS = {OUT_OF_TIME: LATE, INTERRUPTED: STOPPED_BY_USER}
_STOPPED = "Stopped, because "
_LOG_IN = "Log in again, then run the same command with --resume FILE to read only the rest; "
_CONTINUE = "Run the same command with --resume FILE to read only the rest; "


class Kept(NamedTuple):
    """What need not be read again.

    Attributes:
        places: the accounts and Regions whose rules, buses, and trails are complete.
        data: the snapshot as JSON, without what is read again.
        problems: the problems of the first run.
    """

    places: set[tuple[str, str]]
    data: dict[str, Any]
    problems: list[Problem]


def keep(saved: World, global_region: str) -> Kept:
    """What to keep of a saved snapshot.

    A Region that was read in part is read again, and the one that shows a trail whose settings were not read:
    every Region shows a multi-Region trail.

    Args:
        saved: the snapshot.
        global_region: the Region in which to look for multi-Region trails.
    """
    gaps = [gap for gap in saved.unseen if gap.why in STOPPED]
    again = {
        (gap.account, global_region if gap.region == "*" else gap.region)
        for gap in gaps
        if gap.what in {"*", "buses", "rules", "trails"}
    }
    places = {
        (account, region)
        for account, regions in saved.accounts.items()
        for region, status in regions.items()
        if status in ENABLED and (account, region) not in again
    }
    data = saved.model_dump(mode="json", by_alias=True, exclude_unset=True)
    for part in ("buses", "rules"):
        data[part] = [item for item in data.get(part, ()) if (item["account"], item["region"]) in places]
    data["unseen"] = [
        gap
        for gap in data.get("unseen", ())
        if gap["why"] not in STOPPED and (gap["region"] == "*" or (gap["account"], gap["region"]) in places)
    ]
    problems = [Problem(text) for text in saved.problems if not text.startswith(_STOPPED)]
    return Kept(places, data, problems)


def reason(code: str) -> str:
    """Why a run stopped, one of :data:`STOPPED`, by the code of the error."""
    return _REASONS.get(code, EXPIRED)


def stopped(code: str, read: int, unseen: Iterable[dict[str, str]], closed: Iterable[str]) -> str:
    """A sentence that says what was not read because the run stopped, and how to continue.

    Args:
        code: AWS's error code.
        read: how many account/Region pairs were read.
        unseen: the gaps of the snapshot, as JSON.
        closed: the accounts of which nothing was read.
    """
    missed: dict[str, set[tuple[str, str]]] = {"*": {(account, "*") for account in closed}}
    for gap in unseen:
        if gap["why"] in STOPPED:
            missed.setdefault(gap["what"], set()).add((gap["account"], gap["region"]))
    parts = [
        f"{'everything' if what == '*' else what} in {name_places(places)}"
        for what, places in sorted(missed.items())
        if places
    ]
    return (
        f"{_STOPPED}{reason(code)} ({code}): {read:,} account/Region "
        f"pair{'' if read == 1 else 's'} were read. "
        f"Not read, so unknown: {'; '.join(parts) or 'some details'}. "
        f"{_CONTINUE if code in _REASONS else _LOG_IN}"
        "FILE is the snapshot that --save wrote."
    )
