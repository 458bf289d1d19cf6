"""Writes test results as JUnit XML, which CI systems display."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from trailforward.cli._difference import Line
    from trailforward.testing.route_tests import RouteResult

#: Characters that XML 1.0 does not allow.
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def write(path: Path, results: Sequence[tuple[RouteResult, Sequence[Line]]]) -> None:
    """Writes the results: one suite per route, one case per test.

    Args:
        path: the file; it is overwritten.
        results: each result with the lines that explain a failure.

    Raises:
        OSError: the file cannot be written.
    """
    failures = sum(not result.passed for result, _ in results)
    root = Element("testsuites", name="trailforward", tests=str(len(results)), failures=str(failures))
    suites: dict[str, list[tuple[RouteResult, Sequence[Line]]]] = {}
    for result, lines in results:
        suites.setdefault(result.case.route.configured, []).append((result, lines))
    for name, members in suites.items():
        failures = sum(not result.passed for result, _ in members)
        suite = SubElement(
            root, "testsuite", name=_legal(name), tests=str(len(members)), failures=str(failures)
        )
        for result, lines in members:
            case = SubElement(suite, "testcase", classname=_legal(name), name=_legal(result.case.label))
            if not result.passed:
                failure = SubElement(case, "failure", message=_legal(result.reason))
                failure.text = _legal("\n".join(map(str, lines)))
    indent(root)
    ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _legal(text: str) -> str:
    return _ILLEGAL.sub("\ufffd", text)
