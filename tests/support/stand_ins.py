"""Commands for shell scripts that run in the process of the test, so that a call takes milliseconds."""

from __future__ import annotations

import json
import socket
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType


class Done(NamedTuple):
    """What a command leaves: its exit status and its output."""

    code: int
    out: str = ""
    err: str = ""


class CommandError(Exception):
    """A command cannot be run as it is written."""


_CLIENT = """
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as connection:
    connection.connect(sys.argv[1])
    connection.sendall(json.dumps([os.getcwd(), *sys.argv[2:]]).encode())
    connection.shutdown(socket.SHUT_WR)
    code, out, err = json.load(connection.makefile())
sys.stdout.write(out)
sys.stderr.write(err)
sys.exit(code)
"""


class StandIns:
    """Executables in a folder, which call functions of this process, inside a ``with`` block.

    Args:
        folder: an empty folder, to be put on PATH.
        commands: name → function, which gets the arguments and the current folder, and may raise
            :class:`CommandError`.
    """

    def __init__(self, folder: Path, commands: Mapping[str, Callable[[list[str], Path], Done]]) -> None:
        self._commands = commands
        address = folder / "socket"
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(address))
        self._server.listen()
        client = folder / "client.py"
        client.write_text(_CLIENT)
        for name in commands:
            path = folder / name
            path.write_text(f'#!/bin/sh\nexec "{sys.executable}" -SE "{client}" "{address}" {name} "$@"\n')
            path.chmod(0o755)
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # accept() does not notice that another thread closes the socket.
        self._server.shutdown(socket.SHUT_RDWR)
        self._thread.join(30)
        self._server.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            with connection, connection.makefile("rw") as file:
                folder, name, *arguments = json.load(file)
                json.dump(self._run(name, arguments, Path(folder)), file)

    def _run(self, name: str, arguments: list[str], folder: Path) -> Done:
        try:
            return self._commands[name](arguments, folder)
        except CommandError as error:
            return Done(252, err=f"{name} {' '.join(arguments)}: {error}\n")
        except Exception as error:  # noqa: BLE001  # the script must learn of it, or it would wait
            return Done(255, err=f"{name} {' '.join(arguments)}: {error!r}\n")
