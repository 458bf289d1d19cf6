"""What an audit knows beside the log files: the routes of a configuration, and the doctor's snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from trailforward.config import Config
    from trailforward.doctor import World


def routed(config: Config, sink: str = "") -> Callable[[dict[str, Any]], frozenset[str]]:
    """The sinks that the configuration sends an event to, or of these only ``sink``."""
    from trailforward.outcome import Verdict
    from trailforward.pipeline.detecting import DetectingRouter
    from trailforward.pipeline.routing import build_routes

    minimums = {name: settings.min_severity for name, settings in config.sinks.items()}
    router = DetectingRouter(build_routes(config), minimums)

    def wanted(event: dict[str, Any]) -> frozenset[str]:
        found = {name for name, form in router.sinks(event).items() if not isinstance(form, Verdict)}
        return frozenset(found & {sink} if sink else found)

    return wanted


def reasons(world: World | None) -> Callable[[dict[str, Any], str, str], str] | None:
    """The doctor's reason why an event does not arrive; None without a snapshot."""
    if world is None:
        return None
    from trailforward.doctor import Call, reach

    known: dict[tuple[Any, ...], str] = {}

    def reason(event: dict[str, Any], account: str, region: str) -> str:
        detail = event["detail"]
        names = ("eventSource", "eventName", "readOnly", "eventCategory", "eventType")
        key = account, region, *(str(detail.get(name)) for name in names)
        if key not in known:
            try:
                verdict = reach(world, Call.from_event(event, account=account, region=region))
                known[key] = "" if verdict.reaches is True else f"{verdict.code}: {verdict.why} {verdict.fix}"
            except ValueError:
                known[key] = ""
        return known[key]

    return reason


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
