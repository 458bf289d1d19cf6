"""``python -m trailforward`` and the ``trailforward`` command."""

from __future__ import annotations

import sys


def main() -> None:
    """Runs the command line; a missing extra gives one sentence with the command to type."""
    try:
        import rich  # noqa: F401
        import typer  # noqa: F401
    except ModuleNotFoundError:
        sys.exit("The command line needs an optional part: pip install 'trailforward[cli]'")
    from trailforward.cli import app

    app()


if __name__ == "__main__":
    main()
