"""The JSON Schema of ``trailforward.toml``, with which editors complete and check a configuration."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any

from trailforward import detections, formats, sinks
from trailforward.config.check import DESTINATIONS, NAME
from trailforward.config.repeats import RepeatingRoute
from trailforward.config.settings import CALL, TABLE, PipelineSettings
from trailforward.errors import PluginError
from trailforward.matched import SEVERITIES
from trailforward.settings import Settings
from trailforward.sinks.s3 import SHAPE
from trailforward.sinks.settings import AwsSinkSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

_ARN = "^arn:aws(-[a-z]+)*:[a-z0-9-]+:([a-z]{2,}(-[a-z]+)+-[0-9]+)?:([0-9]{12})?:."
_SECRET = "^arn:aws(-[a-z]+)*:(secretsmanager:[^:]+:[0-9]{12}:secret:|ssm:[^:]+:[0-9]{12}:parameter/)."  # noqa: S105
#: Sink type → pattern of ``to``, for sinks whose model has none. A URL must be https, or point to this
#: machine, and must not contain a user name, password, or fragment.
_DESTINATION = {
    "http": r"^(https://[^/?#@\s]+|http://(localhost|127\.[0-9.]+|\[::1\])(:[0-9]+)?)([/?][^#\s]*)?$",
    "s3": SHAPE,
    "file": "^file:.",
    "stdout": "^stdout:$",
}


def json_schema() -> dict[str, Any]:
    """Returns the JSON Schema of ``trailforward.toml`` (draft 2020-12), for editors and CI.

    The form of ``to`` decides which keys a sink has. ``Config.from_toml`` checks more than the schema: names
    across tables, event patterns, and whether settings fit together.
    """
    from pydantic.json_schema import models_json_schema

    from trailforward.settings.model import model_of

    by_sink: dict[str, type[Settings]] = {name: sinks.load(name).Settings for name in sinks.BUILT_IN}
    models: list[type[Settings]] = [PipelineSettings, RepeatingRoute, *by_sink.values()]
    _, schema = models_json_schema([(model_of(model), "validation") for model in models])
    definitions: dict[str, Any] = _as_toml(schema["$defs"])
    for model in _models(Settings):
        if model.__name__ in definitions:
            _describe(model, definitions[model.__name__])
    definitions["RouteSettings"] = definitions.pop("RepeatingRoute")
    for name, model in by_sink.items():
        properties = definitions[model.__name__]["properties"]
        properties["format"]["enum"] = formats.names()
        properties["min_severity"]["enum"] = list(SEVERITIES)
        if issubclass(model, AwsSinkSettings):
            properties["to"] = {"pattern": model.shape(), **properties["to"]}
        properties["to"].setdefault("pattern", _DESTINATION.get(name, sinks.SHAPES[name]))
    for definition in definitions.values():
        for key in ("secret", "client_secret", "certificate", "private_key", "password"):
            definition.get("properties", {}).get(key, {}).setdefault("pattern", _SECRET)
    definitions["HttpSettings"] |= _singles()
    definitions["HttpSettings"]["properties"]["preset"]["enum"] = list(sinks.preset_names())
    for name in (
        "EventBridgeSettings",
        "EventBridgeV2Settings",
        "LambdaSettings",
        "S3Settings",
        "StepFunctionsSettings",
    ):
        definitions[name]["properties"]["format"]["enum"] = _json_formats()
    definitions["SecurityHubSettings"]["properties"]["format"]["enum"] = ["asff"]
    definitions["RouteSink"]["properties"]["format"]["enum"] = formats.names()
    _complete_route(definitions["RouteSettings"])
    top_level = definitions.pop("PipelineSettings")
    own_call = definitions["OwnCallSettings"]["properties"]
    receipts = definitions["ReceiptSettings"]["properties"]["to"]
    queue = definitions["SqsSettings"]["properties"]["to"]["pattern"]
    _complete(top_level["properties"], queue, own_call, receipts)
    definitions["Sink"] = _sink(by_sink)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "trailforward.toml",
        **top_level,
        "required": ["sinks"],
        "$defs": definitions,
    }


def _complete_route(route: dict[str, Any]) -> None:
    """Adds the names of detections and sets, and which keys need which."""
    properties = route["properties"]
    names = list(detections.load_all())
    sets = [f"{detections.SET_PREFIX}{name}" for name in detections.SETS]
    properties["use"]["enum"] = [*names, *sets]
    properties["sinks"].pop("default", None)
    properties["disable"]["items"]["enum"] = names
    properties["override"]["propertyNames"] = {"enum": names}
    drops = {"properties": {"drop": {"const": True}}, "required": ["drop"]}
    uses_set = {"properties": {"use": {"pattern": f"^{detections.SET_PREFIX}"}}, "required": ["use"]}
    route["allOf"] = [
        {"anyOf": [{"required": ["sinks"]}, drops]},
        {"not": {"required": ["use", "pattern"]}},
        {
            "if": {"anyOf": [{"required": ["disable"]}, {"required": ["override"]}]},
            "then": uses_set,
        },
    ]


def _complete(properties: dict[str, Any], queue: str, call: dict[str, Any], receipts: dict[str, Any]) -> None:
    """Adds to the top-level keys the constraints that their types do not express."""
    for key, pattern in (("dead_letter", f"{queue}|^file:."), ("retry_queue", queue)):
        properties[key] |= {"pattern": pattern, "not": {"pattern": "\\.fifo$"}}
    properties["dead_letter_bucket"]["pattern"] = SHAPE
    stream = sinks.load("firehose").Settings.shape()
    for branch in (properties["receipts"]["anyOf"][0], receipts):
        branch["pattern"] = f"{stream}|{SHAPE}"
    properties["state"]["pattern"] = f"^{TABLE}$"
    properties["own_arns"]["items"]["pattern"] = _ARN
    properties["canary_roles"]["items"]["pattern"] = r"^arn:[^:]+:iam::[^:*]+:role/[^*]+$"
    call["call"]["pattern"] = f"^{CALL}$"
    call["resource"]["pattern"] = rf"^\*$|{_ARN[:-1]}[^*?]*(:?\*)?$"
    properties["sinks"] = {
        "description": "The destinations, by name.",
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": f"^{NAME.pattern}$"},
        "additionalProperties": {"$ref": "#/$defs/Sink"},
    }
    properties["routes"] = {
        "description": "Which events go to which sinks. Without routes, every event goes to every sink.",
        "type": "array",
        "items": {"$ref": "#/$defs/RouteSettings"},
    }


def _sink(by_sink: dict[str, type[Settings]]) -> dict[str, Any]:
    """Returns the schema of any sink: the form of ``to`` decides which keys it has."""
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
            for name, model in by_sink.items()
        ],
    }


def _is_json(name: str) -> bool:
    """Whether a format is JSON; False for one of a package that cannot be used."""
    try:
        return formats.load(name).json
    except PluginError:
        return False


def _json_formats() -> list[str]:
    return [name for name in formats.names() if _is_json(name)]


def _singles() -> dict[str, Any]:
    """Returns the rule that formats other than JSON need ``batch = "single"``."""
    others = [name for name in formats.names() if name not in _json_formats()]
    return {
        "if": {"properties": {"format": {"enum": others}}, "required": ["format"]},
        "then": {"properties": {"batch": {"const": "single"}}, "required": ["batch"]},
    }


def _as_toml(schema: Any) -> Any:
    """Removes null, which TOML does not have, and titles, which repeat the keys."""
    if isinstance(schema, list):
        return [_as_toml(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {
        key: {name: _as_toml(part) for name, part in value.items()}
        if key == "properties"
        else _as_toml(value)
        for key, value in schema.items()
        if not (key == "title" and isinstance(value, str))
        and not (key == "default" and (value is None or isinstance(value, dict)))
    }
    if {"type": "null"} in kept.get("anyOf", ()):
        others = [branch for branch in kept.pop("anyOf") if branch != {"type": "null"}]
        return {**(others[0] if len(others) == 1 else {"anyOf": others}), **kept}
    return kept


def _models(base: type[Settings]) -> Iterator[type[Settings]]:
    for model in base.__subclasses__():
        yield model
        yield from _models(model)


_ATTRIBUTE = re.compile(r"^    (\w+): (.+(?:\n {8,}.+)*)", re.MULTILINE)


def _describe(model: type[Settings], definition: dict[str, Any]) -> None:
    """Adds descriptions to the keys, from the docstrings of the settings classes."""
    for base in reversed(model.__mro__):
        text, _, attributes = inspect.cleandoc(base.__doc__ or "").partition("\n\nAttributes:\n")
        definition["description"] = _prose(text)
        for name, words in _ATTRIBUTE.findall(attributes):
            if name in definition["properties"]:
                description = _prose(words)
                definition["properties"][name]["description"] = description[:1].upper() + description[1:]


def _prose(text: str) -> str:
    """Returns a docstring without reStructuredText markup and line breaks."""
    text = re.sub(r":\w+:`([^`]*)`", r"\1", text).replace("``", "`")
    return " ".join(text.split())
