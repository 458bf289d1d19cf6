"""Which events the pipeline of a configuration leaves out because its stack caused them. The audit asks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from trailforward.pipeline.canary import Canaries
from trailforward.pipeline.self_guard import SelfGuard, build_guard

if TYPE_CHECKING:
    from trailforward.config import Config


@dataclass(frozen=True)
class LeftOut:
    """Decides as intake does: only the calls that the configuration makes, by its proven role.

    Other processes get these values alone, and make the guard themselves.

    Attributes:
        config: of the forwarder.
        arns: of its role and resources, in addition to ``own_arns``.
        sink: name of the sink in question; empty for all.
    """

    config: Config
    arns: tuple[str, ...] = ()
    sink: str = ""

    def __call__(self, event: dict[str, Any]) -> str:
        """The class of an envelope that is left out: ``self``, ``canary``, or empty for others.

        Args:
            event: the envelope.

        Raises:
            ValueError: one of the texts is not an ARN.
        """
        if self._guard.is_own(event):
            return "self"
        return "canary" if self._canaries.sighting(event) is not None else ""

    @cached_property
    def _guard(self) -> SelfGuard:
        pipeline = self.config.pipeline
        arns = (*pipeline.own_arns, *self.arns)
        pipeline = type(pipeline)(**{**vars(pipeline), "own_arns": arns})
        sinks, routes = self.config.sinks, self.config.routes
        guard = build_guard(type(self.config)(sinks=sinks, routes=routes, pipeline=pipeline))
        for arn in arns:
            if ":function:" in arn:
                guard.learn(arn)
        return guard

    @cached_property
    def _canaries(self) -> Canaries:
        wanted = [name for name, settings in self.config.sinks.items() if settings.canaries]
        filtered = self.sink not in wanted if self.sink else not wanted
        return Canaries(self.config.pipeline.canary_roles if filtered else ())

    def __getstate__(self) -> dict[str, Any]:
        return {"config": self.config, "arns": self.arns, "sink": self.sink}
