"""Which events the pipeline of a configuration leaves out because its stack caused them. The audit asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trailforward.pipeline.canary import Canaries
from trailforward.pipeline.self_guard import build_guard

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from trailforward.config import Config


def left_out(config: Config, arns: Sequence[str], sink: str) -> Callable[[dict[str, Any]], str]:
    """Decides as intake does: only the calls that the configuration makes, by its proven role.

    Args:
        config: of the forwarder.
        arns: of its role and resources, in addition to ``own_arns``.
        sink: name of the sink in question; empty for all.

    Returns:
        The class of an envelope that is left out: ``self``, ``canary``, or empty for others.

    Raises:
        ValueError: a text is not an ARN.
    """
    arns = [*config.pipeline.own_arns, *arns]
    pipeline = type(config.pipeline)(**{**vars(config.pipeline), "own_arns": tuple(arns)})
    guard = build_guard(type(config)(sinks=config.sinks, routes=config.routes, pipeline=pipeline))
    for arn in arns:
        if ":function:" in arn:
            guard.learn(arn)
    wanted = [name for name, settings in config.sinks.items() if settings.canaries]
    filtered = sink not in wanted if sink else not wanted
    canaries = Canaries(config.pipeline.canary_roles if filtered else ())

    def which(event: dict[str, Any]) -> str:
        return "self" if guard.is_own(event) else "canary" if canaries.sighting(event) is not None else ""

    return which
