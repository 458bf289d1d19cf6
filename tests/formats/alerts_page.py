"""Writes the examples in docs/alerts.md: ``python -m tests.formats.alerts_page``.

Each example is between ``<!-- example: FORMAT -->`` and the end of its code block.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.support.alerts import CHANGED, OPENED, alert
from trailforward.formats import load
from trailforward.formats._digest import digest, line

PAGE = Path(__file__).parents[2] / "docs" / "alerts.md"
_EXAMPLE = re.compile(r"(<!-- example: ([a-z0-9.-]+)(, several)? -->\n\n)```[a-z]*\n.*?```\n", re.DOTALL)


def written(page: str) -> str:
    """The page with current examples."""
    return _EXAMPLE.sub(lambda match: match[1] + (_digest if match[3] else _example)(match[2]), page)


def examples(page: str) -> list[str]:
    """The formats that have an example."""
    return [match[2] for match in _EXAMPLE.finditer(page)]


def _example(name: str) -> str:
    form = load(name)
    text = form.data(alert()).decode().rstrip("\n")
    if not form.json:
        return f"```text\n{text}\n```\n"
    return f"```json\n{json.dumps(json.loads(text), ensure_ascii=False, indent=2)}\n```\n"


def _digest(name: str) -> str:
    """An example with more alerts than lines."""
    held = OPENED._replace(repeats="12 more were held back since 2026-09-14T08:12:44Z.", held=12)
    lines = [line(alert(matched=[CHANGED]))] * 20 + [line(alert(matched=[held]))]
    text = load(name).digest(digest(lines, "key", 3, 800)).decode().rstrip("\n")  # type: ignore[attr-defined]
    return f"```text\n{text}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
