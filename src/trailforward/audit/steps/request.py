"""The input of an execution: ``{"mode": "audit", "since": "2026-11-26T00:00Z", …}``."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from trailforward.audit.run import Audit
from trailforward.audit.steps.settings import InvalidInputError

if TYPE_CHECKING:
    from trailforward.audit.steps.settings import Settings

MODES = ("audit", "backfill", "repair")
#: Keys for every mode, and those for single modes.
_KEYS = {
    "": {"mode", "trail", "concurrency", "tolerated_failures", "groups_per_child"},
    "audit": {
        *("since", "until", "accounts", "regions", "inventory", "delivered", "receipts", "sink"),
        *("own_roles", "rule"),
        *("snapshot", "wait_hours", "compare", "publish"),
    },
    "backfill": {"since", "until", "accounts", "regions", "inventory", "alerts"},
    "repair": {"missing", "alerts", "sinks"},
}
_ACCOUNT, _REGION = re.compile(r"[0-9]{12}"), re.compile(r"[a-z]{2,8}(-[a-z]+){1,3}-[0-9]{1,2}")
_FORM = "%Y-%m-%dT%H:%MZ"


@dataclass(frozen=True)
class Request:
    """What an execution does, checked and with defaults.

    Attributes:
        run: name of the execution.
        started: when it started, in UTC.
        mode: ``audit``, ``backfill``, or ``repair``.
        trail: location above ``AWSLogs``.
        since: first delivery time of log files.
        until: the time after the last one.
        accounts: IDs; if empty, all.
        regions: if empty, all.
        inventory: ``s3://…/manifest.json`` of an S3 Inventory to read instead of listing, or empty.
        delivered: location of the events that arrived, for an audit.
        receipts: location of receipts instead.
        sink: whose events these are; empty for all.
        own_roles: ARNs of the forwarder's role and resources.
        rule: names of the forwarding rules.
        snapshot: ``s3://…`` of a doctor's snapshot, or empty.
        wait_hours: age below which a missing event is pending.
        compare: whether to compare the bytes of events.
        publish: whether the audit publishes metrics.
        alerts: whether events older than a day go to sinks that alert people.
        missing: ``s3://…`` of the list of a repair, or empty.
        sinks: names of the sinks that a repair sends to; empty for all.
        sink_names: names of all sinks in the configuration; None without one.
        concurrency: child executions at a time.
        tolerated_failures: percentage of child executions that may fail.
        groups_per_child: groups of up to 100 log files for each child execution.
    """

    run: str
    started: datetime
    mode: str
    trail: str
    since: datetime
    until: datetime
    accounts: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    inventory: str = ""
    delivered: str = ""
    receipts: str = ""
    sink: str = ""
    own_roles: tuple[str, ...] = ()
    rule: str = "*trailforward*"
    snapshot: str = ""
    wait_hours: float = 24.0
    compare: bool = True
    publish: bool = False
    alerts: bool = False
    missing: str = ""
    sinks: tuple[str, ...] = ()
    sink_names: tuple[str, ...] | None = None
    concurrency: int = 100
    tolerated_failures: int = 0
    groups_per_child: int = 10

    @property
    def other_side(self) -> str:
        """The place to compare the log files with."""
        return self.receipts or self.delivered

    @property
    def audit(self) -> Audit:
        """The same for the audit's functions."""
        return Audit(
            self.trail,
            self.other_side,
            self.since,
            self.until,
            self.accounts,
            self.regions,
            exact=self.compare,
            receipts=bool(self.receipts),
            sink=self.sink if self.receipts else "",
            sinks=self.sink_names,
            now=self.started,
        )

    def as_json(self) -> dict[str, Any]:
        """Values for JSON, from which :meth:`of` makes the request again."""
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def of(cls, value: dict[str, Any]) -> Request:
        """The request in what :meth:`as_json` returned."""
        given = dict(value)
        for name in ("started", "since", "until"):
            given[name] = datetime.fromisoformat(given[name])
        for name in ("accounts", "regions", "sinks", "own_roles"):
            given[name] = tuple(given[name])
        if given["sink_names"] is not None:
            given["sink_names"] = tuple(given["sink_names"])
        return cls(**given)


