"""Prints the section of CHANGELOG.md about one version, as the notes of its release.

    python -m release.notes 0.1.0

Exit status: 0 the notes were printed, 1 the version is not the package's, or the changelog does not
describe it.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class NotesError(Exception):
    """The version cannot be released."""


def notes(version: str, changelog: str, package: str) -> str:
    """Returns the text of a version's section, without its heading.

    Args:
        version: such as ``0.1.0``.
        changelog: text of CHANGELOG.md.
        package: text of ``_version.py``.

    Raises:
        NotesError: the package has another version, or the section is missing, empty, or without a date.
    """
    if f'"{version}"' not in package:
        raise NotesError(f"src/trailforward/_version.py does not contain {version}. Fix: change one of them.")
    sections = re.split(r"^## ", changelog, flags=re.MULTILINE)
    found = [
        section
        for section in sections
        if re.match(rf"\[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$", section.partition("\n")[0])
    ]
    text = found[0].partition("\n")[2].strip() if found else ""
    if not text:
        raise NotesError(
            f"CHANGELOG.md does not describe {version}. Fix: rename '## [Unreleased]' to "
            f"'## [{version}] - YYYY-MM-DD', and add a new '## [Unreleased]' above it."
        )
    return text


def main(arguments: list[str]) -> int:
    """Prints the notes; returns the exit status."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 1
    try:
        print(
            notes(
                arguments[0],
                (ROOT / "CHANGELOG.md").read_text("utf-8"),
                (ROOT / "src/trailforward/_version.py").read_text("utf-8"),
            )
        )
    except NotesError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
