"""Event: what the factories make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trailforward.jsontext import encode
from trailforward.testing.event_changes import apply_changes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Event(dict[str, Any]):
    """One event as a dict, and as the bytes EventBridge would write.

    An ordinary dict in every way: change it, compare it, hand it to your code. It is an envelope, except
    where EventBridge has no such event (aggregated events are bare records).
    """

    @property
    def raw(self) -> bytes:
        """The event's bytes: compact JSON in the order of the keys."""
        return encode(self)

    @property
    def record(self) -> dict[str, Any]:
        """The CloudTrail record: ``detail``, or the event itself where it has no envelope."""
        record: dict[str, Any] = self.get("detail", self)
        return record

    def with_changes(self, set: Mapping[str, Any] | None = None, unset: Iterable[str] = ()) -> Event:  # noqa: A002  # named as in trailforward.toml
        """A copy with changes, named by dotted paths: what turns a hit into a near miss.

        Args:
            set: path → value, made after ``unset``. An object is merged into the object that is there;
                anything else replaces.
            unset: paths removed; they must be there.

        Raises:
            ValueError: a path that leads nowhere; the text names it.
        """
        return Event(apply_changes(self, set or {}, unset))