def parse(given: Any, run: str, started: str, settings: Settings) -> Request:
    """Checks the input of an execution.

    Args:
        given: the input.
        run: name of the execution.
        started: its start time.
        settings: of the stack, for defaults.

    Raises:
        InvalidInputError: a key is missing, unknown, or has a wrong value. The text names it and the fix.
    """
    if not isinstance(given, dict):
        raise InvalidInputError('The input is not a JSON object. Fix: {"mode": "audit"} is the shortest one.')
    mode = given.get("mode")
    if mode not in MODES:
        raise InvalidInputError(f"mode is {mode!r}. Fix: write one of {', '.join(MODES)}.")
    allowed = _KEYS[""] | _KEYS[mode]
    for name in sorted(given.keys() - allowed):
        close = get_close_matches(name, allowed, 1)
        fix = f"write {close[0]}" if close else f"the keys for {mode} are {', '.join(sorted(allowed))}"
        raise InvalidInputError(f"{name} is not a key for the mode {mode}. Fix: {fix}.")
    began = _time("the start time", started)
    values: dict[str, Any] = {
        "trail": settings.trail,
        "sink": settings.sink,
        "own_roles": settings.own_roles,
        "rule": settings.rule,
        "snapshot": settings.snapshot,
        "concurrency": settings.concurrency,
        "groups_per_child": settings.groups_per_child,
        "tolerated_failures": settings.tolerated_failures,
        **{name: _checked(name, value) for name, value in given.items() if name not in {"since", "until"}},
    }
    since, until = _window(mode, given, began, settings)
    if "wait_hours" not in given and "since" not in given and mode == "audit":
        values["wait_hours"] = settings.delay_hours  # every event of the window is older
    values |= _other_side(mode, given, settings)
    if mode == "repair" and not values.get("missing"):
        raise InvalidInputError('missing is missing. Fix: add "missing": "s3://BUCKET/KEY" to the input.')
    return Request(run=run, started=began, since=since, until=until, **values)


def _other_side(mode: str, given: dict[str, Any], settings: Settings) -> dict[str, str]:
    """The side to compare with: that of the input, or else of the stack."""
    if mode != "audit" or len(given.keys() & {"delivered", "receipts"}) == 1:
        return {}
    if {"delivered", "receipts"} <= given.keys():
        raise InvalidInputError("delivered and receipts are both there. Fix: leave one of them out.")
    if not settings.delivered and not settings.receipts:
        raise InvalidInputError('delivered is missing. Fix: add "delivered": "s3://BUCKET/…" to the input.')
    return {"delivered": settings.delivered, "receipts": settings.receipts}


def _window(
    mode: str, given: dict[str, Any], began: datetime, settings: Settings
) -> tuple[datetime, datetime]:
    if mode == "repair":
        return began, began
    if "since" in given:
        since = _time("since", given["since"])
        until = _time("until", given["until"]) if "until" in given else began
    elif mode == "audit" and "until" not in given:
        ended = began - timedelta(hours=settings.delay_hours)
        until = ended.replace(hour=0, minute=0, second=0, microsecond=0)
        since = until - timedelta(days=1)
    else:
        raise InvalidInputError('since is missing. Fix: add "since": "2026-11-26T00:00Z" to the input.')
    if since >= until:
        raise InvalidInputError(
            f"The window is empty: since {since:{_FORM}} is not before until {until:{_FORM}}. "
            "Fix: choose an earlier since."
        )
    return since, until


def _time(name: str, text: Any) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        fix = "write a time such as 2026-11-26T00:00Z"
        raise InvalidInputError(f"{name} is {text!r}. Fix: {fix}.") from None
    return (time if time.tzinfo is not None else time.replace(tzinfo=UTC)).astimezone(UTC)


_NUMBERS = {"concurrency": (1, 10_000), "groups_per_child": (1, 10), "tolerated_failures": (0, 100)}
_LISTS = {
    "accounts": _ACCOUNT,
    "regions": _REGION,
    "sinks": re.compile(r".+"),
    "own_roles": re.compile(r"arn:[^:]+:[^:]+:[^:]*:[^:]*:.+"),
}
_EXAMPLES = {
    "accounts": '["111122223333"]',
    "regions": '["eu-west-1"]',
    "sinks": '["archive"]',
    "own_roles": '["arn:aws:iam::111122223333:role/x"]',
}
_PLACES = {"trail", "delivered", "receipts", "snapshot", "missing", "inventory"}


def _checked(name: str, value: Any) -> Any:
    """A value of the input, if it has the right form."""
    if name in _LISTS:
        form = _LISTS[name]
        if isinstance(value, list) and all(isinstance(one, str) and form.fullmatch(one) for one in value):
            return tuple(value)
        raise InvalidInputError(f"{name} is {value!r}. Fix: write a list such as {_EXAMPLES[name]}.")
    if name in {"compare", "publish", "alerts"}:
        if isinstance(value, bool):
            return value
        raise InvalidInputError(f"{name} is {value!r}. Fix: write true or false.")
    if name in _NUMBERS or name == "wait_hours":
        first, last = _NUMBERS.get(name, (0, 8_760))
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if number and first <= value <= last and (name not in _NUMBERS or value == int(value)):
            return value if name == "wait_hours" else int(value)
        raise InvalidInputError(f"{name} is {value!r}. Fix: write a number from {first} to {last:,}.")
    if not isinstance(value, str):
        raise InvalidInputError(f"{name} is {value!r}. Fix: write a text.")
    if name in _PLACES and not value.startswith("s3://"):
        raise InvalidInputError(f"{name} is {value!r}. Fix: write s3://BUCKET/PREFIX.")
    return value
