"""Validates the events of a corpus against the official OCSF schema and prints how many are invalid.

``python -m tests.formats.ocsf_report [DIRECTORY]``: the directory has ``*.ndjson`` files with one event or
record per line; by default the one that ``TRAILFORWARD_CORPUS`` names. Exits with 1 if any is invalid.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from trailforward import Message, Origin
from trailforward.formats import load

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from trailforward.matched import Matched

#: The format names, with the version of the schema that each promises.
VERSIONS = {"ocsf": "1.1.0", "ocsf-1.8": "1.8.0"}
#: The same for findings.
FINDINGS = {"ocsf-finding": "1.1.0", "ocsf-finding-1.8": "1.8.0"}


def convert(raw: bytes, name: str, matched: Sequence[Matched] = ()) -> dict[str, Any]:
    """The OCSF event that a format makes from these bytes."""
    message = Message(raw, Origin("test"))
    message.matched = matched
    value: dict[str, Any] = json.loads(load(name).data(message))
    return value


def errors(value: dict[str, Any]) -> list[str]:
    """Where an OCSF event violates the schema of its own version and class; empty if it is valid."""
    validator = _validator(value["metadata"]["version"], value["class_uid"])
    found = [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(value)]
    # JSON Schema cannot express these two rules of OCSF.
    if value["type_uid"] != value["class_uid"] * 100 + value["activity_id"]:
        found.append("$.type_uid: is not class_uid * 100 + activity_id")
    if value["category_uid"] != value["class_uid"] // 1000:
        found.append("$.category_uid: is not the category of the class")
    return found


def events(directory: Path) -> Iterator[bytes]:
    """The lines of the corpus."""
    for path in sorted(directory.glob("*.ndjson")):
        yield from filter(None, path.read_bytes().split(b"\n"))


@cache
def _schema(version: str) -> OcsfJsonSchemaEmbedded:
    return OcsfJsonSchemaEmbedded(get_ocsf_schema(version))


@cache
def _validator(version: str, class_uid: int) -> Draft202012Validator:
    schema = _schema(version)
    profiles = ["cloud"]
    return Draft202012Validator(
        schema.get_class_schema(schema.lookup_class_name_from_uid(class_uid), profiles)
    )


def main(directory: Path) -> int:
    """Prints the counts for each version."""
    status = 0
    for name, version in (VERSIONS | FINDINGS).items():
        total = invalid = 0
        classes: Counter[str] = Counter()
        reasons: Counter[str] = Counter()
        for raw in events(directory):
            total += 1
            value = convert(raw, name)
            classes[f"{value['class_name']} ({value['class_uid']})"] += 1
            if found := errors(value):
                invalid += 1
                reasons.update(found)
        print(f"{name}, OCSF {version}: {invalid} of {total} events are invalid")
        print("  " + ", ".join(f"{count} {label}" for label, count in classes.most_common()))
        for reason, count in reasons.most_common(10):
            print(f"  {count} x {reason}")
        status |= bool(invalid)
    return status


if __name__ == "__main__":
    chosen = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("TRAILFORWARD_CORPUS")
    if not chosen:
        sys.exit("name a directory of *.ndjson, or set TRAILFORWARD_CORPUS")
    sys.exit(main(Path(chosen)))
