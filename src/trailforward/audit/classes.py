"""Why did a record not arrive? The first class that fits names it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.audit.rules import Asked
from trailforward.errors import EventError
from trailforward.message import as_envelope

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from trailforward.audit.fates import Judgement
    from trailforward.audit.rules import Rules

#: EventBridge's limit of an event, in bytes: CloudTrail does not send larger records.
MAX_EVENT = 262_144
#: Calls that CloudTrail records and does not send to EventBridge, as users found.
NOT_EMITTED = frozenset({("cloudshell.amazonaws.com", "GetFileDownloadUrls")})

#: The detail-type of sign-in events: in every public capture, and in EventBridge's guide.
_SIGN_IN = ("AWS Console Sign In via CloudTrail", "AWS Console Signin via CloudTrail")

#: Class to its verdict and description, in the order of the tests.
CLASSES: Mapping[str, tuple[str, str]] = {
    "aggregated": ("expected", "aggregated events, which EventBridge does not get"),
    "too_large": ("expected", "records over 262,144 bytes: S3 has the only copy"),
    "read_only": ("expected", "read-only management events, which rules in the state ENABLED do not get"),
    "pattern": ("expected", "events that the pattern of no rule matches"),
    "kind": ("expected", "data, network activity, and Insights events that no rule asks for"),
    "self": ("expected", "regular calls of the forwarder itself"),
    "no_route": ("expected", "events that no route sends to the sink"),
    "canary": ("expected", "canaries of the stack, which the forwarder filters"),
    "dropped": ("expected", "events that a route drops"),
    "below_severity": ("expected", "events below the sink's lowest severity"),
    "suppressed": ("expected", "repetitions that a route with once sends only the first time"),
    "below_threshold": ("expected", "events that a route with a threshold holds back"),
    "old_alert": ("expected", "events older than a day, which do not alert people"),
    "filtered": ("grey", "events that the forwarder filtered for a reason that this version does not know"),
    "dead_lettered": ("unexpected", "events in the dead-letter queue: redrive or repair them"),
    "envelope_mismatch": (
        "unexpected",
        "events in the dead-letter queue whose envelope contradicts the record",
    ),
    "partial": ("unexpected", "events without an outcome at some of their sinks"),
    "no_rule": ("gap", "events of Regions without a rule"),
    "rule_disabled": (
        "gap",
        "events while every matching rule was disabled, changed, or without targets",
    ),
    "not_emitted": ("grey", "calls that AWS is known not to send to EventBridge"),
    "read_only_list": ("grey", "calls that CloudTrail calls writing, and EventBridge may call reading"),
    "undetermined": ("grey", "events for which rules or delivered files are not known well enough"),
    "pending": ("pending", "young events, which EventBridge may still deliver"),
    "unexpected": ("unexpected", "events that should have arrived"),
}


#: Classes whose records ``--missing`` lists.
MISSING = frozenset(name for name, (verdict, _) in CLASSES.items() if verdict == "unexpected")


def missing(counts: Mapping[str, int]) -> int:
    """The number of records in these classes, of numbers by class."""
    return sum(counts.get(name, 0) for name in MISSING)


class Decision(NamedTuple):
    """The class of a missing record, a sentence why, and the sinks that need it, if they are known."""

    name: str
    why: str
    sinks: tuple[str, ...] = ()


class Classifier:
    """Names the reason why records did not arrive.

    Args:
        rules: the rules at every time.
        young: ``eventTime`` from which on an event is pending.
        routed: names of the sinks in question that the configuration sends an envelope to; None without a
            configuration.
        own: the class of an envelope that the forwarder leaves out because its stack caused the event:
            ``self``, ``canary``, or empty for other envelopes; None if that is not known.
        reason: the doctor's reason for an envelope in a Region, or empty; None without a snapshot.
    """

    def __init__(
        self,
        rules: Rules,
        young: str,
        routed: Callable[[dict[str, Any]], Collection[str]] | None = None,
        own: Callable[[dict[str, Any]], str] | None = None,
        reason: Callable[[dict[str, Any], str, str], str] | None = None,
    ) -> None:
        self._rules = rules
        self._young = young
        self._routed = routed
        self._own = own
        self._reason = reason
        #: Events before this time may have arrived in delivered files that were not read.
        self.earliest = ""

    def only_reading(self, account: str, region: str) -> bool:
        """Whether all read-only management events of a place without receipts are in class ``read_only``.

        It holds for records of the folder ``CloudTrail`` within EventBridge's limit.
        """
        return self._rules.plain(account, region)

    def classify(  # noqa: C901, PLR0911  # one per class
        self, record: Any, size: int, folder: str, account: str, region: str, fate: Judgement | None = None
    ) -> Decision:
        """The first class that fits. If the event has receipts, they say what happened to it.

        Args:
            record: the parsed record.
            size: of its text in bytes.
            folder: of the log file: ``CloudTrail``, ``CloudTrail-Aggregated``, …
            account: in the key of the log file.
            region: in the key of the log file.
            fate: what its receipts say; None if it has none.
        """
        if fate is not None:
            return self._by_receipts(record, fate)
        if folder == "CloudTrail-Aggregated" or _get(record, "eventCategory") == "Aggregated":
            return Decision("aggregated", "EventBridge does not get aggregated events")
        if size > MAX_EVENT:
            return Decision("too_large", f"{size:,} bytes, over EventBridge's limit of {MAX_EVENT:,} bytes")
        try:
            event = as_envelope(record)
        except EventError as error:
            return Decision("undetermined", f"not a CloudTrail record: {error}")
        account = _text(record, "recipientAccountId") or account
        region = _text(record, "awsRegion") or region
        event["account"] = event.get("account") or account  # Insights events may lack it
        asked = _asked(record, event)
        ruling = self._rules.judge(account, region, asked)
        found = None
        if ruling is None or ruling.name in _LATER:
            found = self._by_forwarder(asked)
        if found is None and ruling is not None:
            found = Decision(*ruling)
        found = found or _grey(record, plain=not self._rules.read(account, region, asked.time))
        if found is not None and (found.name != "no_rule" or self._reason is None):
            return found
        why = self._reason(event, account, region) if self._reason is not None else ""
        if found is not None:
            return Decision(found.name, why or found.why)
        if asked.time >= self._young:
            return Decision("pending", "EventBridge may still deliver it")
        if asked.time < self.earliest:
            why = f"it may be in delivered files from before {self.earliest}: see --delivered-since"
            return Decision("undetermined", why)
        sinks = tuple(sorted(self._sinks(asked)))
        return Decision("unexpected", why or "nothing explains why it did not arrive", sinks)

    def _by_receipts(self, record: Any, fate: Judgement) -> Decision:
        absent = fate.absent
        if absent and self._routed is not None:
            try:
                routed = self._routed(as_envelope(record))
            except EventError:
                routed = absent  # whatever it is, it was forwarded as an event
            absent = tuple(sink for sink in absent if sink in routed)
        if fate.dead:
            return Decision(fate.name, fate.why, tuple(sorted({*fate.dead, *absent})))
        if not absent:
            return Decision("arrived", "") if fate.delivered else Decision("no_route", "no route sends it")
        if _text(record, "eventTime") >= self._young:
            return Decision("pending", fate.why)
        return Decision("partial", fate.why, absent)

    def _by_forwarder(self, asked: Asked) -> Decision | None:
        if self._own is not None and (name := self._own(asked.envelopes[0])):
            return Decision(name, "the forwarder leaves it out")
        if self._routed is not None and not self._sinks(asked):
            return Decision("no_route", "no route of the configuration sends it to the sink")
        return None

    def _sinks(self, asked: Asked) -> set[str]:
        """The sinks that should have an event, if they are known."""
        routed = self._routed
        return set().union(*map(routed, asked.envelopes)) if routed is not None else set()


#: What rules say that comes after what the forwarder does.
_LATER = frozenset({"no_rule", "rule_disabled", "undetermined"})


def _asked(record: dict[str, Any], event: dict[str, Any]) -> Asked:
    # Records before format 1.08 have neither key, and only management events reached EventBridge then.
    category = record.get("eventCategory", "Management") == "Management"
    management = str(record.get("managementEvent", category)).lower() == "true"
    reading = str(record.get("readOnly")).lower() == "true"
    envelopes = [event]
    # AWS writes both spellings, and a log file does not say which one EventBridge used.
    if event.get("detail-type") == _SIGN_IN[0]:
        envelopes.append({**event, "detail-type": _SIGN_IN[1]})
    return Asked(envelopes, _text(record, "eventTime"), reading and management, category)


def _grey(record: dict[str, Any], *, plain: bool) -> Decision | None:
    from trailforward.doctor.rules.read_only import read_only

    source, name = _text(record, "eventSource"), _text(record, "eventName")
    if (source, name) in NOT_EMITTED:
        return Decision("not_emitted", f"AWS is known not to send {name} to EventBridge")
    management = record.get("eventCategory", "Management") == "Management"
    if plain and management and record.get("readOnly") is False and read_only(name):
        return Decision("read_only_list", f"CloudTrail calls {name} writing, and its name begins as reading")
    return None


def _get(record: Any, key: str) -> Any:
    return record.get(key) if isinstance(record, dict) else None


def _text(record: Any, key: str) -> str:
    value = _get(record, key)
    return value if isinstance(value, str) else ""
