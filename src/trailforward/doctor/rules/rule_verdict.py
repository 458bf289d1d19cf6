"""RuleVerdict: whether a rule fires for the calls that its pattern is meant for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from trailforward.doctor.delivery import Finding

#: What happens to the events of one call:
#:
#: - ``arrives``: the rule fires, and a destination receives the event;
#: - ``elsewhere``: CloudTrail records the call in another Region, in which the account has the same rule;
#: - ``never``: the rule cannot fire for it;
#: - ``undelivered``: the rule fires, but no destination receives the event;
#: - ``unknown``.
CallStatus = Literal["arrives", "elsewhere", "never", "undelivered", "unknown"]
#: Of a whole rule, additionally: ``partly`` (some of its calls do not arrive) and ``other`` (not about
#: CloudTrail events).
RuleStatus = Literal["arrives", "elsewhere", "never", "undelivered", "unknown", "partly", "other"]

#: From best to worst.
_ORDER: tuple[CallStatus, ...] = ("arrives", "elsewhere", "unknown", "undelivered", "never")
_BAD = frozenset({"never", "undelivered"})


@dataclass(frozen=True, slots=True)
class CallVerdict:
    """What happens to the events of one call, or of one group of calls that the pattern does not name.

    Attributes:
        call: ``secretsmanager:PutSecretValue``, or in words: ``any call of iam``.
        status: see :data:`CallStatus`.
        finding: the reason, if the status is not ``arrives``.
        path: the links of the path that was followed; empty if the pattern alone decides.
    """

    call: str
    status: CallStatus
    finding: Finding | None = None
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleVerdict:
    """Whether a rule fires for the calls that its pattern is meant for.

    Attributes:
        link: ``rule:A/R/BUS/NAME``.
        name: the rule's name.
        account: the account of its bus.
        region: the Region of its bus.
        bus: the name of its bus.
        state: its state.
        pattern: its event pattern as JSON text.
        calls: the calls that it is meant for; empty if it is not about CloudTrail events.
    """

    link: str
    name: str
    account: str
    region: str
    bus: str
    state: str
    pattern: str
    calls: tuple[CallVerdict, ...]

    @property
    def status(self) -> RuleStatus:
        """The verdict on the whole rule."""
        found = {call.status for call in self.calls}
        if not found:
            return "other"
        if found & _BAD and not found <= _BAD:
            return "partly"
        return worst_status(found)

    @property
    def blind(self) -> bool:
        """Whether some of its calls certainly do not arrive."""
        return any(call.status in _BAD for call in self.calls)

    @property
    def unknown(self) -> bool:
        """Whether it is unknown for some of its calls whether they arrive."""
        return any(call.status == "unknown" for call in self.calls)

    @property
    def disabled(self) -> bool:
        """Whether it fires for nothing because it is disabled, which is often on purpose."""
        return bool(self.calls) and all(
            call.finding is not None and call.finding.code == "RULE_DISABLED" for call in self.calls
        )


def worst_status(found: set[CallStatus]) -> CallStatus:
    """The worst of some statuses."""
    return max(found, key=_ORDER.index)


def best_status(found: set[CallStatus]) -> CallStatus:
    """The best of some statuses; a definite no beats nothing, and unknown beats a definite no."""
    return min(found, key=_ORDER.index)
