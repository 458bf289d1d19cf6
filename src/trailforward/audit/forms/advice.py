"""What to do about the records of each class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward.audit.classes import CLASSES

if TYPE_CHECKING:
    from collections.abc import Mapping

_ALL = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
_FORWARD = "trailforward forward s3://… with --since, --until, --account, and --region"

_CLASS: Mapping[str, str] = {
    "aggregated": "Nothing. S3 has the only copy.",
    "too_large": f"Nothing, or forward them from the log files: {_FORWARD}.",
    "read_only": f"Nothing if you do not need them. Otherwise set the state of the rules to {_ALL}.",
    "pattern": "Nothing if the rule leaves them out on purpose. Otherwise widen its pattern.",
    "self": "Nothing. This prevents loops.",
    "no_route": "Nothing if no route is meant for them. Otherwise add a route to the configuration.",
    "canary": "Nothing. The forwarder keeps canaries from the sinks.",
    "dropped": "Nothing if the route drops them on purpose. Otherwise change the route.",
    "below_severity": "Nothing if the sink's min_severity is right. Otherwise lower it.",
    "suppressed": "Nothing. The first event of each repetition was sent.",
    "below_threshold": "Nothing if the route's threshold is right. Otherwise lower it.",
    "old_alert": "Nothing. --alerts of trailforward forward sends old events to sinks that alert people.",
    "filtered": "Update trailforward here, or read the code in the reasons.",
    "dead_lettered": "Remove the cause that the code names, then run trailforward redrive, or repair.",
    "envelope_mismatch": "Find out who put them on the bus. Repair delivers what CloudTrail recorded.",
    "partial": "Repair: deliver them to the sinks that lack them, then audit again.",
    "no_rule": f"Deploy the regional rule there, then forward the events of that time: {_FORWARD}.",
    "rule_disabled": "Enable the rule (aws events enable-rule), and find out why it was changed. Then "
    f"forward the events of that time: {_FORWARD}.",
    "kind": "Nothing if you do not need them. Otherwise add their detail-type to the pattern of a rule.",
    "not_emitted": f"If you need them, forward them from the log files: {_FORWARD}.",
    "read_only_list": f"If you need them, set the state of the rules to {_ALL}.",
    "undetermined": "Give the audit a snapshot (trailforward doctor --save, then --snapshot), and read the "
    "reasons.",
    "pending": "Audit again later.",
    "unexpected": "Repair: deliver them from the log files, then audit again.",
}

_VERDICT: Mapping[str, str] = {
    "expected": "Nothing if this is on purpose.",
    "gap": f"Close the gap, then forward the events of that time: {_FORWARD}.",
    "pending": "Audit again later.",
    "unexpected": "Repair: deliver them from the log files, then audit again.",
}


def advice(name: str) -> str:
    """What to do about the records of a class, in one or two sentences."""
    verdict, _ = CLASSES.get(name, ("grey", ""))
    return _CLASS.get(name) or _VERDICT.get(verdict) or "Read the reasons."
