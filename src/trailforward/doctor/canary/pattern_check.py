"""The check at deploy time: does the stack's ``EventPattern`` admit the canary's events?

CloudFormation cannot evaluate event patterns, so a custom resource asks this function, and a pattern that
would keep the canary's events away fails the deployment.
"""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any

from trailforward.doctor.canary.sample import sample_event
from trailforward.patterns import InvalidPatternError, Pattern

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trailforward.doctor.canary.places import Setup

_SECONDS = 20.0
_NAMED = 5
#: CloudFormation cuts longer reasons.
_REASON = 900
_FIX = (
    'Add the canary\'s call to the pattern: {"$or": [YOUR CONDITIONS, {"source": ["aws.ssm"], '
    '"detail": {"eventName": ["DeleteParameter"]}}]}. Or clear EventPattern, or deploy with Canary=false.'
)


def problem_of(pattern: str, setup: Setup) -> str:
    """Why a pattern does not suit the canary, with the fix; empty if it admits all events of the canary.

    Args:
        pattern: the parameter ``EventPattern``; empty for the rule's own pattern, which admits them.
        setup: the canary's setup.
    """
    if not pattern:
        return ""
    try:
        parsed = Pattern(pattern)
        roles = setup.accounts
        kept_out = [
            place
            for place in setup.places
            if not parsed.matches(sample_event(roles[place.account], place.region))
        ]
    except InvalidPatternError as error:
        return f"EventPattern is not a valid event pattern: {error}"
    if not kept_out:
        return ""
    named = ", ".join(map(str, kept_out[:_NAMED])) + (", ..." if len(kept_out) > _NAMED else "")
    return (
        f"EventPattern does not admit the canary's events of {named}, so the canary would report every event "
        f"as missing. {_FIX}"
    )


def respond(event: Mapping[str, Any], setup: Setup) -> None:
    """Checks the pattern for a custom resource, and sends CloudFormation the result. Deletion succeeds.

    Raises:
        OSError: CloudFormation's URL cannot be reached; CloudFormation then waits until its timeout.
    """
    try:
        deleting = event["RequestType"] == "Delete"
        pattern = event.get("ResourceProperties", {}).get("EventPattern", "")
        problem = "" if deleting else problem_of(pattern, setup)
    except Exception as error:  # noqa: BLE001  # without a response, the deployment hangs
        problem = f"The check of EventPattern failed: {type(error).__name__}. Read the canary's log."
    response = {
        "Status": "FAILED" if problem else "SUCCESS",
        "Reason": problem[:_REASON],
        "PhysicalResourceId": event.get("PhysicalResourceId") or f"{setup.service}-canary-pattern",
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
    }
    # An empty Content-Type, because the signed URL has none.
    request = urllib.request.Request(  # noqa: S310  # CloudFormation's URL
        event["ResponseURL"], json.dumps(response).encode(), {"Content-Type": ""}, method="PUT"
    )
    urllib.request.urlopen(request, timeout=_SECONDS).close()  # noqa: S310  # same
