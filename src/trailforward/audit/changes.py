"""Changes of rules and trails, as CloudTrail recorded them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.arn import Arn
from trailforward.result import reported_failure

if TYPE_CHECKING:
    from collections.abc import Mapping

EVENTS = "events.amazonaws.com"
CLOUDTRAIL = "cloudtrail.amazonaws.com"
RULE_CHANGES = ("PutRule", "EnableRule", "DisableRule", "DeleteRule", "PutTargets", "RemoveTargets")
TRAIL_CHANGES = (
    "StopLogging",
    "StartLogging",
    "DeleteTrail",
    "CreateTrail",
    "UpdateTrail",
    "PutEventSelectors",
    "PutInsightSelectors",
)
CHANGES = frozenset(
    [(EVENTS, name) for name in RULE_CHANGES] + [(CLOUDTRAIL, name) for name in TRAIL_CHANGES]
)


class Change(NamedTuple):
    """A change of a rule or trail, as CloudTrail recorded it.

    Attributes:
        time: ``eventTime``.
        event: ``eventName``.
        account: of the rule.
        region: of the rule.
        name: of the rule or trail; empty if the record does not say.
        bus: the event bus.
        state: that ``PutRule`` gave; empty if the record does not say.
        who: ARN of the caller.
        pattern: that ``PutRule`` gave, as JSON; empty if the record does not say.
        targets: IDs that ``PutTargets`` or ``RemoveTargets`` changed, as a JSON list; empty if not known, or
            if some of them failed.
    """

    time: str
    event: str
    account: str
    region: str
    name: str
    bus: str
    state: str
    who: str
    pattern: str = ""
    targets: str = ""

    @classmethod
    def of(cls, record: Mapping[str, Any], account: str) -> Change | None:
        """The change that a record describes; None if it failed.

        Args:
            record: of CloudTrail.
            account: in the key of the log file, if the record does not say.
        """
        if reported_failure(record) is not None:
            return None
        given, response = _mapping(record.get("requestParameters")), _mapping(record.get("responseElements"))
        name = _first_text(given.get("name"), given.get("rule"), given.get("trailName"))
        bus = _text(given.get("eventBusName")) or "default"
        account, region = _text(record.get("recipientAccountId")) or account, _text(record.get("awsRegion"))
        made = _rule_arn(response.get("ruleArn"))
        if made is not None and not name:
            bus, name = made
        if bus.startswith("arn:"):  # a bus may belong to another account
            try:
                arn = Arn.parse(bus)
                account, region, bus = arn.account, arn.region, arn.resource.removeprefix("event-bus/")
            except ValueError:
                bus = "?"
        event = _text(record.get("eventName"))
        # PutRule without a state enables the rule: it replaces what it does not name.
        state = _text(given.get("state")) or ("ENABLED" if given else "") if event == "PutRule" else ""
        return cls(
            _text(record.get("eventTime")),
            event,
            account,
            region,
            name,
            bus,
            state,
            _text(_mapping(record.get("userIdentity")).get("arn")),
            _text(given.get("eventPattern")),
            "" if response.get("failedEntryCount") else _targets(given),
        )

    @property
    def what(self) -> str:
        """A part of a sentence, with the time and the caller."""
        return f"{self.event} of rule {self.name or '?'} at {self.time} by {self.who or '?'}"

    @property
    def ids(self) -> frozenset[str]:
        """IDs of the targets that it changed; empty if not known."""
        return frozenset(json.loads(self.targets)) if self.targets else frozenset()


def _targets(given: Mapping[str, Any]) -> str:
    ids = given.get("ids")
    if not isinstance(ids, list):
        targets = given.get("targets")
        ids = [_mapping(target).get("id") for target in targets] if isinstance(targets, list) else []
    return json.dumps(sorted(set(ids))) if ids and all(isinstance(one, str) for one in ids) else ""


def _rule_arn(value: object) -> tuple[str, str] | None:
    """Bus and name in a rule's ARN: ``…:rule/NAME``, or ``…:rule/BUS/NAME``."""
    parts = _text(value).partition(":rule/")[2].split("/")
    if not parts[0]:
        return None
    return ("default", parts[0]) if len(parts) == 1 else ("/".join(parts[:-1]), parts[-1])


def _first_text(*values: object) -> str:
    return next((value for value in values if isinstance(value, str) and value), "")


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
