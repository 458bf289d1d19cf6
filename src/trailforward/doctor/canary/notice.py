"""The notification about missing canaries, for people."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trailforward.doctor.canary.causes import Cause
    from trailforward.doctor.canary.places import Place, Setup

#: SNS accepts 99 characters; a longer list of Regions is cut.
_SUBJECT = 99
#: Most places in one notification; the rest is counted.
_MOST = 40


class Notice(NamedTuple):
    """A notification: subject and text of an SNS message."""

    subject: str
    text: str


def notice(
    setup: Setup, missing: Sequence[Place], found: Mapping[Place, Cause], at: float, *, changed: bool
) -> Notice:
    """The notification about the places whose event did not arrive.

    Args:
        setup: the canary's setup.
        missing: the places, at least one.
        found: their causes.
        at: when the calls were made, in seconds since 1970.
        changed: whether an earlier run missed other places.
    """
    places = setup.places
    regions = list(dict.fromkeys(place.region for place in missing))
    one = len(missing) == 1
    if len(setup.accounts) == 1:
        what = f"{len(missing)} of {len(places)} Regions"
    else:
        what = f"{len(missing)} of {len(places)} pairs of account and Region"
    when = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    lines = [
        f"The canary of {setup.service} called at {when}, and its event did not arrive from {what}:",
        *(f"  {place}" for place in missing[:_MOST]),
        *([f"  and {len(missing) - _MOST} more"] if len(missing) > _MOST else []),
        "",
        f"Other events from {'there' if one else 'these Regions'} are probably not forwarded either.",
    ]
    if changed:
        lines.append("This list differs from that of the run before.")
    for place in missing[:_MOST]:
        cause = found[place]
        named = cause.where.lower() in cause.why.lower()
        link = "" if named else f"{cause.where}: "
        code = f" [{cause.code}]" if cause.code else ""
        lines += [
            "",
            f"{place}",
            f"  Probable cause: {link}{cause.why}{code}",
            f"  Fix: {cause.fix}",
            f"  Check: {_command(setup, place)}",
        ]
    lines += [
        "",
        "When the cause is fixed, the alarm canary-missing ends within two hours.",
        "Events of the meantime are in the trail's log files: docs/canary.md says how to forward them.",
    ]
    subject = f"trailforward: no canary from {', '.join(regions)}"
    if len(subject) > _SUBJECT:
        subject = f"trailforward: no canary from {len(regions)} Regions"
    return Notice(subject, "\n".join(lines))


def _command(setup: Setup, place: Place) -> str:
    hub = setup.own_role.split(":")[4]
    also = f" --also-read {hub}" if hub != place.account else ""
    return (
        f"trailforward trace --call ssm:DeleteParameter --write --region {place.region} "
        f"--account {place.account}{also} --destination {setup.destination}"
    )
