"""Destinations that act on an event: one call per event, whose input is JSON."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from trailforward.errors import PermanentError, SettingError
from trailforward.sinks._aws_sink import AwsSink
from trailforward.sinks._multi_call import send_sub_batches
from trailforward.sinks.settings import AwsSinkSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trailforward.formats.base import Format
    from trailforward.sinks._multi_call import SubBatch
    from trailforward.sinks.base import Entry, Rejection
    from trailforward.sinks.settings import LimitSettings

#: Codes whose messages quote the input.
_QUOTING = frozenset({"InvalidExecutionInput", "InvalidRequestContentException"})


class ActingSettings(AwsSinkSettings):
    """Settings of a sink that acts on an event."""

    @classmethod
    def check_limits(cls, limits: LimitSettings) -> None:
        """Refuses several events in one call."""
        if limits.max_entries not in {None, 1}:
            raise SettingError(
                f"`max_entries` cannot be changed: {cls.service_name} gets one event per call",
                "remove `limits.max_entries`; `limits.max_concurrency` is the number of concurrent calls",
            )

    def check(self, format: Format) -> None:  # noqa: A002  # named as the setting is
        """Rejects formats that are not JSON, because the input must be."""
        super().check(format)
        if not format.json:
            raise SettingError(
                f"format {format.name!r} is not JSON, but the input of a {self.resource_type} must be",
                'use format = "raw" or "record"',
            )


class ActingSink(AwsSink):
    """A sink that acts on an event."""

    uses_fields = False
    acts: ClassVar[bool] = True

    def size(self, entry: Entry) -> int:
        """The input in UTF-8."""
        return len(entry.data)

    def send(self, batch: Sequence[Entry]) -> list[Rejection]:
        """Makes one call per entry.

        Raises:
            TransientError: throttled, or no complete response.
            PermanentError: the destination does not exist, or access is denied.
        """
        return send_sub_batches([[item] for item in enumerate(batch)], self._send_one)

    def _send_one(self, sub_batch: SubBatch) -> list[Rejection]:
        ((index, entry),) = sub_batch
        try:
            rejection = self._act(index, entry)
        except PermanentError as error:
            if error.code not in _QUOTING:
                raise
            text = "the input is not accepted as JSON"  # AWS's message quotes the event
            content = error.cause is error.cause.CONTENT
            raise PermanentError(error.code, text, divisible=error.divisible, content=content) from None
        return [] if rejection is None else [rejection]

    @abstractmethod
    def _act(self, index: int, entry: Entry) -> Rejection | None:
        """Makes one call; returns why the entry cannot be sent, or None."""
