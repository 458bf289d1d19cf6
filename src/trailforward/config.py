"""Config: ``TRAILFORWARD_TO`` for a whole configuration in one line, ``trailforward.toml`` for more.

Both become one frozen, validated :class:`Config`. What is wrong is reported all at once, each fault with its
key and its fix.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from trailforward import formats, sinks
from trailforward.arn import Arn
from trailforward.errors import ConfigError, PatternError, Problem, SinkError
from trailforward.patterns import Pattern
from trailforward.retry import Backoff
from trailforward.routing import Route
from trailforward.sinks.settings import Settings, SinkSettings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic_core import ErrorDetails

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_DESTINATIONS = (
    "an ARN of a Kinesis stream, Firehose, SNS topic or SQS queue, an http(s) URL, stdout: or file:PATH"
)


class RetrySettings(Settings):
    """``[retry]``: how refused entries are tried again within an invocation.

    Attributes:
        max_attempts: passes over what was refused, the first one included.
        base_seconds: the first wait is between 0 and this; it doubles each time.
        cap_seconds: no wait is longer, unless the destination asks for it.
    """

    max_attempts: Annotated[int, Field(ge=1, le=100)] = 5
    base_seconds: Annotated[float, Field(ge=0, le=60)] = 0.2
    cap_seconds: Annotated[float, Field(ge=0, le=900)] = 20.0


class RouteSettings(Settings):
    """One ``[[routes]]`` table.

    Attributes:
        name: unique among the routes.
        sinks: names of ``[sinks.NAME]`` tables.
        pattern: an EventBridge event pattern, as a table or as JSON text; without it the route takes everything.
    """

    name: Annotated[str, Field(min_length=1, max_length=64)]
    sinks: Annotated[tuple[str, ...], Field(min_length=1)]
    pattern: dict[str, Any] | str | None = None


class PipelineSettings(Settings):
    """The keys at the head of ``trailforward.toml``.

    Attributes:
        dead_letter: SQS queue ARN or ``file:PATH`` for events that can never be delivered. Without it they go
            back to the source, whose own redrive policy must catch them.
        retry_queue: ARN of a standard SQS queue, also a source of the function, for events that only some
            sinks took.
        own_arns: further roles and resources of the pipeline, whose events are filtered as its own.
        deadline_margin_seconds: sending stops this long before Lambda's time is up; the rest is for
            dead letters, the retry queue and the answer.
        retry: see :class:`RetrySettings`.
    """

    dead_letter: str | None = None
    retry_queue: str | None = None
    own_arns: tuple[str, ...] = ()
    deadline_margin_seconds: Annotated[float, Field(ge=0.1, le=300)] = 2.0
    retry: RetrySettings = RetrySettings()


class Config(Settings):
    """A whole configuration, checked.

    Attributes:
        sinks: name → the settings of that destination's own class.
        routes: at least one.
        pipeline: everything else.
    """

    sinks: dict[str, Any]
    routes: tuple[RouteSettings, ...]
    pipeline: PipelineSettings

    @property
    def backoff(self) -> Backoff:
        """The retry settings in the form the pipeline uses."""
        return Backoff(**self.pipeline.retry.model_dump())

    def compiled_routes(self) -> list[Route]:
        """The routes with their patterns compiled."""
        return [
            Route(route.name, route.sinks, None if route.pattern is None else Pattern(route.pattern))
            for route in self.routes
        ]

    @classmethod
    def to(cls, *destinations: str, format: str = "raw", **pipeline: Any) -> Config:  # noqa: A002
        """The configuration that sends every event to each of the destinations.

        Args:
            *destinations: ARNs or URLs.
            format: of every destination.
            **pipeline: see :class:`PipelineSettings`.

        Raises:
            ConfigError: lists everything that is wrong.
        """
        problems: list[Problem] = []
        tables = _named(destinations, problems)
        for table in tables.values():
            table["format"] = format
        return _build({**pipeline, "sinks": tables}, problems)

    @classmethod
    def from_toml(cls, text: str, **pipeline: Any) -> Config:
        """The configuration in a TOML text.

        Args:
            text: the content of a ``trailforward.toml``.
            **pipeline: fills head keys that the text leaves out.

        Raises:
            ConfigError: lists everything that is wrong.
        """
        try:
            data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            fix = "correct the TOML at that place (a table or key may stand there twice)"
            raise ConfigError([Problem("trailforward.toml", f"not TOML: {error}", fix)]) from None
        problems = [
            Problem(
                key,
                f"set in trailforward.toml and by {_VARIABLES[key]} with another value",
                "keep one of the two",
            )
            for key in pipeline.keys() & data.keys()
            if data[key] != pipeline[key]
        ]
        return _build({**pipeline, **data}, problems)

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Config:
        """The configuration that environment variables describe.

        ``TRAILFORWARD_TO`` (destinations, separated by spaces) or ``TRAILFORWARD_CONFIG`` (TOML text, a path,
        ``ssm:NAME`` or ``s3://BUCKET/KEY``); ``TRAILFORWARD_DEAD_LETTER``, ``TRAILFORWARD_RETRY_QUEUE`` and
        ``TRAILFORWARD_OWN_ARNS`` fill head keys that the TOML leaves out.

        Raises:
            ConfigError: lists everything that is wrong.
        """
        pipeline: dict[str, Any] = {
            key: environ[variable] for key, variable in _VARIABLES.items() if environ.get(variable)
        }
        if "own_arns" in pipeline:
            pipeline["own_arns"] = pipeline["own_arns"].split()
        destinations = environ.get("TRAILFORWARD_TO", "").split()
        where = environ.get("TRAILFORWARD_CONFIG", "").strip()
        if destinations and where:
            fix = "unset one of them; [sinks.NAME] tables with to = … replace TRAILFORWARD_TO"
            raise ConfigError([Problem("TRAILFORWARD_TO", "set together with TRAILFORWARD_CONFIG", fix)])
        if where:
            return cls.from_toml(
                _fetch(where, environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")), **pipeline
            )
        if not destinations:
            fix = f"set it to {_DESTINATIONS}; or set TRAILFORWARD_CONFIG"
            raise ConfigError([Problem("TRAILFORWARD_TO", "not set, so there is no destination", fix)])
        return cls.to(*destinations, **pipeline)


_VARIABLES = {
    "dead_letter": "TRAILFORWARD_DEAD_LETTER",
    "retry_queue": "TRAILFORWARD_RETRY_QUEUE",
    "own_arns": "TRAILFORWARD_OWN_ARNS",
}


def json_schema() -> dict[str, Any]:
    """The JSON Schema of ``trailforward.toml`` (draft 2020-12), for editors and CI."""
    models: list[type[Settings]] = [sinks.load(name).Settings for name in sinks.BUILT_IN]
    any_sink: Any = models[0]
    for model in models[1:]:
        any_sink |= model

    class Document(PipelineSettings):
        """A configuration of trailforward."""

        sinks: Annotated[dict[str, any_sink], Field(min_length=1)]
        routes: tuple[RouteSettings, ...] = ()

    schema = TypeAdapter(Document).json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "trailforward.toml",
    }


def _fetch(where: str, region: str | None) -> str:
    """The TOML text that ``TRAILFORWARD_CONFIG`` names, or is."""
    if where.startswith(("ssm:", "s3://")):
        return _fetch_remote(where, region)
    if "\n" in where or "=" in where:
        return where
    try:
        return Path(where).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        fix = "name a readable file, or give the TOML itself, ssm:NAME or s3://BUCKET/KEY"
        raise ConfigError([Problem("TRAILFORWARD_CONFIG", f"cannot read {where!r}: {error}", fix)]) from None


def _fetch_remote(where: str, region: str | None) -> str:
    from trailforward.sinks._aws import Client

    scheme, _, name = where.partition(":")
    try:
        if scheme == "ssm":
            if name.startswith("arn:"):
                region = Arn.parse(name).region
            client = Client("ssm", region or "us-east-1")
            value: str = client.call("get_parameter", Name=name, WithDecryption=True)["Parameter"]["Value"]
            return value
        bucket, _, key = name.removeprefix("//").partition("/")
        body = Client("s3", region or "us-east-1").call("get_object", Bucket=bucket, Key=key)["Body"]
        text: str = body.read().decode()
    except (SinkError, ValueError) as error:
        allow = "ssm:GetParameter" if scheme == "ssm" else "s3:GetObject"
        fix = f"check that it exists in {region or 'us-east-1'} and that the function may {allow} on it"
        raise ConfigError([Problem("TRAILFORWARD_CONFIG", f"cannot read {where}: {error}", fix)]) from None
    return text


def _named(destinations: Iterable[str], problems: list[Problem]) -> dict[str, dict[str, str]]:
    """A table per destination, named after the resource: ``kinesis-cloudsec``, ``http-siem.example.com``."""
    tables: dict[str, dict[str, str]] = {}
    for destination in dict.fromkeys(destinations):
        kind = sinks.type_of(destination) or "unknown"
        if destination.startswith("arn:"):
            name = re.split("[:/]", destination)[-1]
        else:
            name = re.sub(r"^[a-z]+:/*", "", destination).split("/")[0 if kind == "http" else -1]
        base = re.sub(r"[^A-Za-z0-9_.-]+", "-", f"{kind}-{name}").strip("-")[:56]
        name, count = base, 1
        while name in tables:
            count += 1
            name = f"{base}-{count}"
        tables[name] = {"to": destination}
    if len(tables) < len(list(destinations)):
        problems.append(Problem("TRAILFORWARD_TO", "a destination is listed twice", "list each once"))
    return tables


def _build(data: dict[str, Any], problems: list[Problem]) -> Config:
    """Checks everything, and raises with all problems or returns the configuration."""
    data = dict(data)
    made = _sinks(data.pop("sinks", None), problems)
    routes = _routes(data.pop("routes", None), made, problems)
    pipeline = _validated(PipelineSettings, data, "", problems)
    if pipeline is not None:
        _check_pipeline(pipeline, made, problems)
    if problems or pipeline is None:
        raise ConfigError(problems)
    return Config(sinks=made, routes=routes, pipeline=pipeline)


def _sinks(tables: Any, problems: list[Problem]) -> dict[str, SinkSettings | None]:
    """The settings of each sink; None for one that is wrong, so that routes may still name it."""
    if not isinstance(tables, dict) or not tables:
        problems.append(
            Problem("sinks", "there is no sink", f'add [sinks.NAME] with to = "…": {_DESTINATIONS}')
        )
        return {}
    made: dict[str, SinkSettings | None] = {}
    for name, table in tables.items():
        key = f"sinks.{name}"
        made[name] = None
        if not _NAME.fullmatch(name):
            fix = "use at most 64 letters, digits, '_', '-' or '.'"
            problems.append(Problem(key, "a name that metrics cannot carry", fix))
        if not isinstance(table, dict):
            problems.append(Problem(key, "is no table", f'write [{key}] and to = "…" below it'))
            continue
        destination = table.get("to")
        if not isinstance(destination, str):
            problems.append(Problem(f"{key}.to", "missing, or no text", f"set it to {_DESTINATIONS}"))
            continue
        kind = sinks.type_of(destination)
        if kind is None:
            problems.append(
                Problem(f"{key}.to", f"no sink takes {destination!r}", f"set it to {_DESTINATIONS}")
            )
            continue
        made[name] = _validated(sinks.load(kind).Settings, table, key, problems)
        if made[name] is not None:
            _check_format(key, made[name], problems)
    return made


def _check_format(key: str, settings: Any, problems: list[Problem]) -> None:
    if settings.format not in formats.BUILT_IN:
        fix = f"use one of {', '.join(formats.BUILT_IN)}"
        problems.append(Problem(f"{key}.format", f"there is no format {settings.format!r}", fix))


def _routes(tables: Any, made: Mapping[str, Any], problems: list[Problem]) -> tuple[RouteSettings, ...]:
    if tables is None or tables == []:
        # No routes: everything goes everywhere.
        return (RouteSettings(name="all", sinks=tuple(made)),) if made else ()
    if not isinstance(tables, list):
        problems.append(Problem("routes", "is no list of tables", "write [[routes]] with two brackets"))
        return ()
    routes = []
    names: set[str] = set()
    for index, table in enumerate(tables):
        named = isinstance(table, dict) and isinstance(table.get("name"), str)
        key = f"routes.{table['name']}" if named else f"routes[{index}]"
        route = _validated(RouteSettings, table, key, problems)
        if route is None:
            continue
        routes.append(route)
        if route.name in names:
            problems.append(Problem(key, "another route has this name", "give each route its own name"))
        names.add(route.name)
        unknown = [name for name in route.sinks if name not in made]
        problems += [
            Problem(
                f"{key}.sinks", f"there is no sink {name!r}", f"use one of {', '.join(made) or 'your sinks'}"
            )
            for name in unknown
        ]
        if route.pattern is not None:
            try:
                Pattern(route.pattern)
            except PatternError as error:
                problems.append(Problem(f"{key}.pattern", str(error), "correct the event pattern"))
    used = {name for route in routes for name in route.sinks}
    if len(routes) == len(tables):
        problems += [
            Problem(f"sinks.{name}", "no route uses this sink", "name it in a route, or remove it")
            for name in made
            if name not in used
        ]
    return tuple(routes)


def _check_pipeline(pipeline: PipelineSettings, made: Mapping[str, Any], problems: list[Problem]) -> None:
    destinations = {settings.to for settings in made.values() if settings is not None}
    queue = "arn:aws:sqs:us-west-2:111122223333:trailforward-dead"
    for key, kinds in (("dead_letter", ("sqs", "file")), ("retry_queue", ("sqs",))):
        value = getattr(pipeline, key)
        if value is None:
            continue
        fix = f"write a queue's ARN such as {queue}" + (" or file:PATH" if "file" in kinds else "")
        kind = sinks.type_of(value)
        if kind not in kinds:
            problems.append(Problem(key, f"{value!r} is not the ARN of an SQS queue", fix))
            continue
        _validated(sinks.load(str(kind)).Settings, {"to": value}, key, problems)
        if value.endswith(".fifo"):
            problems.append(Problem(key, "a FIFO queue", "use a standard queue"))
        if value in destinations:
            problems.append(Problem(key, f"{value!r} is also a sink", "use a queue of its own"))
    if pipeline.retry_queue is not None and pipeline.retry_queue == pipeline.dead_letter:
        problems.append(Problem("retry_queue", "the same queue as dead_letter", "use two queues"))
    for text in pipeline.own_arns:
        try:
            Arn.parse(text)
        except ValueError as error:
            fix = "list ARNs of roles, functions, queues, streams"
            problems.append(Problem("own_arns", f"{text!r}: {error}", fix))


def _validated(model: type[Any], table: Any, key: str, problems: list[Problem]) -> Any:
    """The model of a table, or None with the problems added."""
    try:
        return model.model_validate(table)
    except ValidationError as error:
        problems += [_problem(details, key, model) for details in error.errors(include_url=False)]
        return None


def _problem(details: ErrorDetails, prefix: str, model: type[Any]) -> Problem:
    """Pydantic's finding as a problem with a fix."""
    path = ".".join(str(step) for step in details["loc"] if not str(step).startswith("function-"))
    key = ".".join(part for part in (prefix, path) if part) or "trailforward.toml"
    context = details.get("ctx", {})
    kind = details["type"]
    if kind == "fault":
        return Problem(key, context["what"], context["fix"])
    if kind == "extra_forbidden":
        known = ", ".join(model.model_fields) if len(details["loc"]) == 1 else "the documented ones"
        return Problem(key, "an unknown key", f"remove it, or use one of: {known}")
    if kind == "missing":
        return Problem(key, "missing", f"set {details['loc'][-1]}")
    if kind in {"literal_error", "union_tag_invalid"}:
        expected = context.get("expected") or context.get("expected_tags", "")
        return Problem(key, "an unknown value", f"use one of {expected}")
    message = details["msg"][:1].lower() + details["msg"][1:]
    return Problem(key, message, "give a value of that kind")
