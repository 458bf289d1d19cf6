"""Checks a whole configuration and reports every problem at once."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from trailforward import formats, sinks
from trailforward.arn import Arn
from trailforward.aws.own_calls import parsed
from trailforward.config.problems import validated
from trailforward.config.route import PlainRoute, RouteSink
from trailforward.config.settings import PipelineSettings
from trailforward.errors import PluginError, Problem, SettingError
from trailforward.settings import fields

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

DESTINATIONS = (
    "the ARN of a Kinesis stream, Firehose stream, SNS topic, SQS queue, EventBridge bus, log group, "
    "Security Hub product, Lambda function, or state machine, "
    "s3://BUCKET/PREFIX?region=REGION, an http(s) URL, stdout:, or file:PATH"
)

#: Names of sinks and routes: metrics and message attributes can contain them.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")

#: Two destinations in one, with a separator that is valid in a URL or a path, or one at an end.
SEVERAL = re.compile(r"[,;|](arn:|(https?|s3)://|(file|stdout):|$)|^[,;|]")
_SHORTEST_SECRET = 14

_QUEUE = "arn:aws:sqs:us-west-2:111122223333:trailforward-dead"


def check(data: Mapping[str, Any], problems: list[Problem]) -> dict[str, Any]:
    """Returns the fields of a ``Config``; they are meaningless if there are problems.

    Args:
        data: a parsed ``trailforward.toml``.
        problems: gets the problems found here.
    """
    top_level = dict(data)
    by_name = _sinks(top_level.pop("sinks", None), problems)
    routes = _routes(top_level.pop("routes", None), by_name, problems)
    destinations = [settings.to for settings in by_name.values() if settings is not None]
    pipeline = check_pipeline(top_level, destinations, problems)
    return {"sinks": by_name, "routes": routes, "pipeline": pipeline}


def _sinks(tables: Any, problems: list[Problem]) -> dict[str, Any]:
    """Returns name → settings; None for an invalid sink, so that routes can still name it."""
    if not isinstance(tables, dict) or not tables:
        fix = f'add [sinks.NAME] with to = "…": {DESTINATIONS}'
        problems.append(Problem("sinks", "no sink is configured", fix))
        return {}
    by_name: dict[str, Any] = {}
    for name, table in tables.items():
        key = _key(name)
        if not NAME.fullmatch(name):
            fix = "use at most 64 letters, digits, '_', '-' or '.', and begin with a letter or digit"
            problems.append(Problem(key, "invalid name: metrics cannot contain it", fix))
        by_name[name] = _sink(key, table, problems)
    return by_name


def _key(name: str) -> str:
    return f"sinks.{name}" if NAME.fullmatch(name) else f"sinks.{json.dumps(name[:64])}"


def _sink(key: str, table: Any, problems: list[Problem]) -> Any:
    if not isinstance(table, dict):
        problems.append(Problem(key, "not a table", f'write [{key}], and to = "…" on the next line'))
        return None
    destination = table.get("to")
    if not isinstance(destination, str):
        what = "not a string" if "to" in table else "missing"
        problems.append(Problem(f"{key}.to", what, f"set it to {DESTINATIONS}"))
        return None
    kind = sinks.type_of(destination)
    if kind is None:
        problems.append(Problem(f"{key}.to", _unsupported(destination), f"set it to {DESTINATIONS}"))
        return None
    try:
        sink = sinks.load(kind)
    except PluginError as error:
        problems.append(Problem(f"{key}.to", str(error), "update or uninstall that package"))
        return None
    if SEVERAL.search(destination):
        fix = "write one destination for each sink, and separate those of TRAILFORWARD_TO by spaces"
        problems.append(Problem(f"{key}.to", "contains another destination after a separator", fix))
        return None
    settings = validated(sink.Settings, table, key, problems)
    _check_literals(key, table, problems)
    # A preset may choose the format.
    chosen = table.get("format", "raw") if settings is None else settings.format
    _check_format(key, chosen, settings, problems)
    if settings is not None and settings.group and sink.acts:
        what = "this destination acts on each event by itself, so `group` is not possible"
        problems.append(Problem(key, what, "remove `group`"))
    return settings


def _check_literals(key: str, value: Any, problems: list[Problem]) -> None:
    """Refuses secrets of a known shape anywhere in a sink's table. Texts that cannot hold one are skipped."""
    if isinstance(value, dict):
        for name, part in value.items():
            _check_literals(f"{key}.{name}", part, problems)
    elif isinstance(value, list):
        for index, part in enumerate(value):
            _check_literals(f"{key}[{index}]", part, problems)
    elif isinstance(value, str) and len(value) >= _SHORTEST_SECRET and not value.startswith("arn:"):
        if any(f"{key}.".startswith((f"{problem.key}.", f"{problem.key}[")) for problem in problems):
            return  # reported already
        # Imported here, because most configurations of ARNs do not need it.
        from trailforward.settings.literal_secrets import found_in_text

        if (error := found_in_text(value)) is not None:
            problems.append(Problem(key, error.what, error.fix))


