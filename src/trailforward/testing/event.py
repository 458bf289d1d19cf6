"""Event: the type of the events that this package builds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trailforward.jsontext import encode
from trailforward.testing.event_changes import apply_changes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Event(dict[str, Any]):
    """One event as a dict, with properties for its bytes and its CloudTrail record.

    You can change, compare, and pass it like any dict. It is an envelope, except for aggregated events: these
    are records without an envelope, because EventBridge does not deliver them.
    """

    @property
    def raw(self) -> bytes:
        """The event as compact JSON in UTF-8, in the order of its keys."""
        return encode(self)

    @property
    def record(self) -> dict[str, Any]:
        """The CloudTrail record: ``detail``, or the event itself if it has no envelope."""
        record: dict[str, Any] = self.get("detail", self)
        return record

    def with_changes(self, set: Mapping[str, Any] | None = None, unset: Iterable[str] = ()) -> Event:  # noqa: A002  # named as in trailforward.toml
        """A changed copy of the event, for example one that a pattern must not match.

        Args:
            set: dotted path → value, applied after ``unset``. An object is merged into an existing object;
                any other value replaces the existing one.
            unset: dotted paths to remove; they must exist.

        Raises:
            ValueError: a path does not exist; the message names it.
        """
        return Event(apply_changes(self, set or {}, unset))
