"""Syslog over TCP as a destination for trailforward: ``syslog://HOST:PORT``."""

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

    from trailforward.aws.own_calls import OwnCall

#: RFC 5425 recommends that receivers accept 8 KiB; most accept far more.
LIMITS = Limits(max_entries=1_000, max_entry_bytes=256_000, max_batch_bytes=4_000_000)


class SyslogSettings(SinkSettings):
    """``[sinks.NAME]`` with ``syslog://HOST:PORT``.

    Attributes:
        facility: facility number of RFC 5424; 13 is the audit log.
        timeout_seconds: timeout for the connection, and for sending a batch.
    """

    facility: Annotated[int, Constraint(ge=0, le=23)] = 13
    timeout_seconds: Annotated[float, Constraint(gt=0, le=900)] = 5.0

    @classmethod
    def check_to(cls, to: str) -> None:
        """Checks that the URL names a host and a port."""
        if not re.fullmatch(r"syslog://[A-Za-z0-9.-]+:[0-9]{1,5}", to):
            raise SettingError("not syslog://HOST:PORT", "write syslog://HOST:PORT")

    @property
    def own_calls(self) -> Sequence[OwnCall]:
        """None: syslog is not an AWS service."""
        return ()


class SyslogSink(Sink):
    """Sends to a syslog server. Octet counting (RFC 6587) allows line breaks in events.

    Args:
        settings: see :class:`SyslogSettings`.
    """

    Settings: ClassVar = SyslogSettings

    def __init__(self, settings: SyslogSettings) -> None:
        self.limits = settings.limits.over(LIMITS)
        url = urlsplit(settings.to)
        self._address = url.hostname or "", url.port or 0
        self._timeout = settings.timeout_seconds
        # Severity 6 is "informational". No timestamp and no host name: the event contains its own.
        self._head = f"<{settings.facility * 8 + 6}>1 - - trailforward - - - ".encode()
        self._lock = threading.Lock()

    def size(self, entry: Entry) -> int:
        """The event, its header, and the frame length."""
        length = len(self._head) + len(entry.data)
        return length + len(str(length)) + 1

    def send(self, batch: Sequence[Entry]) -> list[Rejection]:
        """Opens one connection per batch. Syslog has no responses, so success means that TCP took the data.

        Raises:
            TransientError: there was no connection, or it was lost.
        """
        rejections = [
            Rejection(index, "nul", "contains a NUL byte, at which receivers truncate", transient=False)
            for index, entry in enumerate(batch)
            if b"\0" in entry.data
        ]
        frames = [self._head + entry.data for entry in batch if b"\0" not in entry.data]
        data = b"".join(b"%d %b" % (len(frame), frame) for frame in frames)
        try:
            with self._lock, socket.create_connection(self._address, self._timeout) as connection:
                connection.sendall(data)
        except OSError as error:
            raise TransientError(
                type(error).__name__, f"cannot send to the syslog server: {error.strerror}"
            ) from None
        return rejections
