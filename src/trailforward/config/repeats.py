"""``once`` and ``threshold`` of a route: what happens to events that repeat."""

from __future__ import annotations

import re
from typing import Annotated

from trailforward.config.detection_route import RouteSettings
from trailforward.config.settings import Strings  # noqa: TC001  # the class's annotations are evaluated
from trailforward.errors import SettingError
from trailforward.settings import Constraint, Settings

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
#: A week.
_LONGEST = 7 * 86_400
_MOST_PATHS = 10
_PATH = r"[^.\s]{1,200}(\.[^.\s]{1,200}){0,19}"

#: A number and ``s``, ``m``, ``h``, or ``d``.
_Duration = Annotated[str, Constraint(pattern="^[1-9][0-9]{0,5}[smhd]$")]


def seconds(duration: str) -> int:
    """Seconds of a duration such as ``10m``."""
    return int(duration[:-1]) * _UNITS[duration[-1]]


def _check_within(within: str) -> None:
    if re.fullmatch("[1-9][0-9]{0,5}[smhd]", within) and seconds(within) > _LONGEST:
        raise SettingError("longer than seven days", 'write at most "7d"')


def _check_per(per: Strings) -> None:
    if len(per) > _MOST_PATHS:
        raise SettingError(f"more than {_MOST_PATHS} paths", "name fewer values")
    for path in per:
        if not re.fullmatch(_PATH, path):
            fix = 'write member names separated by dots, such as "detail.userIdentity.arn"'
            raise SettingError(f"{path[:64]!r} is not a path", fix)


class OnceSettings(Settings):
    """Sends the first event of each key, and holds back the rest for a while.

    Attributes:
        within: for how long, from the first event that is sent: a number and ``s``, ``m``, ``h``, or ``d``;
            at most ``7d``.
        per: paths of the values that make up the key, such as ``detail.userIdentity.arn``. Without them, all
            events of the route have the same key.
    """

    within: _Duration
    per: Strings = ()

    @property
    def seconds(self) -> int:
        """``within`` in seconds."""
        return seconds(self.within)

    @classmethod
    def check_within(cls, within: str) -> None:
        """Refuses more than a week."""
        _check_within(within)

    @classmethod
    def check_per(cls, per: Strings) -> None:
        """Refuses what is not a path."""
        _check_per(per)


class ThresholdSettings(Settings):
    """Sends an event only when enough events of its key have happened.

    Attributes:
        count: how many events, the one that is sent included.
        within: in which time they must happen, by the time of the events: a number and ``s``, ``m``, ``h``,
            or ``d``; at most ``7d``.
        per: paths of the values that make up the key. Without them, all events of the route have the same
            key.
    """

    count: Annotated[int, Constraint(ge=2, le=100)]
    within: _Duration
    per: Strings = ()

    @property
    def seconds(self) -> int:
        """``within`` in seconds."""
        return seconds(self.within)

    @classmethod
    def check_within(cls, within: str) -> None:
        """Refuses more than a week."""
        _check_within(within)

    @classmethod
    def check_per(cls, per: Strings) -> None:
        """Refuses what is not a path."""
        _check_per(per)


class RepeatingRoute(RouteSettings):
    """A route that treats repeated events in another way than the first one.

    Attributes:
        once: sends the first event of each key, and holds back the rest for a while.
        threshold: sends an event only when enough events of its key have happened. With ``once``, it decides
            first, and ``once`` limits how often the events that are left are sent.
    """

    once: OnceSettings | None = None
    threshold: ThresholdSettings | None = None

    def __post_init__(self) -> None:
        """Refuses keys that contradict each other."""
        super().__post_init__()
        if self.drop and (self.once or self.threshold):
            raise SettingError("has `drop`, so it sends no event", "remove drop, or once and threshold")
        if self.once and self.threshold and self.once.per != self.threshold.per:
            what = "`once` and `threshold` have a different `per`, but count the events of the same key"
            raise SettingError(what, "write the same per in both, or use two routes")

    @property
    def is_detection(self) -> bool:
        """Always true: its messages say how many events they stand for."""
        return True
