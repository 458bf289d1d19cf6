"""One run of the canary: call, check the run before, publish metrics, notify."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any

from trailforward.doctor.canary.arrivals import NAMESPACE, Arrivals, arrivals
from trailforward.doctor.canary.calls import call_all, error_code, open_client
from trailforward.doctor.canary.causes import causes
from trailforward.doctor.canary.notice import notice
from trailforward.doctor.canary.places import Setup

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trailforward.doctor.canary.places import Place

#: Seconds for the notification, after the doctor.
_MARGIN = 15.0
_DEFAULT_SECONDS = 300.0


def handler(event: Mapping[str, Any], context: Any = None) -> dict[str, Any]:
    """Handles the schedule, and CloudFormation's question whether the pattern admits the canary.

    Args:
        event: of the schedule, whose content does not matter; or of a custom resource.
        context: Lambda's context.

    Returns:
        How many places were called, missing, and refused; for people who invoke the function.
    """
    setup = Setup.from_env(os.environ)
    if "RequestType" in event and "ResponseURL" in event:
        from trailforward.doctor.canary.pattern_check import respond

        respond(event, setup)
        return {}
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    seconds = _DEFAULT_SECONDS if remaining is None else remaining() / 1000
    return run(setup, time.time(), time.monotonic() + seconds)


def run(setup: Setup, now: float, deadline: float) -> dict[str, Any]:
    """One run.

    Args:
        setup: the canary's setup.
        now: start of the run, in seconds since 1970.
        deadline: when the run must end, in seconds of the monotonic clock.
    """
    refused = call_all(setup)
    for place, code in refused.items():
        _log("the canary's call did not fail as it should", place=str(place), code=code)
    errors = len(refused)
    known: Arrivals | None
    try:
        cloudwatch = open_client("cloudwatch", setup.region)
        try:
            known = arrivals(cloudwatch, setup, now)
        finally:
            cloudwatch.close()
    except Exception as error:  # noqa: BLE001  # the run's own metrics must be published
        errors += 1
        _log("the metrics cannot be read", code=error_code(error))
        known = None
    counts = {"canary_errors": errors} | ({"canary_missing": len(known.missing)} if known else {})
    _publish(setup, counts, {}, now)
    _publish(setup, {"canary_sent": len(setup.places)}, {"places": setup.digest}, now)
    missing = known.missing if known else ()
    if known and missing and set(missing) != set(known.missing_before or ()):
        _notify(setup, known, refused, deadline)
    return {"called": len(setup.places), "missing": [str(one) for one in missing], "errors": errors}


def _notify(setup: Setup, known: Arrivals, refused: Mapping[Place, str], deadline: float) -> None:
    """Notifies about missing places. A failure is logged; the alarm notifies, too."""
    found = causes(setup, known.missing, refused, deadline - time.monotonic() - _MARGIN)
    changed = bool(known.missing_before)
    written = notice(setup, known.missing, found, known.at, changed=changed)
    _log("canaries are missing", notice=written.text)
    if not setup.topic:
        return
    try:
        sns = open_client("sns", setup.region)
        try:
            sns.publish(TopicArn=setup.topic, Subject=written.subject, Message=written.text)
        finally:
            sns.close()
    except Exception as error:  # noqa: BLE001  # the alarm notifies, and the log has the text
        _publish(setup, {"canary_errors": 1}, {}, time.time())
        _log("the notification was not sent", code=error_code(error))


def _publish(setup: Setup, metrics: Mapping[str, int], dimensions: Mapping[str, str], at: float) -> None:
    """Writes metrics in CloudWatch's embedded metric format."""
    directive = {
        "Namespace": NAMESPACE,
        "Dimensions": [[*dimensions, "service"]],
        "Metrics": [{"Name": name, "Unit": "Count"} for name in metrics],
    }
    about = {"Timestamp": int(at * 1000), "CloudWatchMetrics": [directive]}
    _write({"_aws": about, **dimensions, "service": setup.service, **metrics})


def _log(text: str, **fields: str) -> None:
    _write({"level": "ERROR", "message": text, **fields})


def _write(line: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
