"""The JSON Schema of ``trailforward.toml``: what it accepts works, and it refuses what does not."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.test_config import FULL, MINIMAL
from tests.test_config_problems import HEADS, SINKS
from trailforward.config import Config, json_schema

SCHEMA = json_schema()
VALIDATOR = Draft202012Validator(SCHEMA)

#: Faults that lie between tables, in patterns or in a text's meaning: beyond a schema.
BEYOND = (
    "the same queue",
    "a sink",
    "no sink 'uot'",
    "would refuse",
    '"source" must be',
    "another route",
    "no route uses",
    "a secret",
    "not a finite number",
)


def test_it_is_a_schema() -> None:
    """It is valid draft 2020-12, and says so."""
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("text", [MINIMAL, FULL], ids=["minimal", "full"])
def test_what_works_is_valid(text: str) -> None:
    """A configuration that trailforward takes is valid."""
    Config.from_toml(text)
    assert [error.message for error in VALIDATOR.iter_errors(tomllib.loads(text))] == []


@pytest.mark.parametrize(("lines", "fault"), [(lines, fault) for lines, _, fault, _ in SINKS])
def test_wrong_sinks_are_invalid(lines: str, fault: str) -> None:
    """A wrong ``[sinks.NAME]`` shows while one types."""
    if "\\n" in lines:
        pytest.skip("Python's $ matches before a line break at the end, ECMAScript's does not")
    valid = VALIDATOR.is_valid(tomllib.loads(f"[sinks.siem]\n{lines}\n"))
    assert valid == (fault.startswith(BEYOND) or fault == "secret")


@pytest.mark.parametrize(("toml", "fault"), [(toml, fault) for toml, _, fault, _ in HEADS])
def test_wrong_heads_and_routes_are_invalid(toml: str, fault: str) -> None:
    """A wrong head key or route shows while one types, unless it takes more than a schema to see it."""
    text = toml if toml.startswith(("sinks.", "[sinks.a]")) else f"{toml}\n[sinks.out]\nto = 'stdout:'\n"
    assert VALIDATOR.is_valid(tomllib.loads(text)) == fault.startswith(BEYOND)


def keys(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """Every key that the schema knows."""
    tables = [SCHEMA, *schema["$defs"].values()]
    return [key for table in tables for key in table.get("properties", {}).values()]


def test_every_key_is_described() -> None:
    """Editors can show what each key is for, in plain text."""
    described = [key for key in keys(SCHEMA) if "const" not in key]
    assert all(key.get("description") for key in described)
    assert not any("``" in key["description"] for key in described)
    assert '"null"' not in str(SCHEMA)
