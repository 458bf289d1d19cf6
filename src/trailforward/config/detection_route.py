"""All keys of ``[[routes]]``: detections, sets of them, and drop rules."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Literal

from trailforward import detections
from trailforward.config.route import Compiled, PlainRoute, Target
from trailforward.config.settings import Strings  # noqa: TC001  # the class's annotations are evaluated
from trailforward.errors import SettingError
from trailforward.settings import Constraint, Settings

#: The words of :data:`trailforward.matched.SEVERITIES`.
Severity = Literal["informational", "low", "medium", "high", "critical"]
_Title = Annotated[str, Constraint(min_length=1, max_length=150)]
_Text = Annotated[str, Constraint(min_length=1, max_length=1000)]
_Https = Annotated[str, Constraint(pattern=r"^https://[^/?#@\s]+([/?#][^\s]*)?$", max_length=500)]
_Tag = Annotated[str, Constraint(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$")]


class OverrideSettings(Settings):
    """Changes to one detection of a set.

    Attributes:
        severity: instead of the detection's own.
        title: instead of the detection's own.
        description: instead of the detection's own.
        runbook: URL of what to do.
        only: an event pattern that an event must match, too.
    """

    severity: Severity | None = None
    title: _Title | None = None
    description: _Text | None = None
    runbook: _Https | None = None
    only: Compiled | None = None


class RouteSettings(PlainRoute):
    """A route: a name, its sinks, the events that it matches, and what they mean.

    Attributes:
        sinks: names of ``[sinks.NAME]`` tables, or ``{ sink = "NAME", format = "…" }``. Only a route with
            ``drop`` may omit it, and then applies to all sinks.
        use: the name of a detection whose pattern, severity, title, and description this route uses, or
            ``set:NAME`` for all detections of a set. ``trailforward detections`` lists them.
        only: an event pattern that an event must match, too.
        disable: names of detections of the set that this route does not use.
        override: name of a detection of the set → what this route changes about it.
        severity: how serious a match is; with ``use``, instead of the detection's own.
        title: what happened, in a few words.
        description: why it matters.
        runbook: URL of what to do.
        author: who wrote the pattern.
        tags: MITRE ATT&CK techniques and others: ``T1562.008``.
        drop: the sinks of this route, or all sinks if it has none, get an event that this route matches from
            no later route.
        unless: event patterns; the route does not match an event that matches any of them.
    """

    sinks: Annotated[tuple[Target, ...], Constraint(strict=False, min_length=1)] = ()
    use: str | None = None
    only: Compiled | None = None
    disable: Strings = ()
    override: dict[str, OverrideSettings] = field(default_factory=dict)
    severity: Severity | None = None
    title: _Title | None = None
    description: _Text | None = None
    runbook: _Https | None = None
    author: Annotated[str, Constraint(min_length=1, max_length=100)] | None = None
    tags: Annotated[tuple[_Tag, ...], Constraint(strict=False, max_length=20)] = ()
    drop: bool = False
    unless: Annotated[tuple[Compiled, ...], Constraint(strict=False, max_length=50)] = ()

    @classmethod
    def check_use(cls, use: str) -> None:
        """Refuses a name that no detection and no set has."""
        wanted = use.removeprefix(detections.SET_PREFIX)
        try:
            _ = detections.load_set(wanted) if wanted != use else detections.load(use)
        except KeyError:
            from difflib import get_close_matches

            known = detections.SETS if wanted != use else detections.load_all()
            prefix = detections.SET_PREFIX if wanted != use else ""
            similar = [prefix + name for name in get_close_matches(wanted, known, 3, 0.4)]
            every = ", ".join(prefix + name for name in known)
            fix = f"write {' or '.join(similar)}" if similar else f"use one of {every}"
            raise SettingError("unknown set" if prefix else "unknown detection", fix) from None

    def __post_init__(self) -> None:
        """Refuses keys that contradict each other."""
        if self.use is not None and self.pattern is not None:
            raise SettingError("has both `use` and `pattern`", "remove one of them")
        if not self.sinks and not self.drop:
            raise SettingError("has no `sinks`", 'add sinks = ["NAME"]')
        if self.drop and self.stop:
            what = "has both `drop` and `stop`, but `drop` ends the event's way by itself"
            raise SettingError(what, "remove stop")
        if self.drop and self.severity is not None:
            what = "has both `drop` and `severity`, but sends no event"
            raise SettingError(what, "remove one of them")
        self._check_set()

    def _check_set(self) -> None:
        """Checks the keys that change the detections of a set."""
        changes = {"disable": self.disable, "override": self.override}
        if self.set_name is None:
            for key, change in changes.items():
                if change:
                    raise SettingError(
                        f"has `{key}`, which changes a set", f'remove {key}, or write use = "set:NAME"'
                    )
            return
        for key in ("title", "description"):
            if getattr(self, key) is not None:
                raise SettingError(
                    f"has `{key}`, but uses a set, whose detections have their own",
                    f"write override.DETECTION.{key}",
                )
        known = [detection.name for detection in detections.load_set(self.set_name)]
        for key, change in changes.items():
            for name in change:
                if name not in known:
                    raise SettingError(
                        f"`{key}` names {name[:64]!r}, which the set does not have",
                        f"use one of {', '.join(known)}",
                    )
        if set(known) <= set(self.disable):
            raise SettingError("`disable` names every detection of the set", "remove the route")

    @property
    def set_name(self) -> str | None:
        """The name of the set that the route uses; None if it uses no set."""
        if self.use is not None and self.use.startswith("set:"):
            return self.use.removeprefix("set:")
        return None

    @property
    def is_detection(self) -> bool:
        """Whether the route uses a detection, or says something about the events that it matches."""
        return self.use is not None or any(
            (self.severity, self.title, self.description, self.runbook, self.author, self.tags)
        )
