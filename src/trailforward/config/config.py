"""Config: a whole configuration, from destinations, TOML or the environment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trailforward.config.check import DESTINATIONS, check, check_pipeline
from trailforward.config.destinations import tables
from trailforward.config.fetch import fetch
from trailforward.config.problems import renamed
from trailforward.config.route import RouteSettings  # noqa: TC001  # the annotations are evaluated
from trailforward.config.settings import PipelineSettings  # noqa: TC001  # the annotations are evaluated
from trailforward.errors import ConfigError, Problem
from trailforward.pipeline.backoff import Backoff
from trailforward.pipeline.routing import Route
from trailforward.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Head key → the variable that fills it.
_VARIABLES = {
    "dead_letter": "TRAILFORWARD_DEAD_LETTER",
    "retry_queue": "TRAILFORWARD_RETRY_QUEUE",
    "own_arns": "TRAILFORWARD_OWN_ARNS",
    "aws_client": "TRAILFORWARD_AWS_CLIENT",
}
_KNOWN = {"TRAILFORWARD_TO", "TRAILFORWARD_CONFIG", *_VARIABLES.values()}


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
        retry = self.pipeline.retry
        return Backoff(retry.max_attempts, retry.base_seconds, retry.cap_seconds)

    def compiled_routes(self) -> list[Route]:
        """The routes with their patterns compiled and the format of each sink."""
        return [
            Route(
                route.name,
                tuple(target.sink for target in route.sinks),
                route.compiled,
                {target.sink: target.format or self.sinks[target.sink].format for target in route.sinks},
                stop=route.stop,
                default=route.default,
            )
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
        named, written = tables(destinations, format, problems)
        return cls._checked({**pipeline, "sinks": named}, problems, written)

    @classmethod
    def from_toml(cls, text: str, **pipeline: Any) -> Config:
        """The configuration in a TOML text.

        Args:
            text: the content of a ``trailforward.toml``.
            **pipeline: fills head keys that the text leaves out.

        Raises:
            ConfigError: lists everything that is wrong.
        """
        return cls._from_toml(text, pipeline, [], {})

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Config:
        """The configuration that environment variables describe.

        ``TRAILFORWARD_TO`` (destinations, separated by spaces) or ``TRAILFORWARD_CONFIG`` (TOML text, a path,
        ``ssm:NAME`` or ``s3://BUCKET/KEY``); ``TRAILFORWARD_DEAD_LETTER``, ``TRAILFORWARD_RETRY_QUEUE``,
        ``TRAILFORWARD_OWN_ARNS`` and ``TRAILFORWARD_AWS_CLIENT`` fill head keys that the TOML leaves out.

        Raises:
            ConfigError: lists everything that is wrong.
            MissingExtraError: the TOML lies in AWS, and botocore is not installed.
        """
        problems = _misspelt(environ)
        pipeline: dict[str, Any] = {
            key: environ[variable].strip()
            for key, variable in _VARIABLES.items()
            if environ.get(variable, "").strip()
        }
        if "own_arns" in pipeline:
            pipeline["own_arns"] = pipeline["own_arns"].split()
        written = {key: _VARIABLES[key] for key in pipeline}
        destinations = environ.get("TRAILFORWARD_TO", "").split()
        where = environ.get("TRAILFORWARD_CONFIG", "").strip()
        if bool(destinations) != bool(where):
            if destinations:
                named, places = tables(destinations, "raw", problems, "TRAILFORWARD_TO, ")
                return cls._checked({**pipeline, "sinks": named}, problems, written | places)
            region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
            return cls._from_toml(fetch(where, region), pipeline, problems, written)
        if where:
            fix = "unset one of them; [sinks.NAME] tables with to = … replace TRAILFORWARD_TO"
            problems.append(Problem("TRAILFORWARD_TO", "set together with TRAILFORWARD_CONFIG", fix))
        else:
            fix = f"set it to {DESTINATIONS}; or set TRAILFORWARD_CONFIG"
            problems.append(Problem("TRAILFORWARD_TO", "not set, so there is no destination", fix))
        check_pipeline(pipeline, (), problems)
        raise ConfigError(renamed(problems, written))

    @classmethod
    def _from_toml(
        cls, text: str, pipeline: dict[str, Any], problems: list[Problem], written: dict[str, str]
    ) -> Config:
        import tomllib

        try:
            data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            fix = "correct the TOML at that place (a table or key may stand there twice)"
            problems.append(Problem("trailforward.toml", f"not TOML: {error}", fix))
            check_pipeline(pipeline, (), problems)
            raise ConfigError(renamed(problems, written)) from None
        twice = [key for key, value in pipeline.items() if key in data and data[key] != value]
        problems += [
            Problem(key, "set in trailforward.toml, too, with another value", "keep one of the two")
            for key in twice
        ]
        written = {key: place for key, place in written.items() if key in twice or key not in data}
        return cls._checked({**pipeline, **data}, problems, written)

    @classmethod
    def _checked(cls, data: dict[str, Any], problems: list[Problem], written: dict[str, str]) -> Config:
        parts = check(data, problems)
        if problems:
            raise ConfigError(renamed(problems, written))
        return cls(**parts)


def _misspelt(environ: Mapping[str, str]) -> list[Problem]:
    """Variables that mean nothing, but are spelt almost like one that does. Others are the caller's own."""
    problems = []
    prefix = "TRAILFORWARD_"
    known = [name.removeprefix(prefix) for name in _KNOWN]
    for name in sorted(environ):
        if name.startswith(prefix) and name not in _KNOWN:
            from difflib import get_close_matches

            alike = get_close_matches(name.removeprefix(prefix), known, 1, 0.75)
            if alike:
                fix = f"write {prefix}{alike[0]}, or remove it"
                problems.append(Problem(name, "an unknown variable", fix))
    return problems
