"""Detections: event patterns shipped with trailforward, each with a severity, a reason, and tests.

They are data in the ``.toml`` files beside this file, one file per subject. The files are read when a
detection is used, and of them only the tables that are needed: tests are many times longer than patterns.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: The files, in the order in which ``trailforward detections`` lists them.
SUBJECTS = (
    "trails",
    "root",
    "sign_in",
    "credentials",
    "policies",
    "persistence",
    "buckets",
    "exposure",
    "encryption",
    "organization",
    "monitoring",
    "network",
    "compute",
    "exfiltration",
)

#: Set → what its detections are about. ``use = "set:NAME"`` uses all of them.
SETS = {
    "essentials": "what an account should never do without somebody knowing; quiet enough for a pager",
    "cis": "the complete monitoring section of the CIS AWS Foundations Benchmark",
    "identity": "sign-ins, credentials, policies, and ways to keep access",
    "evasion": "logs, trails, and detection services that are turned off or narrowed",
    "exposure": "data and networks that become public or are shared with other accounts",
}
SET_PREFIX = "set:"
AUTHOR = "trailforward"

_TABLE = "[[detections]]\n"
_TESTS = "\n[[detections.tests]]\n"


class Detection(NamedTuple):
    """One shipped event pattern.

    Attributes:
        name: what a route's ``use`` setting refers to.
        title: what happened, in a few words.
        severity: ``informational``, ``low``, ``medium``, ``high``, or ``critical``.
        description: why it matters, in one sentence.
        tags: MITRE ATT&CK techniques: ``attack.t1562.008``.
        reference: URL of the source of the idea.
        pattern: the event pattern as JSON text.
        sets: the sets that have it.
        cis: its number in the monitoring section of the CIS AWS Foundations Benchmark (3.0 to 5.0); empty if
            it has none.
        needs: what must be set up so that its events arrive; empty for write management events and sign-ins.
        noise: which harmless events match, and how often; empty if hardly any do.
        tests: tables with the keys of ``[[routes.tests]]``; empty if :func:`load` read the detection.
        subject: the name of its file.
    """

    name: str
    title: str
    severity: str
    description: str
    tags: tuple[str, ...]
    reference: str
    pattern: str
    sets: tuple[str, ...] = ()
    cis: str = ""
    needs: str = ""
    noise: str = ""
    tests: tuple[Mapping[str, Any], ...] = ()
    subject: str = ""


@cache
def load_all() -> Mapping[str, Detection]:
    """All detections by name with their tests, in the order of the files."""
    import tomllib

    return {
        table["name"]: _made(table, subject)
        for subject in SUBJECTS
        for table in tomllib.loads(_text(subject))["detections"]
    }


@cache
def load(name: str) -> Detection:
    """The detection with this name, without its tests.

    Raises:
        KeyError: no detection has this name.
    """
    for subject, table in _heads():
        if table.startswith(f'name = "{name}"\n'):
            return _parsed(table, subject)
    raise KeyError(name)


@cache
def load_set(name: str) -> tuple[Detection, ...]:
    """The detections of a set, without their tests, in the order of the files.

    Raises:
        KeyError: no set has this name.
    """
    if name not in SETS:
        raise KeyError(name)
    return tuple(_parsed(table, subject) for subject, table in _heads() if _in_set(table, name))


def _in_set(table: str, name: str) -> bool:
    line = next((line for line in table.splitlines() if line.startswith("sets = ")), "")
    return f'"{name}"' in line


def _heads() -> Iterator[tuple[str, str]]:
    """Yields the subject and the text of each detection's table up to its tests.

    The files have one form, which a test checks: ``name`` comes first, ``sets`` has one line, and a test
    begins with the header of its table.
    """
    for subject in SUBJECTS:
        _, *tables = _text(subject).split(_TABLE)
        for table in tables:
            yield subject, table.partition(_TESTS)[0]


def _text(subject: str) -> str:
    from pkgutil import get_data  # a tenth of the import time of importlib.resources

    return (get_data(__name__, f"{subject}.toml") or b"").decode()


def _parsed(table: str, subject: str) -> Detection:
    import tomllib

    return _made(tomllib.loads(table), subject)


def _made(table: Mapping[str, Any], subject: str) -> Detection:
    return Detection(
        table["name"],
        table["title"],
        table["severity"],
        table["description"],
        tuple(f"attack.{technique.lower()}" for technique in table["attack"]),
        table["reference"],
        table["pattern"].strip(),
        tuple(table.get("sets", ())),
        table.get("cis", ""),
        table.get("needs", ""),
        table.get("noise", ""),
        tuple(table.get("tests", ())),
        subject,
    )
