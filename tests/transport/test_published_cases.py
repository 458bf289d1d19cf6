"""The parser agrees with published test cases of HTTP/1.1 parsers, which are not part of this repository.

Set ``TRAILFORWARD_HTTP_CASES`` to a folder that contains one or both of these, at any depth:

- llhttp's ``test/response/*.md`` (https://github.com/nodejs/llhttp)
- the source distribution of h11 (``pip download --no-deps --no-binary :all: h11``), unpacked
"""

from __future__ import annotations

import ast
import os
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from trailforward.transport import http1

FOLDER = os.environ.get("TRAILFORWARD_HTTP_CASES")
pytestmark = pytest.mark.skipif(not FOLDER, reason="TRAILFORWARD_HTTP_CASES is not set")

#: What another parser makes of a response: its status and body, or None if it refuses it.
Expected = tuple[int, bytes] | None


class Case(NamedTuple):
    """A published case."""

    name: str
    data: bytes
    expected: Expected


class _All:
    """A connection that sends bytes and ends."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def recv(self, most: int) -> bytes:
        """The next bytes."""
        data, self._data = self._data[:most], self._data[most:]
        return data


def found(data: bytes) -> Expected:
    """What trailforward makes of a response."""
    try:
        response, _ = http1.read(_All(data))
    except (http1.InvalidResponseError, http1.NoResponseError):
        return None
    return response.status, response.body


# llhttp


_CASE = re.compile(r"^##+ (?P<title>.*?)$(?P<rest>.*?)(?=^##+ |\Z)", re.MULTILINE | re.DOTALL)
_BLOCKS = re.compile(
    r'meta=\{"type": "response"[^}]*\} ?-->\n```http\n(.*?)```.*?```log\n(.*?)```', re.DOTALL
)
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|[rntf])")
#: llhttp's flag of a chunked body.
_CHUNKED = 8
_CONTROL = {"r": "\r", "n": "\n", "t": "\t", "f": "\f"}


def _llhttp_cases(folder: Path) -> list[Case]:
    """The strict cases of responses; llhttp's lenient modes and pauses are not of interest here."""
    cases = []
    for file in sorted(folder.rglob("response/*.md")):
        for case in _CASE.finditer(file.read_text()):
            blocks = _BLOCKS.search(case["rest"])
            if blocks is not None and "pause" not in case["rest"] and "skipBody" not in case["rest"]:
                name = f"llhttp {file.stem}: {case['title']}"
                cases.append(Case(name, _input(blocks[1]), _llhttp_result(blocks[2])))
    return cases


def _input(text: str) -> bytes:
    """The bytes of an ``http`` block, whose line ends and escapes are llhttp's."""
    text = text.removesuffix("\n").replace("\\\n", "").replace("\n", "\r\n")
    plain = _ESCAPE.sub(lambda escape: _CONTROL.get(escape[1]) or chr(int(escape[1][1:], 16)), text)
    return plain.encode("utf-8")


def _llhttp_result(log: str) -> Expected:
    """Status and body of the first final response in a log."""
    status, body = 0, b""
    needed = 0
    for line in log.splitlines():
        if " error code=" in line and "Pause" not in line:
            return None
        if start := re.search(r"headers complete status=(\d+).*flags=([0-9a-f]+) content_length=(\d+)", line):
            status, body = int(start[1]), b""
            needed = int(start[3]) or int(start[2], 16) & _CHUNKED
        elif part := re.search(r"span\[body\]=(.*)", line):
            quoted = part[1]
            body += {"cr": b"\r", "lf": b"\n"}.get(quoted) or quoted.strip('"').encode()
        elif "message complete" in line and status >= 200:
            return status, body
    # Without the end of the message, it ends with the connection, or is incomplete.
    return (status, body) if status >= 200 and not needed else None


# h11


def _h11_cases(folder: Path) -> list[Case]:
    """Every response in h11's tests, with what h11 itself makes of it."""
    package = next((path.parent for path in folder.rglob("h11/__init__.py")), None)
    if package is None:
        return []
    sys.path.insert(0, str(package.parent))
    try:
        import h11  # type: ignore[import-not-found,unused-ignore]
    finally:
        sys.path.remove(str(package.parent))
    cases = {}
    for file in sorted((package / "tests").glob("test_*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, bytes):
                data = node.value
                if data.startswith(b"HTTP/") and data not in cases:
                    name = f"h11 {file.stem}: line {node.lineno}"
                    cases[data] = Case(name, data, _h11_result(h11, data))
    return list(cases.values())


def _h11_result(h11: Any, data: bytes) -> Expected:
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="POST", target="/", headers=[("Host", "a"), ("Content-Length", "0")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    status, body, ended = 0, b"", False
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return status, body
            elif event is h11.NEED_DATA and not ended:
                connection.receive_data(b"")
                ended = True
            elif event is h11.NEED_DATA or isinstance(event, h11.ConnectionClosed) or event is h11.PAUSED:
                return None
    except h11.RemoteProtocolError:
        return None


CASES = [*_llhttp_cases(Path(FOLDER)), *_h11_cases(Path(FOLDER))] if FOLDER else []

#: Name → why trailforward's result differs on purpose.
DIFFERENT: dict[str, str] = {
    f"llhttp {name}": reason
    for reason, names in {
        "RFC 9112, section 2.2, lets a client accept a line that ends with LF only; h11 does too": (
            "invalid: Only LFs present and no body",
            "invalid: Only LFs present",
            "sample: No carriage ret",
        ),
        "RFC 9112, section 7.1.1, has blanks after the size of a chunk; h11 accepts them": (
            "transfer-encoding: Trailing space on chunked body",
        ),
        "chunk extensions are ignored, whatever they are": (
            "transfer-encoding: No extension after semicolon",
        ),
        "the invalid name of a header without a meaning here does not cost the delivery": (
            "sample: Spaces in header name",
        ),
        "only HTTP/1.0 and HTTP/1.1 are HTTP here": (
            "sample: RTSP response",
            "sample: ICE response",
            "sample: HTTP version 0.9",
        ),
        "a body whose transfer coding cannot be decoded is refused": (
            "transfer-encoding: `chunked` before other transfer-encoding",
            "transfer-encoding: multiple transfer-encoding where chunked is not the last one",
            "transfer-encoding: `chunkedchunked` transfer-encoding does not enable chunked enconding",
        ),
    }.items()
    for name in names
}


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_parser_agrees(case: Case) -> None:
    """Published cases have the published result, except for the deliberate differences."""
    result = found(case.data)
    if case.name in DIFFERENT:
        assert result != case.expected, "this case agrees now"
    else:
        assert result == case.expected
