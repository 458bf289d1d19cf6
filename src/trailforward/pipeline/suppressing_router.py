"""Routing for configurations with ``once`` or ``threshold``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trailforward.pipeline.detecting import Delivery, DetectingRouter, Plan

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from trailforward.outcome import Verdict
    from trailforward.pipeline.routing import Route
    from trailforward.pipeline.sender import Failure
    from trailforward.pipeline.windows import Rule


class Held(Exception):  # noqa: N818  # not an error: the event is decided later
    """An event must be looked up before it is decided."""


class SuppressingRouter(DetectingRouter):
    """A router that stops at routes with ``once`` or ``threshold``, until their decision is known.

    Attributes:
        asking: whether such an event raises :class:`Held`.
        rules: of the routes with ``once`` or ``threshold`` because of which the last event goes to a sink.
        silenced: route → why it does not send the next event.
        notes: route → what its message says about repeated events, and how many were held back.
    """

    def __init__(self, routes: Iterable[Route], minimums: Mapping[str, str]) -> None:
        super().__init__(routes, minimums)
        self.asking = True
        self.rules: tuple[Rule, ...] = ()
        self.silenced: Mapping[str, Verdict | Failure] = {}
        self.notes: Mapping[str, tuple[str, int]] = {}
        self._all = {route.name: route for route in (*self._first.all, *self._default.all)}

    def begin(self, *, asking: bool) -> None:
        """Forgets the last event."""
        self.asking = asking
        self.rules = ()

    def sinks(self, event: dict[str, Any]) -> Mapping[str, Any]:
        """Sink → what it gets, or why it gets nothing.

        Raises:
            Held: the event must be looked up first.
        """
        full = super().sinks(event)
        plan = self.latest
        causes = {name for one in full.values() if type(one) is Delivery for name in one.routes}
        self.rules = tuple(
            rule for name in plan.routes if name in causes and (rule := self._all[name].repeats) is not None
        )
        if not self.rules:
            return full
        if self.asking:
            raise Held
        if self.silenced or self.notes:
            self.latest = plan = self._without(plan)
        return plan.sinks

    def _without(self, full: Plan) -> Plan:
        """The plan without the routes that are silenced, and with the notes of the others."""
        routes = []
        for name in full.routes:
            if name in self.silenced:
                continue
            route = self._all[name]
            if (note := self.notes.get(name)) and route.matched is not None:
                route = route._replace(matched=route.matched._replace(repeats=note[0], held=note[1]))
            routes.append(route)
        passing = self._plan(routes).sinks
        sinks: dict[str, Delivery | Verdict | Failure] = {}
        for sink, made in full.sinks.items():
            mine = passing.get(sink)
            if type(made) is Delivery and type(mine) is not Delivery:
                sinks[sink] = next(self.silenced[name] for name in made.routes if name in self.silenced)
            else:
                sinks[sink] = mine if type(mine) is Delivery else made
        return Plan(sinks, full.routes, full.dropped)  # type: ignore[arg-type]  # failures, too
