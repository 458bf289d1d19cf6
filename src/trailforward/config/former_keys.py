"""Former configuration keys, so that an error can name the current one. There are no aliases."""

from __future__ import annotations

from fnmatch import fnmatchcase

#: Former key, as a pattern for the full key → the current key.
FORMER_KEYS = {
    "forged": "envelope_mismatch",
    "retry.base_seconds": "retry.initial_seconds",
    "retry.cap_seconds": "retry.max_seconds",
    "sinks.*.limits.entries": "limits.max_entries",
    "sinks.*.limits.entry_bytes": "limits.max_entry_bytes",
    "sinks.*.limits.batch_bytes": "limits.max_batch_bytes",
    "sinks.*.limits.calls": "limits.max_concurrency",
}


def current_key(key: str) -> str | None:
    """Returns the current name of a former key; None for any other key.

    Args:
        key: the full key, such as ``sinks.siem.limits.entries``.
    """
    return next((new for former, new in FORMER_KEYS.items() if fnmatchcase(key, former)), None)