def _check_format(key: str, chosen: Any, settings: Any, problems: list[Problem]) -> None:
    """Checks that the format of a sink or route exists and fits the settings of the sink.

    Args:
        key: the key of the sink or route.
        chosen: the name of the format; a value that is not a string is reported elsewhere.
        settings: the settings of the sink; None if they are invalid.
        problems: gets the problems found here.
    """
    if not isinstance(chosen, str):
        return
    if not formats.known(chosen):
        fix = f"use one of {', '.join(formats.names())}"
        problems.append(Problem(f"{key}.format", "unknown format", fix))
    elif settings is not None:
        try:
            settings.check(formats.load(chosen))
        except SettingError as error:
            problems.append(Problem(key, error.what, error.fix))
        except PluginError as error:
            problems.append(Problem(f"{key}.format", str(error), "update or uninstall that package"))


def _unsupported(destination: str) -> str:
    """Says why no sink supports a destination. Does not repeat a URL, because it may contain a password."""
    if destination.startswith("arn:"):
        try:
            return f"no sink supports ARNs of the service {Arn.parse(destination).service!r}"
        except ValueError as error:
            return f"not an ARN: {error}"
    scheme = re.match(r"([a-z][a-z0-9+.-]{0,30})://", destination, re.IGNORECASE)
    return f"no sink supports {scheme[1]} URLs" if scheme else "neither an ARN nor a URL"


