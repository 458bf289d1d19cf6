"""Entry point of ``python -m trailforward`` and of the ``trailforward`` command."""

from __future__ import annotations

import sys


def main() -> None:
    """Runs the command line; without the extra ``cli``, prints the command that installs it."""
    try:
        import rich  # noqa: F401
        import typer  # noqa: F401
    except ModuleNotFoundError:
        sys.exit("The command line needs an optional part: pip install 'trailforward[cli]'")
    from trailforward.cli import app

    app()


if __name__ == "__main__":
    main()
