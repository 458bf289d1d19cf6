"""Checks a whole configuration and finds all that is wrong with it at once."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from trailforward import formats, sinks
from trailforward.arn import Arn
from trailforward.config.problems import validated
from trailforward.config.route import RouteSettings, RouteSink
from trailforward.config.settings import PipelineSettings
from trailforward.errors import PluginError, Problem, SettingError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

DESTINATIONS = (
    "an ARN of a Kinesis stream, Firehose, SNS topic, SQS queue, event bus or log group, "
    "s3://BUCKET/PREFIX?region=REGION, an http(s) URL, stdout: or file:PATH"
)

#: What metrics and attributes can carry: names of sinks.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")

_QUEUE = "arn:aws:sqs:us-west-2:111122223333:trailforward-dead"


def check(data: Mapping[str, Any], problems: list[Problem]) -> dict[str, Any]:
    """The parts of a ``Config``; worth nothing if there are problems.

    Args:
        data: a parsed ``trailforward.toml``.
        problems: added to.
    """
    head = dict(data)
    made = _sinks(head.pop("sinks", None), problems)
    routes = _routes(head.pop("routes", None), made, problems)
    taken = [settings.to for settings in made.values() if settings is not None]
    pipeline = check_pipeline(head, taken, problems)
    return {"sinks": made, "routes": routes, "pipeline": pipeline}


def _sinks(tables: Any, problems: list[Problem]) -> dict[str, Any]:
    """The settings of each sink; None for one that is wrong, so that routes may still name it."""
    if not isinstance(tables, dict) or not tables:
        fix = f'add [sinks.NAME] with to = "…": {DESTINATIONS}'
        problems.append(Problem("sinks", "there is no sink", fix))
        return {}
    made: dict[str, Any] = {}
    for name, table in tables.items():
        key = _key(name)
        if not NAME.fullmatch(name):
            fix = "use at most 64 letters, digits, '_', '-' or '.', and begin with a letter or digit"
            problems.append(Problem(key, "a name that metrics cannot carry", fix))
        made[name] = _sink(key, table, problems)
    return made


def _key(name: str) -> str:
    return f"sinks.{name}" if NAME.fullmatch(name) else f"sinks.{json.dumps(name[:64])}"


def _sink(key: str, table: Any, problems: list[Problem]) -> Any:
    if not isinstance(table, dict):
        problems.append(Problem(key, "not a table", f'write [{key}], and to = "…" below it'))
        return None
    destination = table.get("to")
    if not isinstance(destination, str):
        what = "not text" if "to" in table else "missing"
        problems.append(Problem(f"{key}.to", what, f"set it to {DESTINATIONS}"))
        return None
    kind = sinks.type_of(destination)
    if kind is None:
        problems.append(Problem(f"{key}.to", _stranger(destination), f"set it to {DESTINATIONS}"))
        return None
    try:
        sink = sinks.load(kind)
    except PluginError as error:
        problems.append(Problem(f"{key}.to", str(error), "update or uninstall that package"))
        return None
    settings = validated(sink.Settings, table, key, problems)
    # A preset may choose the format.
    chosen = table.get("format", "raw") if settings is None else settings.format
    _check_format(key, chosen, settings, problems)
    return settings


def _check_format(key: str, chosen: Any, settings: Any, problems: list[Problem]) -> None:
    """Whether a sink or route names a format that there is and that fits the sink's settings.

    Args:
        key: of what names the format.
        chosen: the name; what is no text is reported elsewhere.
        settings: of the sink; None if they are wrong.
        problems: added to.
    """
    if not isinstance(chosen, str):
        return
    if chosen not in formats.BUILT_IN:
        fix = f"use one of {', '.join(formats.BUILT_IN)}"
        problems.append(Problem(f"{key}.format", "there is no such format", fix))
    elif settings is not None:
        try:
            settings.check(formats.load(chosen))
        except SettingError as error:
            problems.append(Problem(key, error.what, error.fix))


def _stranger(destination: str) -> str:
    """Why no sink takes a destination. What is no ARN is not repeated: it may hold a password."""
    if destination.startswith("arn:"):
        try:
            return f"no sink takes ARNs of {Arn.parse(destination).service!r}"
        except ValueError as error:
            return f"not an ARN: {error}"
    scheme = re.match(r"([a-z][a-z0-9+.-]{0,30})://", destination, re.IGNORECASE)
    return f"no sink takes {scheme[1]} URLs" if scheme else "neither an ARN nor a URL"


def _routes(tables: Any, made: Mapping[str, Any], problems: list[Problem]) -> tuple[RouteSettings, ...]:
    if tables is None or tables == []:
        # No routes: everything goes everywhere.
        return (
            (RouteSettings(name="all", sinks=tuple(RouteSink(sink=name) for name in made)),) if made else ()
        )
    if not isinstance(tables, list):
        problems.append(Problem("routes", "not a list of tables", "write [[routes]] with two brackets"))
        return ()
    routes = []
    names: set[str] = set()
    used: set[str] = set()
    for index, table in enumerate(tables):
        name = table.get("name") if isinstance(table, dict) else None
        readable = isinstance(name, str) and NAME.fullmatch(name)
        key = f"routes.{name}" if readable else f"routes[{index}]"
        route = validated(RouteSettings, table, key, problems)
        routes.append(route)
        if isinstance(name, str):
            if name in names:
                problems.append(Problem(key, "another route has this name", "give each route its own name"))
            names.add(name)
        used |= _check_targets(key, table, made, problems)
    # A route that says nothing readable of its sinks might have named any of them.
    if all(route is not None or used for route in routes):
        problems += [
            Problem(_key(name), "no route uses this sink", "name it in a route, or remove it")
            for name in made
            if name not in used
        ]
    return tuple(routes)


def _check_targets(key: str, table: Any, made: Mapping[str, Any], problems: list[Problem]) -> set[str]:
    """The names of the sinks that a route feeds, as far as they can be read."""
    wanted = table.get("sinks") if isinstance(table, dict) else None
    named: set[str] = set()
    for index, target in enumerate(wanted if isinstance(wanted, list) else ()):
        place = f"{key}.sinks[{index}]"
        sink, chosen = target, None
        if isinstance(target, dict):
            sink, chosen = target.get("sink"), target.get("format")
        if not isinstance(sink, str):
            continue
        if sink not in made:
            fix = f"use one of {', '.join(made) or 'your sinks'}"
            problems.append(Problem(f"{key}.sinks", f"there is no sink {sink[:64]!r}", fix))
        elif sink in named:
            problems.append(Problem(place, "this route names the sink twice", "name it once"))
        _check_format(place, chosen, made.get(sink), problems)
        named.add(sink)
    return named


def check_pipeline(
    head: Mapping[str, Any], taken: Collection[str], problems: list[Problem]
) -> PipelineSettings | None:
    """The head keys, or None with the problems added.

    Args:
        head: all keys that are neither sinks nor routes.
        taken: destinations of the sinks.
        problems: added to.
    """
    pipeline: PipelineSettings | None = validated(
        PipelineSettings, head, "", problems, beside=("sinks", "routes")
    )
    texts = {key: head[key] for key in ("dead_letter", "retry_queue") if isinstance(head.get(key), str)}
    for key, value in texts.items():
        _check_queue(key, value, taken, problems)
    if len(texts) == len({*texts.values(), ""}):
        problems.append(Problem("retry_queue", "the same queue as dead_letter", "use two queues"))
    arns = head.get("own_arns")
    for index, text in enumerate(arns if isinstance(arns, (list, tuple)) else ()):
        if not isinstance(text, str):
            continue
        try:
            Arn.parse(text)
        except ValueError as error:
            fix = "list ARNs of roles, functions, queues, streams"
            problems.append(Problem(f"own_arns[{index}]", f"not an ARN: {error}", fix))
    return pipeline


def _check_queue(key: str, value: str, taken: Collection[str], problems: list[Problem]) -> None:
    may_be_file = key == "dead_letter"
    fix = f"write a queue's ARN such as {_QUEUE}" + (", or file:PATH" if may_be_file else "")
    kind = sinks.type_of(value)
    if kind != "sqs" and not (kind == "file" and may_be_file):
        problems.append(Problem(key, "not the ARN of an SQS queue", fix))
        return
    found: list[Problem] = []
    validated(sinks.load(kind).Settings, {"to": value}, key, found)
    problems += [replace(problem, key=key, fix=fix) for problem in found]
    if value.endswith(".fifo"):
        what = "a FIFO queue, which drops what looks like a duplicate to it"
        problems.append(Problem(key, what, "use a standard queue"))
    if value in taken:
        problems.append(Problem(key, "also the destination of a sink", "use a queue of its own"))
