"""Every exception trailforward raises.

::

    TrailforwardError
    ├── ConfigError          the configuration is wrong; ``problems`` lists every fault at once
    ├── SettingError         one setting is wrong; ``what`` and ``fix`` say how
    ├── PayloadError         a payload no source knows, or messages that must go back to the caller
    ├── EventError           bytes that are no event; ``code`` says why
    │   ├── NothingToForwardError   … and are not meant to be one: a control message, a digest file
    │   └── UnreadError      … because what they point to cannot be read right now
    ├── PatternError         an event pattern the service would refuse
    │   └── InvalidPatternError  … with ``reason``, ``line``, ``column``, ``hint`` (``trailforward.patterns``)
    ├── SecretError          a referenced secret cannot be read
    │   └── SecretUnavailableError   … right now, but perhaps later
    ├── SnapshotError        a doctor's snapshot that cannot be read at all (in ``trailforward.doctor``)
    ├── PriceError           changes to prices that cannot be used (in ``trailforward.pricing``)
    ├── PluginError          an installed plug-in that cannot be used; names the package to blame
    ├── MissingExtraError    an optional dependency is needed; the text has the command to type
    └── SinkError            a destination refused a whole call
        ├── TransientError   the same call may succeed later
        └── PermanentError   it never will
"""

from __future__ import annotations

from dataclasses import dataclass


class TrailforwardError(Exception):
    """Base of every exception raised by trailforward."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of a configuration.

    Attributes:
        key: the setting, as written: ``sinks.siem.auth.secret`` or ``TRAILFORWARD_TO``.
        message: what is wrong with it.
        fix: what to write instead.
    """

    key: str
    message: str
    fix: str

    def __str__(self) -> str:
        return f"{self.key}: {self.message}. Fix: {self.fix}"


class ConfigError(TrailforwardError):
    """A configuration that cannot be used, with all its faults."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        head = f"{count} problem{'s' if count != 1 else ''} in the configuration"
        super().__init__("\n".join([head, *(f"  - {problem}" for problem in self.problems)]))


class SettingError(TrailforwardError, ValueError):
    """A setting that cannot be what it is, or two that contradict each other.

    Attributes:
        what: what is wrong. It repeats no value that may be a secret.
        fix: what to write instead.
    """

    def __init__(self, what: str, fix: str) -> None:
        self.what = what
        self.fix = fix
        super().__init__(f"{what}. Fix: {fix}")


class PayloadError(TrailforwardError):
    """A Lambda payload that no source knows, or messages that go back to the caller by raising."""


class EventError(TrailforwardError):
    """Bytes that are no CloudTrail or EventBridge event.

    Attributes:
        code: short and stable, fit for a metric or a dead letter: ``not_json``, ``not_utf8``, ``no_detail`` …
    """

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


class NothingToForwardError(EventError):
    """What sources deliver beside events, and nobody misses: it is filtered, never a fault."""


class UnreadError(EventError):
    """What a message points to cannot be read right now, but may be later."""


class PatternError(TrailforwardError):
    """An event pattern that the service would refuse."""


class SecretError(TrailforwardError):
    """A referenced secret that cannot be read. The text never holds the secret."""


class SecretUnavailableError(SecretError):
    """A secret that cannot be read right now, but may be later: throttled, or no answer."""


class PluginError(TrailforwardError):
    """An installed plug-in cannot be used.

    Attributes:
        reason: why, in a sentence.
    """

    def __init__(self, name: str, package: str, reason: str) -> None:
        self.reason = " ".join(reason.split())
        super().__init__(f"the plug-in {name!r} of {package} cannot be used: {self.reason}")


class MissingExtraError(TrailforwardError):
    """An optional dependency that this use needs is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs an optional part: pip install 'trailforward[{extra}]'")


class SinkError(TrailforwardError):
    """A destination refused a whole call.

    Attributes:
        code: the destination's own error code, or ``http_503``, ``timeout`` …
        message: the destination's text, without payload; may be empty.
    """

    def __init__(self, code: str, message: str = "") -> None:
        self.code = code
        self.message = message
        super().__init__(f"{code}: {message}" if message else code)


class TransientError(SinkError):
    """The same call may succeed later.

    Attributes:
        retry_after: seconds the destination asked to wait, or None.
    """

    def __init__(self, code: str, message: str = "", *, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(code, message)


class PermanentError(SinkError):
    """The same call will never succeed.

    Attributes:
        divisible: True where one entry may be to blame, so that the batch is worth splitting.
    """

    def __init__(self, code: str, message: str = "", *, divisible: bool = False) -> None:
        self.divisible = divisible
        super().__init__(code, message)
