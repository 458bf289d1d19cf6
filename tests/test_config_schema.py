"""The JSON Schema of ``trailforward.toml`` accepts valid configurations and refuses invalid ones."""

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

#: Problems across tables, in patterns, or in the meaning of a string: a schema cannot express them.
BEYOND = (
    "the same queue",
    "a sink",
    "no sink is named",
    "would reject",
    '"source" must be',
    "another route",
    "no route uses",
    "a secret",
    "not a finite number",
)


def test_it_is_a_schema() -> None:
    """The schema is valid draft 2020-12 and names that draft."""
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("text", [MINIMAL, FULL], ids=["minimal", "full"])
def test_what_works_is_valid(text: str) -> None:
    """A configuration that trailforward accepts is valid."""
    Config.from_toml(text)
    assert [error.message for error in VALIDATOR.iter_errors(tomllib.loads(text))] == []


@pytest.mark.parametrize(("lines", "wrong"), [(lines, wrong) for lines, _, wrong, _ in SINKS])
def test_wrong_sinks_are_invalid(lines: str, wrong: str) -> None:
    """An editor can mark an invalid ``[sinks.NAME]`` table."""
    if "\\n" in lines:
        pytest.skip("Python's $ matches before a line break at the end, ECMAScript's does not")
    valid = VALIDATOR.is_valid(tomllib.loads(f"[sinks.siem]\n{lines}\n"))
    assert valid == (wrong.startswith(BEYOND) or wrong == "secret")


@pytest.mark.parametrize(("toml", "wrong"), [(toml, wrong) for toml, _, wrong, _ in HEADS])
def test_wrong_top_level_keys_and_routes_are_invalid(toml: str, wrong: str) -> None:
    """An editor can mark an invalid top-level key or route, if a schema can express the problem."""
    text = toml if toml.startswith(("sinks.", "[sinks.a]")) else f"{toml}\n[sinks.out]\nto = 'stdout:'\n"
    assert VALIDATOR.is_valid(tomllib.loads(text)) == wrong.startswith(BEYOND)


def keys(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns every key in the schema."""
    tables = [SCHEMA, *schema["$defs"].values()]
    return [key for table in tables for key in table.get("properties", {}).values()]


def test_every_key_is_described() -> None:
    """Every key has a description without markup, which editors can show."""
    described = [key for key in keys(SCHEMA) if "const" not in key]
    assert all(key.get("description") for key in described)
    assert not any("``" in key["description"] for key in described)
    assert '"null"' not in str(SCHEMA)
