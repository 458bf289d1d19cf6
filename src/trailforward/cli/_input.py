"""What commands read: events, and configurations."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import typer

from trailforward.errors import ConfigError, MissingExtraError

if TYPE_CHECKING:
    from trailforward.config import Config

#: Where a configuration is looked for if neither an argument nor the environment names one.
_USUAL = "trailforward.toml"


class Loaded(NamedTuple):
    """A valid configuration.

    Attributes:
        config: the configuration.
        name: what to call it.
        folder: of the file it came from; the current one if it was no file.
    """

    config: Config
    name: str
    folder: Path


def open_input(name: str) -> BinaryIO:
    """A file, or standard input for ``-``.

    Raises:
        OSError: it cannot be opened.
    """
    if name == "-":
        return os.fdopen(os.dup(sys.stdin.fileno()), "rb")
    return Path(name).open("rb")


def load_config(where: str | None) -> Loaded:
    """The configuration that an argument names, else the environment, else ``trailforward.toml`` beside us.

    Raises:
        typer.Exit: with 2, after saying everything that is wrong.
    """
    from trailforward.config import Config

    environ = dict(os.environ)
    if where is None and not {"TRAILFORWARD_TO", "TRAILFORWARD_CONFIG"} & environ.keys():
        where = _USUAL
        if not Path(where).is_file():
            typer.echo(
                f"There is no {_USUAL} here: name a configuration, or set TRAILFORWARD_CONFIG.", err=True
            )
            raise typer.Exit(2)
    if where is not None:
        environ |= {"TRAILFORWARD_TO": "", "TRAILFORWARD_CONFIG": where}
    try:
        config = Config.from_env(environ)
    except (ConfigError, MissingExtraError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    path = environ.get("TRAILFORWARD_CONFIG", "")
    if os.path.isfile(path):  # noqa: PTH113  # may be TOML itself, which no Path could be asked about
        return Loaded(config, path, Path(path).parent)
    return Loaded(config, where or "the environment", Path())
