"""What an audit knows beside the log files: the routes of a configuration, and the doctor's snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trailforward.config import Config
    from trailforward.doctor import World
    from trailforward.pipeline.detecting import DetectingRouter


@dataclass(frozen=True)
class Routed:
    """The sinks that a configuration sends an event to, or of these only ``sink``; empty for all.

    Other processes get the configuration alone, and make the routes themselves.
    """

    config: Config
    sink: str = ""

    def __call__(self, event: dict[str, Any]) -> frozenset[str]:
        """The names of the sinks.

        Args:
            event: the envelope.
        """
        from trailforward.outcome import Verdict

        found = {name for name, form in self._router.sinks(event).items() if not isinstance(form, Verdict)}
        return frozenset(found & {self.sink} if self.sink else found)

    @cached_property
    def _router(self) -> DetectingRouter:
        from trailforward.pipeline.detecting import DetectingRouter
        from trailforward.pipeline.routing import build_routes

        minimums = {name: settings.min_severity for name, settings in self.config.sinks.items()}
        return DetectingRouter(build_routes(self.config), minimums)

    def __getstate__(self) -> dict[str, Any]:
        return {"config": self.config, "sink": self.sink}


@dataclass(frozen=True)
class Reasons:
    """The doctor's reasons why events do not arrive."""

    world: World

    def __call__(self, event: dict[str, Any], account: str, region: str) -> str:
        """The reason for an envelope in a Region, or an empty text."""
        from trailforward.doctor import Call, reach

        detail = event["detail"]
        names = ("eventSource", "eventName", "readOnly", "eventCategory", "eventType")
        key = account, region, *(str(detail.get(name)) for name in names)
        if key not in self._known:
            try:
                verdict = reach(self.world, Call.from_event(event, account=account, region=region))
                why = "" if verdict.reaches is True else f"{verdict.code}: {verdict.why} {verdict.fix}"
            except ValueError:
                why = ""
            self._known[key] = why
        return self._known[key]

    @cached_property
    def _known(self) -> dict[tuple[Any, ...], str]:
        return {}

    def __getstate__(self) -> dict[str, Any]:
        return {"world": self.world}


def routed(config: Config, sink: str = "") -> Routed:
    """The sinks that the configuration sends an event to, or of these only ``sink``."""
    return Routed(config, sink)


def reasons(world: World | None) -> Reasons | None:
    """The doctor's reason why an event does not arrive; None without a snapshot."""
    return None if world is None else Reasons(world)


def assumptions(rule: str, *, snapshot: bool, config: bool, receipts: bool) -> list[str]:
    """What an audit assumes.

    Args:
        rule: names of the forwarding rules, with ``*``.
        snapshot: whether there is a snapshot of the doctor.
        config: whether there is a configuration.
        receipts: whether the delivered side consists of receipts.
    """
    found = []
    if not snapshot:
        found.append(
            "a catch-all rule in every Region, in the state ENABLED, as the stack deploys by default (no "
            f"--snapshot); changes of rules named {rule} in the log files count"
        )
    if not config and receipts:
        found.append(
            "a sink should have each event from the first hour to the last in which receipts name it (no "
            "--config)"
        )
    elif not config:
        found.append("the forwarder filters nothing (no --config)")
    return found
