"""Every exception trailforward raises.

::

    TrailforwardError
    ├── ConfigError          the configuration is invalid; ``problems`` lists every problem at once
    ├── SettingError         one setting is invalid; ``what`` says why, ``fix`` what to write instead
    ├── PayloadError         a payload that no source recognizes, or messages to return to the caller
    ├── EventError           bytes that are not an event; ``code`` says why
    │   ├── NothingToForwardError   … and are not meant to be one: a control message, a digest file
    │   ├── UnexaminedError  … and whose source has not looked whether they contain events
    │   └── UnreadError      … because an object they refer to cannot be read at the moment
    ├── PatternError         an event pattern that EventBridge would reject
    │   └── InvalidPatternError  … with ``reason``, ``line``, ``column``, ``hint`` (``trailforward.patterns``)
    ├── QueueError           a queue cannot be redriven
    ├── StorageError         a bucket or folder cannot be listed or read; ``fix`` says what to do
    ├── SecretError          a referenced secret cannot be read
    │   └── SecretUnavailableError   … at the moment; a retry may succeed
    ├── SnapshotError        a snapshot of the doctor cannot be read (in ``trailforward.doctor``)
    ├── PriceError           a file of prices is invalid (in ``trailforward.pricing``)
    ├── PluginError          an installed plug-in cannot be used; names the package
    ├── MissingExtraError    an optional dependency is missing; gives the command that installs it
    └── SinkError            a destination rejected a whole call
        ├── TransientError   the same call may succeed later
        └── PermanentError   retrying the same call in this invocation cannot help
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class TrailforwardError(Exception):
    """Base of every exception raised by trailforward."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem in a configuration.

    Attributes:
        key: the key, as written: ``sinks.siem.auth.secret`` or ``TRAILFORWARD_TO``.
        message: what is wrong.
        fix: what to write instead.
    """

    key: str
    message: str
    fix: str

    def __str__(self) -> str:
        return f"{self.key}: {self.message}. Fix: {self.fix}"


class ConfigError(TrailforwardError):
    """The configuration is invalid; ``problems`` lists every problem."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        head = f"{count} problem{'s' if count != 1 else ''} in the configuration"
        super().__init__("\n".join([head, *(f"  - {problem}" for problem in self.problems)]))


class SettingError(TrailforwardError, ValueError):
    """A setting is invalid, or two settings contradict each other.

    Attributes:
        what: what is wrong, without any value that may be a secret.
        fix: what to write instead.
    """

    def __init__(self, what: str, fix: str) -> None:
        self.what = what
        self.fix = fix
        super().__init__(f"{what}. Fix: {fix}")


class PayloadError(TrailforwardError):
    """No source recognizes the Lambda payload, or raising is how messages return to the caller."""


class EventError(TrailforwardError):
    """Bytes are not a CloudTrail or EventBridge event.

    Attributes:
        code: a short, stable code for metrics and dead letters: ``not_json``, ``not_utf8``, ``no_detail`` …
    """

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


class UnexaminedError(EventError):
    """Data that its source passed on unread is not one event. It may contain several, or wrap some."""


class NothingToForwardError(EventError):
    """A message that is not meant to be an event, such as a digest file; it is filtered, not an error."""


class UnreadError(EventError):
    """An object that a message refers to cannot be read at the moment; a retry may succeed."""


class PatternError(TrailforwardError):
    """An event pattern that EventBridge would reject."""


class QueueError(TrailforwardError):
    """A queue cannot be redriven: its name is wrong, or it cannot be read."""

    def __init__(self, queue: str, what: str, fix: str) -> None:
        super().__init__(f"{queue}: {what}. Fix: {fix}")


class StorageError(TrailforwardError):
    """A bucket or a folder, or an object in it, cannot be listed or read.

    Attributes:
        code: ``not_found``, ``access_denied``, ``unavailable``, ``too_large``, or ``invalid``.
        what: what is wrong.
        fix: what to do.
    """

    def __init__(self, code: str, what: str, fix: str) -> None:
        self.code = code
        self.what = what
        self.fix = fix
        super().__init__(f"{what}. Fix: {fix}")


class SecretError(TrailforwardError):
    """A referenced secret cannot be read. The text never contains the secret."""


class SecretUnavailableError(SecretError):
    """A secret cannot be read at the moment (throttled, or no response); a retry may succeed."""


class PluginError(TrailforwardError):
    """An installed plug-in cannot be used.

    Attributes:
        reason: why, as one sentence.
    """

    def __init__(self, name: str, package: str, reason: str) -> None:
        self.reason = " ".join(reason.split())
        super().__init__(f"the plug-in {name!r} of {package} cannot be used: {self.reason}")


class MissingExtraError(TrailforwardError):
    """An optional dependency is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs an optional part: pip install 'trailforward[{extra}]'")


class SinkError(TrailforwardError):
    """A destination rejected a whole call.

    Attributes:
        code: the error code of the destination, or ``http_503``, ``timeout`` …
        message: the error message of the destination, or empty.
        throttled: whether the destination limits the rate, which is ordinary, and not an outage.
    """

    throttled: bool = False

    def __init__(self, code: str, message: str = "") -> None:
        self.code = code
        self.message = message
        super().__init__(f"{code}: {message}" if message else code)


class TransientError(SinkError):
    """The same call may succeed later.

    Attributes:
        retry_after: seconds that the destination asked to wait, or None.
    """

    def __init__(
        self, code: str, message: str = "", *, retry_after: float | None = None, throttled: bool = False
    ) -> None:
        self.retry_after = retry_after
        self.throttled = throttled
        super().__init__(code, message)


class Cause(StrEnum):
    """Why a destination refused an entry, or whose fault it is.

    ``CONTENT``: the code names the entry's content (too large, invalid). ``DESTINATION``: permissions,
    credentials, settings, or state of the destination. ``UNKNOWN``: the entry is at fault only if the sink
    accepted another entry in the same invocation. ``THROTTLING``: the destination limits the rate, and a
    retry may succeed.
    """

    CONTENT = "content"
    DESTINATION = "destination"
    UNKNOWN = "unknown"
    THROTTLING = "throttling"


class PermanentError(SinkError):
    """Retrying the same call in this invocation cannot help.

    Attributes:
        divisible: True if one entry may be the cause, so that splitting the batch may help.
        cause: whose fault it is, if the call had a single entry.
    """

    def __init__(
        self, code: str, message: str = "", *, divisible: bool = False, content: bool = False
    ) -> None:
        self.divisible = divisible or content
        if content:
            self.cause = Cause.CONTENT
        else:
            self.cause = Cause.UNKNOWN if divisible else Cause.DESTINATION
        super().__init__(code, message)
