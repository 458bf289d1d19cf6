"""Config: the whole configuration, from destinations, TOML, or environment variables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trailforward.config.check import DESTINATIONS, check, check_pipeline
from trailforward.config.destinations import tables
from trailforward.config.fetch import fetch
from trailforward.config.problems import with_written_keys
from trailforward.config.route import PlainRoute  # noqa: TC001  # the annotations are evaluated
from trailforward.config.settings import PipelineSettings  # noqa: TC001  # the annotations are evaluated
from trailforward.errors import ConfigError, Problem
from trailforward.settings import Settings
from trailforward.sinks.settings import SinkSettings  # noqa: TC001  # the annotations are evaluated

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Unpack

    from trailforward.config.options import PipelineOptions

#: Top-level key → the environment variable that can set it.
_VARIABLES = {
    "dead_letter": "TRAILFORWARD_DEAD_LETTER",
    "retry_queue": "TRAILFORWARD_RETRY_QUEUE",
    "own_arns": "TRAILFORWARD_OWN_ARNS",
    "canary_roles": "TRAILFORWARD_CANARY_ROLES",
    "state": "TRAILFORWARD_STATE",
    "receipts": "TRAILFORWARD_RECEIPTS",
    "aws_client": "TRAILFORWARD_AWS_CLIENT",
}
_KNOWN = {"TRAILFORWARD_TO", "TRAILFORWARD_CONFIG", *_VARIABLES.values()}


class Config(Settings):
    """The whole configuration, validated: plain data, from which the pipeline builds its parts.

    Attributes:
        sinks: name → settings; each destination has its own class of settings.
        routes: at least one route.
        pipeline: the top-level keys.
    """

    sinks: dict[str, SinkSettings]
    routes: tuple[PlainRoute, ...]
    pipeline: PipelineSettings

    @classmethod
    def to(cls, *destinations: str, format: str = "raw", **pipeline: Unpack[PipelineOptions]) -> Config:  # noqa: A002
        """Makes a configuration that sends every event to every destination.

        Args:
            *destinations: ARNs or URLs.
            format: the format for every destination.
            **pipeline: top-level keys, see :class:`PipelineSettings`.

        Raises:
            ConfigError: the configuration is invalid; it lists every problem.
        """
        problems: list[Problem] = []
        named, written = tables(destinations, format, problems)
        return cls._checked({**pipeline, "sinks": named}, problems, written)

    @classmethod
    def from_toml(cls, text: str, **pipeline: Unpack[PipelineOptions]) -> Config:
        """Reads a configuration from TOML.

        Args:
            text: the content of a ``trailforward.toml``.
            **pipeline: top-level keys that the text does not set.

        Raises:
            ConfigError: the configuration is invalid; it lists every problem.
        """
        return cls._from_toml(text, {**pipeline}, [], {})

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Config:
        """Reads a configuration from environment variables.

        Either ``TRAILFORWARD_TO`` (destinations, separated by spaces) or ``TRAILFORWARD_CONFIG`` (TOML text,
        a path, ``ssm:NAME``, or ``s3://BUCKET/KEY``) must be set. ``TRAILFORWARD_DEAD_LETTER``,
        ``TRAILFORWARD_RETRY_QUEUE``, ``TRAILFORWARD_STATE``, ``TRAILFORWARD_RECEIPTS``,
        ``TRAILFORWARD_OWN_ARNS``, ``TRAILFORWARD_CANARY_ROLES``, and ``TRAILFORWARD_AWS_CLIENT`` set
        top-level keys that the TOML does not set.

        Raises:
            ConfigError: the configuration is invalid; it lists every problem.
            MissingExtraError: the TOML is stored in AWS, and botocore is not installed.
        """
        problems = _misspelled(environ)
        pipeline: dict[str, Any] = {
            key: environ[variable].strip()
            for key, variable in _VARIABLES.items()
            if environ.get(variable, "").strip()
        }
        for key in pipeline.keys() & {"own_arns", "canary_roles"}:
            pipeline[key] = pipeline[key].split()
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
            problems.append(Problem("TRAILFORWARD_TO", "not set, and there is no other destination", fix))
        check_pipeline(pipeline, (), problems)
        raise ConfigError(with_written_keys(problems, written))

    @classmethod
    def _from_toml(
        cls, text: str, pipeline: dict[str, Any], problems: list[Problem], written: dict[str, str]
    ) -> Config:
        import tomllib

        try:
            data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            fix = "correct the TOML at that position (a table or key may be defined twice)"
            problems.append(Problem("trailforward.toml", f"not valid TOML: {error}", fix))
            check_pipeline(pipeline, (), problems)
            raise ConfigError(with_written_keys(problems, written)) from None
        except RecursionError:
            raise _too_deep() from None
        except ValueError:  # Python's limit for converting text to integers
            fix = "write a smaller number"
            problems.append(Problem("trailforward.toml", "an integer of thousands of digits", fix))
            raise ConfigError(with_written_keys(problems, written)) from None
        twice = [key for key, value in pipeline.items() if key in data and data[key] != value]
        problems += [
            Problem(key, "also set in trailforward.toml, with a different value", "remove one of the two")
            for key in twice
        ]
        written = {key: place for key, place in written.items() if key in twice or key not in data}
        return cls._checked({**pipeline, **data}, problems, written)

    @classmethod
    def _checked(cls, data: dict[str, Any], problems: list[Problem], written: dict[str, str]) -> Config:
        try:
            parts = check(data, problems)
        except RecursionError:
            raise _too_deep() from None
        if problems:
            raise ConfigError(with_written_keys(problems, written))
        return cls(**parts)


def _too_deep() -> ConfigError:
    fix = "nest tables and lists less deeply"
    return ConfigError([Problem("trailforward.toml", "nested too deeply to be read", fix)])


def _misspelled(environ: Mapping[str, str]) -> list[Problem]:
    """Reports unknown variables whose names are close to a known one; ignores all others."""
    problems = []
    prefix = "TRAILFORWARD_"
    known = [name.removeprefix(prefix) for name in _KNOWN]
    for name in sorted(environ):
        if name.startswith(prefix) and name not in _KNOWN:
            from difflib import get_close_matches

            similar = get_close_matches(name.removeprefix(prefix), known, 1, 0.75)
            if similar:
                fix = f"write {prefix}{similar[0]}, or remove it"
                problems.append(Problem(name, "unknown variable", fix))
    return problems
