"""Causes: the link that is probably broken, for each place whose event did not arrive."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

from trailforward.doctor.canary.sample import sample_event
from trailforward.doctor.delivery import reach
from trailforward.doctor.discover import discover
from trailforward.doctor.world.call import Call
from trailforward.doctor.world.links import describe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trailforward.doctor.canary.places import Place, Setup
    from trailforward.doctor.world.world import World


class Cause(NamedTuple):
    """Why the event of a place probably did not arrive.

    Attributes:
        code: the doctor's finding code; empty if the doctor did not finish.
        where: the link in plain English; empty if no link is known.
        why: a sentence or two.
        fix: what to do.
    """

    code: str
    where: str
    why: str
    fix: str


#: What AWS or the network says about a call that did not fail as it should.
_REFUSED = "The canary's own call fails with {}, so the canary proves nothing there."
_FIX_REFUSED = (
    "If the Region is disabled, leave it out of CanaryRegions. If a policy denies the call, allow "
    "ssm:DeleteParameter on parameter/trailforward-canary/* to the canary's role."
)
_FIX_ROLE = "Deploy canary-role.yaml to the account again, with the output CanaryRoleArn of the stack."
_LATE = (
    "The configuration looks right, so the event may be late, the forwarder may fail or be behind, or "
    "CloudTrail may have a problem."
)
_FIX_LATE = (
    "Look at the alarms of the stack (errors, age, dead-letters), at the dead letters beside the rule, and "
    "at the AWS Health Dashboard. If the next runs miss it, too, open a case with AWS Support."
)


def causes(
    setup: Setup, missing: Sequence[Place], refused: Mapping[Place, str], seconds: float
) -> dict[Place, Cause]:
    """The probable cause for each place.

    Args:
        setup: the canary's setup.
        missing: places whose event did not arrive.
        refused: places where this run's call did not fail as it should, with the error code.
        seconds: how long the doctor may take; what it has not found by then has no code. Never raises.
    """
    found = {place: _refused(refused[place]) for place in missing if place in refused}
    left = [place for place in missing if place not in refused]
    if left:
        looked: dict[Place, Cause] = {}
        problem: list[str] = []
        thread = threading.Thread(target=_look, args=(setup, left, looked, problem), daemon=True)
        thread.start()
        thread.join(max(0.0, seconds))
        why = problem[0] if problem else "The doctor did not finish in time."
        unknown = Cause("", "", f"{why} The link is not known.", "Run the command below.")
        found |= {place: looked.get(place, unknown) for place in left}
    return {place: found[place] for place in missing}


def cause_in(world: World, setup: Setup, place: Place) -> Cause:
    """The cause according to a snapshot."""
    role = setup.accounts[place.account]
    call = Call.from_event(sample_event(role, place.region), account=place.account, region=place.region)
    verdict = reach(world, call)
    if verdict.reaches is True:
        return Cause(verdict.code, "", _LATE, _FIX_LATE)
    doubt = "Not certain: " if verdict.reaches == "unknown" else ""
    where = describe(verdict.at) if verdict.at else ""
    return Cause(verdict.code, where, f"{doubt}{verdict.why}", verdict.fix)


def _look(setup: Setup, places: Sequence[Place], found: dict[Place, Cause], problem: list[str]) -> None:
    try:
        own = next(iter(setup.accounts))
        wanted = {place.account for place in places}
        roles = [role for account, role in setup.accounts.items() if account in wanted and account != own]
        discovery = discover(
            accounts=[own, *roles],
            regions=sorted({place.region for place in places} | {setup.region}),
            destinations=[setup.destination],
        )
        for place in places:
            found[place] = cause_in(discovery.world, setup, place)
    except Exception as error:  # noqa: BLE001  # the notification is sent without the link
        problem.append(f"The doctor failed ({type(error).__name__}).")


def _refused(code: str) -> Cause:
    fix = _FIX_ROLE if code.startswith("sts:") else _FIX_REFUSED
    return Cause(code, "the canary's call", _REFUSED.format(code), fix)
