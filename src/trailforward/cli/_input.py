"""Opens files of events, and loads the configuration that ``validate`` and ``test`` check."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import typer

from trailforward.errors import ConfigError, MissingExtraError

if TYPE_CHECKING:
    from trailforward.config import Config

#: The file that is used if neither an argument nor the environment names a configuration.
_DEFAULT = "trailforward.toml"


class Loaded(NamedTuple):
    """A valid configuration.

    Attributes:
        config: the configuration.
        name: how messages name the configuration.
        folder: the folder of its file; the current folder if it is not a file.
    """

    config: Config
    name: str
    folder: Path


def open_input(name: str) -> BinaryIO:
    """Opens a file, or standard input for ``-``.

    Raises:
        OSError: the file cannot be opened.
    """
    if name == "-":
        return os.fdopen(os.dup(sys.stdin.fileno()), "rb")
    return Path(name).open("rb")


def load_config(where: str | None) -> Loaded:
    """Loads the configuration of an argument, else of the environment, else ``./trailforward.toml``.

    Raises:
        typer.Exit: with status 2, after printing every problem.
    """
    from trailforward.config import Config

    environ = dict(os.environ)
    if where is None and not {"TRAILFORWARD_TO", "TRAILFORWARD_CONFIG"} & environ.keys():
        where = _DEFAULT
        if not Path(where).is_file():
            typer.echo(
                f"{_DEFAULT} does not exist in this folder. Name a configuration or set TRAILFORWARD_CONFIG.",
                err=True,
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
    if os.path.isfile(path):  # noqa: PTH113  # or TOML
        return Loaded(config, path, Path(path).parent)
    return Loaded(config, where or "the environment", Path())