def _routes(tables: Any, by_name: Mapping[str, Any], problems: list[Problem]) -> tuple[PlainRoute, ...]:
    if tables is None or tables == []:
        # Without routes, every event goes to every sink.
        return (
            (PlainRoute(name="all", sinks=tuple(RouteSink(sink=name) for name in by_name)),)
            if by_name
            else ()
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
        route = validated(_kind(table), table, key, problems)
        routes.append(route)
        if isinstance(name, str):
            if name in names:
                problems.append(
                    Problem(key, "another route has the same name", "give each route a unique name")
                )
            names.add(name)
        named = _check_targets(key, table, by_name, problems)
        if not (isinstance(table, dict) and table.get("drop") is True):
            used |= named
    # An invalid route may have meant to name any of the sinks.
    if all(route is not None or used for route in routes):
        problems += [
            Problem(_key(name), "no route uses this sink", "name it in a route, or remove it")
            for name in by_name
            if name not in used
        ]
    return tuple(routes)


def _kind(table: Any) -> type[PlainRoute]:
    """The class with the keys of a route; the one with all keys takes longer to import and to read."""
    if isinstance(table, dict) and table.keys() <= fields(PlainRoute).keys():
        return PlainRoute
    from trailforward.config.detection_route import RouteSettings

    if isinstance(table, dict) and table.keys() <= fields(RouteSettings).keys():
        return RouteSettings
    from trailforward.config.repeats import RepeatingRoute

    return RepeatingRoute


def _check_targets(key: str, table: Any, by_name: Mapping[str, Any], problems: list[Problem]) -> set[str]:
    """Checks the sinks of a route; returns the names that are valid."""
    wanted = table.get("sinks") if isinstance(table, dict) else None
    named: set[str] = set()
    for index, target in enumerate(wanted if isinstance(wanted, list) else ()):
        place = f"{key}.sinks[{index}]"
        sink, chosen = target, None
        if isinstance(target, dict):
            sink, chosen = target.get("sink"), target.get("format")
        if not isinstance(sink, str):
            continue
        if sink not in by_name:
            fix = f"use one of {', '.join(by_name) or 'your sinks'}"
            problems.append(Problem(f"{key}.sinks", f"no sink is named {sink[:64]!r}", fix))
        elif sink in named:
            problems.append(Problem(place, "the route names this sink twice", "name it once"))
        settings = by_name.get(sink)
        _check_format(place, chosen, settings, problems)
        if settings is not None and settings.group and chosen not in {None, settings.format}:
            what = "the sink groups alerts, so all of them need its format"
            problems.append(Problem(place, what, "remove `format`, or use another sink"))
        named.add(sink)
    return named


def check_pipeline(
    top_level: Mapping[str, Any], destinations: Collection[str], problems: list[Problem]
) -> PipelineSettings | None:
    """Returns the settings in the top-level keys; None if they are invalid.

    Args:
        top_level: all keys except ``sinks`` and ``routes``.
        destinations: the destinations of the sinks.
        problems: gets the problems found here.
    """
    pipeline: PipelineSettings | None = validated(
        PipelineSettings, top_level, "", problems, beside=("sinks", "routes")
    )
    queues = {
        key: top_level[key] for key in ("dead_letter", "retry_queue") if isinstance(top_level.get(key), str)
    }
    for key, value in queues.items():
        _check_queue(key, value, destinations, problems)
    if len(queues) == len({*queues.values(), ""}):
        problems.append(Problem("retry_queue", "the same queue as dead_letter", "use two queues"))
    _check_bucket(top_level, problems)
    if pipeline is not None and pipeline.receipts is not None and pipeline.receipts.to in destinations:
        fix = "use another stream or prefix, because readers of one cannot read the other"
        problems.append(Problem("receipts", "also the destination of a sink", fix))
    _check_canary_roles(top_level.get("canary_roles"), problems)
    arns = top_level.get("own_arns")
    for index, text in enumerate(arns if isinstance(arns, (list, tuple)) else ()):
        if not isinstance(text, str):
            continue
        try:
            Arn.parse(text)
            if SEVERAL.search(text):
                fix = "list each ARN by itself; separate those of TRAILFORWARD_OWN_ARNS by spaces"
                problems.append(Problem(f"own_arns[{index}]", "contains another ARN after a separator", fix))
        except ValueError as error:
            fix = "list the ARNs of roles, functions, queues, or streams"
            problems.append(Problem(f"own_arns[{index}]", f"not an ARN: {error}", fix))
    return pipeline


def _check_canary_roles(roles: Any, problems: list[Problem]) -> None:
    """Checks ``canary_roles``: exact ARNs of roles, because whoever has such a role can hide its canaries."""
    for index, text in enumerate(roles if isinstance(roles, (list, tuple)) else ()):
        arn = None if not isinstance(text, str) or "*" in text else parsed(text)
        if isinstance(text, str) and (arn is None or arn.service != "iam" or not arn.account):
            fix = (
                "list the ARNs of roles, such as arn:aws:iam::111122223333:role/trailforward-eu-west-1-canary"
            )
            problems.append(Problem(f"canary_roles[{index}]", "not the ARN of a role", fix))
        elif arn is not None and not arn.resource.startswith("role/"):
            fix = (
                "a session's ARN has the form assumed-role/…; list the role instead: role/NAME, with its path"
            )
            problems.append(Problem(f"canary_roles[{index}]", "not a role", fix))


def _check_bucket(top_level: Mapping[str, Any], problems: list[Problem]) -> None:
    """Checks ``dead_letter_bucket``, which needs a queue for the pointers."""
    key = "dead_letter_bucket"
    bucket, queue = top_level.get(key), top_level.get("dead_letter")
    if not isinstance(bucket, str):
        return
    fix = "write s3://BUCKET/PREFIX?region=REGION, such as s3://dead-letters/trailforward?region=eu-west-1"
    if sinks.type_of(bucket) != "s3":
        problems.append(Problem(key, "not a bucket", fix))
    else:
        found: list[Problem] = []
        validated(sinks.load("s3").Settings, {"to": bucket}, key, found)
        problems += [replace(problem, key=key, fix=fix) for problem in found]
    if queue is None or (isinstance(queue, str) and queue.startswith("file:")):
        what = "only an SQS queue as dead_letter needs copies of events that do not fit"
        problems.append(Problem(key, what, "set dead_letter to the ARN of a queue, or remove the bucket"))


def _check_queue(key: str, value: str, destinations: Collection[str], problems: list[Problem]) -> None:
    may_be_file = key == "dead_letter"
    fix = f"write the ARN of a queue, such as {_QUEUE}" + (", or file:PATH" if may_be_file else "")
    kind = sinks.type_of(value)
    if kind != "sqs" and not (kind == "file" and may_be_file):
        problems.append(Problem(key, "not the ARN of an SQS queue", fix))
        return
    found: list[Problem] = []
    validated(sinks.load(kind).Settings, {"to": value}, key, found)
    problems += [replace(problem, key=key, fix=fix) for problem in found]
    if value.endswith(".fifo"):
        what = "a FIFO queue, which drops messages that it takes for duplicates"
        problems.append(Problem(key, what, "use a standard queue"))
    if value in destinations:
        problems.append(Problem(key, "also the destination of a sink", "use a separate queue"))
