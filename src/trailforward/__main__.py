"""Entry point of ``python -m trailforward`` and of the ``trailforward`` command."""

from __future__ import annotations

import sys

#: The exit status after an internal error.
CRASHED = 3


def main() -> None:
    """Runs the command line; without the extra ``cli``, prints the command that installs it.

    An internal error ends with status 3, because 1 means that a command worked and its result is negative.
    """
    try:
        import rich  # noqa: F401
        import typer  # noqa: F401
    except ModuleNotFoundError:
        print("The command line needs an optional part: pip install 'trailforward[cli]'", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    from trailforward.cli import app

    try:
        app()
    except Exception as error:  # noqa: BLE001
        import traceback

        traceback.print_exc()
        text = f"Internal error: {type(error).__name__}. This is a bug in trailforward: please report it."
        print(text, file=sys.stderr)  # noqa: T201
        sys.exit(CRASHED)


if __name__ == "__main__":
    main()
