"""Counts how many recorded results of EventBridge and Event Ruler the engine reproduces: ``make vectors``.

The vectors are kept outside the repository. ``TRAILFORWARD_VECTORS`` names their folder. If it is unset, the
folder ``vectors`` next to ``TRAILFORWARD_CORPUS`` is used.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from trailforward.patterns import InvalidPatternError, Pattern
from trailforward.patterns.invalid import PREFIX

FILES = ("service.json", "ruler_tests.json")


def folder() -> Path | None:
    """The folder of the vectors, or None."""
    if named := os.environ.get("TRAILFORWARD_VECTORS"):
        return Path(named)
    if corpus := os.environ.get("TRAILFORWARD_CORPUS"):
        beside = Path(corpus).parent / "vectors"
        return beside if beside.is_dir() else None
    return None


def result(vector: dict[str, Any]) -> tuple[Any, str]:
    """The engine's result in the notation of the vectors, and the message of an error."""
    try:
        pattern = Pattern(vector["pattern"])
    except InvalidPatternError as error:
        return "exception", str(error).removeprefix(PREFIX)
    return "ok" if vector["event"] is None else pattern.matches(vector["event"]), ""


def recorded_message(vector: dict[str, Any]) -> str:
    """The recorded error message, with the values that the recording replaced by placeholders."""
    recorded = str(vector["error_message"]).replace("<partition>", "aws").replace("<region>", "us-east-1")
    return recorded.removeprefix(PREFIX)


def main() -> int:
    """Prints one line per file, and one line per difference."""
    where = folder()
    if where is None:
        sys.stderr.write("Set TRAILFORWARD_VECTORS to the folder of service.json and ruler_tests.json.\n")
        return 2
    exceptions = []
    for name in FILES:
        recorded = json.loads((where / name).read_text(encoding="utf-8"))
        vectors = [vector for vector in recorded if vector.get("layer") != "api"]
        errors = equal = right = 0
        for vector in vectors:
            expected = vector.get("expect_strict_or", vector["expect"])
            found, reason = result(vector)
            right += found == expected
            if found != expected:
                exceptions.append(f"{name}: {vector['name']}: {found}, recorded {expected}")
            elif expected == "exception":
                errors += 1
                equal += reason == recorded_message(vector)
                if reason != recorded_message(vector):
                    exceptions.append(
                        f"{name}: {vector['name']}: {reason!r}, recorded {recorded_message(vector)!r}"
                    )
        sys.stdout.write(
            f"{name}: {right} of {len(vectors)} results equal ({right / len(vectors):.1%}), "
            f"{equal} of {errors} error messages equal; {len(recorded) - len(vectors)} "
            "errors come from the API in front of the engine\n"
        )
    sys.stdout.write("".join(f"  {exception}\n" for exception in exceptions))
    return 1 if exceptions else 0


if __name__ == "__main__":
    sys.exit(main())
