"""Prints how far the engine answers as the service and its reference do: ``make vectors``.

The vectors stay outside the repository. ``TRAILFORWARD_VECTORS`` names their folder; without it, a folder
``vectors`` beside ``TRAILFORWARD_CORPUS``.
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
    """Where the vectors are."""
    if named := os.environ.get("TRAILFORWARD_VECTORS"):
        return Path(named)
    if corpus := os.environ.get("TRAILFORWARD_CORPUS"):
        beside = Path(corpus).parent / "vectors"
        return beside if beside.is_dir() else None
    return None


def answer(vector: dict[str, Any]) -> tuple[Any, str]:
    """The engine's answer in the vectors' words, and the text of a refusal."""
    try:
        pattern = Pattern(vector["pattern"])
    except InvalidPatternError as error:
        return "exception", str(error).removeprefix(PREFIX)
    return "ok" if vector["event"] is None else pattern.matches(vector["event"]), ""


def text(vector: dict[str, Any]) -> str:
    """The recorded text of a refusal, with what the recording replaced put back."""
    recorded = str(vector["error_message"]).replace("<partition>", "aws").replace("<region>", "us-east-1")
    return recorded.removeprefix(PREFIX)


def main() -> int:
    """Prints one line per file, and one per exception."""
    where = folder()
    if where is None:
        sys.stderr.write("Set TRAILFORWARD_VECTORS to the folder of service.json and ruler_tests.json.\n")
        return 2
    exceptions = []
    for name in FILES:
        recorded = json.loads((where / name).read_text(encoding="utf-8"))
        vectors = [vector for vector in recorded if vector.get("layer") != "api"]
        refusals = equal = right = 0
        for vector in vectors:
            expected = vector.get("expect_strict_or", vector["expect"])
            found, reason = answer(vector)
            right += found == expected
            if found != expected:
                exceptions.append(f"{name}: {vector['name']}: {found}, recorded {expected}")
            elif expected == "exception":
                refusals += 1
                equal += reason == text(vector)
                if reason != text(vector):
                    exceptions.append(f"{name}: {vector['name']}: {reason!r}, recorded {text(vector)!r}")
        sys.stdout.write(
            f"{name}: {right} of {len(vectors)} answers equal ({right / len(vectors):.1%}), "
            f"{equal} of {refusals} texts of refusals equal; {len(recorded) - len(vectors)} "
            "are refusals by the API in front of the engine\n"
        )
    sys.stdout.write("".join(f"  {exception}\n" for exception in exceptions))
    return 1 if exceptions else 0


if __name__ == "__main__":
    sys.exit(main())
