"""Syslog over TCP as a destination of trailforward: ``syslog://HOST:PORT``."""

from __future__ import annotations

import re
import socket
import threading
from typing import TYPE_CHECKING, Annotated, ClassVar
from urllib.parse import urlsplit

from trailforward.errors import SettingError, TransientError
from trailforward.settings import Constraint
from trailforward.sinks.base import Entry, Limits, Rejection, Sink
from trailforward.sinks.settings import SinkSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

#: RFC 5425 asks receivers to take 8 KiB; most take far more.
LIMITS = Limits(max_entries=1_000, max_entry_bytes=256_000, max_batch_bytes=4_000_000)


class SyslogSettings(SinkSettings):
    """``[sinks.NAME]`` with ``syslog://HOST:PORT``.

    Attributes:
        facility: RFC 5424's number; 13 is the audit log.
        timeout_seconds: for the connection, and for each batch.
    """

    facility: Annotated[int, Constraint(ge=0, le=23)] = 13
    timeout_seconds: Annotated[float, Constraint(gt=0, le=900)] = 5.0

    @classmethod
    def check_to(cls, to: str) -> None:
        """Refuses what names no host and port."""
        if not re.fullmatch(r"syslog://[A-Za-z0-9.-]+:[0-9]{1,5}", to):
            raise SettingError("not syslog://HOST:PORT", "write syslog://HOST:PORT")


class SyslogSink(Sink):
    """A syslog server. Frames are counted (RFC 6587), so line breaks in an event do no harm.

    Args:
        settings: see :class:`SyslogSettings`.
    """

    Settings: ClassVar = SyslogSettings

    def __init__(self, settings: SyslogSettings) -> None:
        self.limits = settings.limits.over(LIMITS)
        url = urlsplit(settings.to)
        self._address = url.hostname or "", url.port or 0
        self._timeout = settings.timeout_seconds
        # Severity 6 is "informational"; no time and no host of ours: the event has its own.
        self._head = f"<{settings.facility * 8 + 6}>1 - - trailforward - - - ".encode()
        self._lock = threading.Lock()

    def size(self, entry: Entry) -> int:
        """The event, its header and its length."""
        length = len(self._head) + len(entry.data)
        return length + len(str(length)) + 1

    def send(self, batch: Sequence[Entry]) -> list[Rejection]:
        """One connection a batch. Syslog has no answers: taken means that TCP took it.

        Raises:
            TransientError: no connection, or it was lost.
        """
        refused = [
            Rejection(index, "nul", "holds a NUL byte, which receivers cut at", transient=False)
            for index, entry in enumerate(batch)
            if b"\0" in entry.data
        ]
        frames = [self._head + entry.data for entry in batch if b"\0" not in entry.data]
        data = b"".join(b"%d %b" % (len(frame), frame) for frame in frames)
        try:
            with self._lock, socket.create_connection(self._address, self._timeout) as connection:
                connection.sendall(data)
        except OSError as error:
            raise TransientError(type(error).__name__, f"no syslog server: {error.strerror}") from None
        return refused
