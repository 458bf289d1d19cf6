"""The JSON Schema of ``trailforward.toml``: what editors complete and check while one types."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any

from pydantic.json_schema import models_json_schema

from trailforward import formats, sinks
from trailforward.config.check import DESTINATIONS, NAME
from trailforward.config.settings import PipelineSettings, RouteSettings

if TYPE_CHECKING:
    from pydantic import BaseModel

_ARN = "^arn:aws(-[a-z]+)*:[a-z0-9-]+:[a-z0-9-]*:([0-9]{12})?:.+"


def json_schema() -> dict[str, Any]:
    """The JSON Schema of ``trailforward.toml`` (draft 2020-12), for editors and CI.

    A sink's keys follow from the shape of its ``to``. ``Config.from_toml`` checks more: names across tables,
    event patterns, and that what is given fits together.
    """
    settings: dict[str, type[BaseModel]] = {name: sinks.load(name).Settings for name in sinks.BUILT_IN}
    models: list[type[BaseModel]] = [PipelineSettings, RouteSettings, *settings.values()]
    _, schema = models_json_schema([(model, "validation") for model in models])
    definitions = schema["$defs"]
    for definition in definitions.values():
        _describe(definition)
    for name, model in settings.items():
        properties = definitions[model.__name__]["properties"]
        properties["format"]["enum"] = list(formats.BUILT_IN)
        properties["to"].setdefault("pattern", sinks.SHAPES[name])
    head = definitions.pop("PipelineSettings")
    queue = definitions["SqsSettings"]["properties"]["to"]["pattern"]
    properties = head["properties"]
    for key, pattern in (("dead_letter", f"{queue}|^file:."), ("retry_queue", queue)):
        branch = next(part for part in properties[key]["anyOf"] if part.get("type") == "string")
        branch |= {"pattern": pattern, "not": {"pattern": "\\.fifo$"}}
    properties["own_arns"]["items"]["pattern"] = _ARN
    properties["sinks"] = {
        "description": "The destinations, by names of your choice.",
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": f"^{NAME.pattern}$"},
        "additionalProperties": {"$ref": "#/$defs/Sink"},
    }
    properties["routes"] = {
        "description": "What goes where; without any, everything goes to every sink.",
        "type": "array",
        "items": {"$ref": "#/$defs/RouteSettings"},
    }
    definitions["Sink"] = _sink(settings)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **head,
        "title": "trailforward.toml",
        "required": ["sinks"],
        "$defs": definitions,
    }


def _sink(settings: dict[str, type[BaseModel]]) -> dict[str, Any]:
    """Any sink: the shape of ``to`` decides which keys there are."""
    return {
        "type": "object",
        "required": ["to"],
        "properties": {
            "to": {
                "description": DESTINATIONS[:1].upper() + DESTINATIONS[1:] + ".",
                "type": "string",
                "pattern": "|".join(sinks.SHAPES.values()),
            }
        },
        "allOf": [
            {
                "if": {"properties": {"to": {"pattern": sinks.SHAPES[name]}}, "required": ["to"]},
                "then": {"$ref": f"#/$defs/{model.__name__}"},
            }
            for name, model in settings.items()
        ],
    }


_ATTRIBUTE = re.compile(r"^    (\w+): (.+(?:\n {8,}.+)*)", re.MULTILINE)


def _describe(definition: dict[str, Any]) -> None:
    """Moves what a model's docstring says of its attributes to the keys, in plain text."""
    text, _, attributes = inspect.cleandoc(definition.get("description", "")).partition("\n\nAttributes:\n")
    definition["description"] = _prose(text)
    for name, words in _ATTRIBUTE.findall(attributes):
        if name in definition.get("properties", {}):
            said = _prose(words)
            definition["properties"][name]["description"] = said[:1].upper() + said[1:]


def _prose(text: str) -> str:
    plain = re.sub(r":\w+:`([^`]*)`", r"\1", text).replace("``", "`")
    return " ".join(plain.split())
