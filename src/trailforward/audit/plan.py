"""The state of an audit on disk: its clock, its lists of files, and the names of what it has read.

A state belongs to one audit from :func:`begin` to :func:`finish`. If the audit is stopped in between, the
same command continues with the same clock and the same lists of files: what came later belongs to the next
audit. What was read is kept under a name that depends on everything that it follows from, so that nothing
mixes if files or options change.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward._version import __version__
from trailforward.audit.places import AuditError, DeliveredFile, LogFile

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

_BEGUN, _PLAN = "begun.json", "plan.json"
#: Checks of digests. They are not kept for the next audit: whoever can change them could hide a change.
DIGESTS = "digests.ndjson"
_FIX = "Give another --state folder, or delete this one"
#: Files that an audit may delete.
_OURS = ("*.unit", "explained-*.json", "*.draft", _PLAN)


class Plan(NamedTuple):
    """What an audit reads.

    Attributes:
        now: when it began.
        logs: log files, of the window and around it.
        delivered: delivered files.
        soon: how many of these, the first ones, are not from after the window's margin.
        dated: whether there are delivered files of other days.
    """

    now: datetime
    logs: list[LogFile]
    delivered: list[DeliveredFile]
    soon: int
    dated: bool


def begin(state: Path | None, asked: Mapping[str, Any], now: datetime) -> datetime:
    """When the audit in a folder began: now, or earlier if it was stopped.

    Args:
        state: the folder; None for an audit that does not continue.
        asked: what is audited, as JSON.
        now: the time.

    Raises:
        AuditError: the folder belongs to another audit that was stopped, or cannot be read.
    """
    now = now.astimezone(UTC).replace(microsecond=0)
    if state is None:
        return now
    wanted = {"version": __version__, "asked": dict(asked)}
    found = _read(state / _BEGUN)
    if found is not None:
        try:
            began = datetime.fromisoformat(found["now"])
            known = found["version"], found["asked"]
        except (KeyError, TypeError, ValueError):
            raise AuditError(f"{state / _BEGUN} is not the state of an audit. {_FIX}.") from None
        if known != (wanted["version"], wanted["asked"]):
            text = (
                f"{state} belongs to an audit that was stopped, and that had other options or another version"
            )
            raise AuditError(f"{text}. Finish it with the same options. {_FIX}.")
        return began
    state.mkdir(parents=True, exist_ok=True)
    # The lists of an audit that was finished are old.
    finish(state)
    write(state / _BEGUN, {**wanted, "now": now.isoformat()})
    return now


def finish(state: Path | None) -> None:
    """Ends an audit: the next one in this folder has another clock, and lists the files again."""
    if state is None:
        return
    for name in (DIGESTS, _PLAN, _BEGUN):
        (state / name).unlink(missing_ok=True)


def planned(state: Path, asked: Mapping[str, Any], make: Callable[[], Plan]) -> Plan:
    """The plan of the audit in a folder; makes it if there is none yet.

    Args:
        state: the folder.
        asked: what is audited, as JSON.
        make: lists the files.

    Raises:
        AuditError: the folder belongs to another audit, or cannot be read.
    """
    path = state / _PLAN
    found = _read(path)
    if found is None:
        plan = make()
        state.mkdir(parents=True, exist_ok=True)
        saved = {"version": __version__, "asked": dict(asked)}
        write(path, saved | {**plan._asdict(), "now": plan.now.isoformat()})
        return plan
    try:
        known = found["version"], found["asked"]
        now = datetime.fromisoformat(found["now"])
        logs = [LogFile(*log) for log in found["logs"]]
        delivered = [DeliveredFile(*file) for file in found["delivered"]]
        soon, dated = int(found["soon"]), bool(found["dated"])
    except (KeyError, TypeError, ValueError):
        raise AuditError(f"{path} is not the state of an audit. {_FIX}.") from None
    if known != (__version__, dict(asked)):
        raise AuditError(
            f"{state} belongs to an audit of other files or times, or of another version. {_FIX}."
        )
    return Plan(now, logs, delivered, soon, dated)


def name_of(kind: str, *depends: object) -> str:
    """A file name for a result that follows from these values.

    Args:
        kind: of the result.
        depends: values of JSON.
    """
    text = json.dumps([__version__, depends], default=str, sort_keys=True)
    return f"{kind}-{blake2b(text.encode('utf-8', 'surrogatepass'), digest_size=12).hexdigest()}"


def tidy(state: Path, used: Collection[Path]) -> None:
    """Deletes what earlier audits left in a folder."""
    for pattern in _OURS[:-1]:
        for path in state.glob(pattern):
            if path not in used:
                path.unlink(missing_ok=True)


def write(path: Path, value: Any) -> None:
    """Writes a file in one step."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
    draft.write_text(json.dumps(value), "utf-8", "surrogatepass")
    draft.replace(path)


def _read(path: Path) -> Any:
    """A file's JSON; None if there is no such file."""
    try:
        return json.loads(path.read_text("utf-8", "surrogatepass"))
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError):
        raise AuditError(f"{path} is not the state of an audit. {_FIX}.") from None
