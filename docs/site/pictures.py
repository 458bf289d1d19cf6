"""Draws the pictures of the documentation: each ``docs/pictures/NAME.toml`` becomes ``NAME.svg``.

    python -m docs.site.pictures

A picture has columns of boxes from left to right, and arrows between boxes. Its colors follow the reader's
dark mode. The files are in the repository, because GitHub shows them, too; a test compares them.
"""

from __future__ import annotations

import tomllib
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).resolve().parents[1] / "pictures"
_LINE = 18
_CHARACTER = 7.3
_PAD = 12
_GAP_X = 64
_GAP_Y = 22
_TITLE = 40

_STYLE = """
svg { font: 13px system-ui, sans-serif; }
.box { fill: #f2f5f9; stroke: #5b6b7f; }
.box.good { fill: #e3f4e8; stroke: #2f7d4a; }
.box.bad { fill: #fdeaea; stroke: #b3403a; }
.group { fill: none; stroke: #9aa7b5; stroke-dasharray: 4 4; }
.arrow { fill: none; stroke: #5b6b7f; stroke-width: 1.5; }
.arrow.bad { stroke: #b3403a; stroke-dasharray: 3 4; }
text { fill: #1c2733; }
.label, .heading { fill: #4a5868; }
.heading { font-weight: 600; }
marker path { fill: #5b6b7f; }
@media (prefers-color-scheme: dark) {
.box { fill: #1f2933; stroke: #8fa1b5; }
.box.good { fill: #16331f; stroke: #64b880; }
.box.bad { fill: #3a1a1a; stroke: #e08a85; }
.arrow { stroke: #8fa1b5; }
.arrow.bad { stroke: #e08a85; }
text { fill: #e6ebf1; }
.label, .heading { fill: #b5c0cc; }
marker path { fill: #8fa1b5; }
}
""".strip()
#: The head of an arrow.
_HEAD = (
    '<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0 0 L8 4 L0 8 z"/></marker>'
)


class _Box(NamedTuple):
    x: float
    y: float
    width: float
    height: float

    def left(self) -> tuple[float, float]:
        return self.x, self.y + self.height / 2

    def right(self) -> tuple[float, float]:
        return self.x + self.width, self.y + self.height / 2


def draw(text: str) -> str:
    """The SVG of a picture.

    Args:
        text: TOML with ``title`` (for screen readers), ``columns`` (each with an optional ``heading`` and
            ``boxes``: ``id``, ``text``, optional ``kind`` good or bad), and ``arrows`` (``from``, ``to``,
            optional ``text`` and ``kind``).

    Raises:
        KeyError: a key is missing, or an arrow names an unknown box.
    """
    picture = tomllib.loads(text)
    columns: list[dict[str, Any]] = picture["columns"]
    inside = max(_height(column) for column in columns)
    boxes: dict[str, _Box] = {}
    parts: list[str] = []
    x = float(_PAD)
    for number, column in enumerate(columns):
        width = max(
            *(_width(box["text"]) for box in column["boxes"]),
            len(column.get("heading", "")) * (_CHARACTER + 0.9),
        )
        y = _TITLE + (inside - _height(column)) / 2
        if column.get("heading"):
            parts.append(_text(x + width / 2, 22, column["heading"], "heading"))
        for box in column["boxes"]:
            height = _PAD * 2 + _LINE * len(box["text"].split("\n"))
            boxes[box["id"]] = _Box(x, y, width, height)
            kind = f"box {box.get('kind', '')}".strip()
            parts.append(
                f'<rect class="{kind}" x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{height}" rx="6"/>'
            )
            for line, words in enumerate(box["text"].split("\n")):
                parts.append(_text(x + width / 2, y + _PAD + _LINE * (line + 0.75), words))
            y += height + _GAP_Y
        longest = max((len(arrow.get("text", "")) for arrow in _leaving(picture, column)), default=0)
        x += width + (max(_GAP_X, longest * _CHARACTER + 28) if number + 1 < len(columns) else _PAD)
    parts += [part for arrow in picture["arrows"] for part in _arrow(arrow, boxes)]
    size = f'viewBox="0 0 {x:.0f} {_TITLE + inside + _PAD:.0f}" width="{x:.0f}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
            f"<title>{escape(picture['title'])}</title>",
            f"<style>{_STYLE}</style>",
            _HEAD,
            *parts,
            "</svg>\n",
        ]
    )


def _height(column: dict[str, Any]) -> float:
    heights = [_PAD * 2 + _LINE * len(box["text"].split("\n")) for box in column["boxes"]]
    return sum(heights) + _GAP_Y * (len(heights) - 1)


def _width(text: str) -> float:
    return max(len(line) for line in text.split("\n")) * _CHARACTER + _PAD * 2


def _leaving(picture: dict[str, Any], column: dict[str, Any]) -> list[dict[str, Any]]:
    ids = {box["id"] for box in column["boxes"]}
    return [arrow for arrow in picture["arrows"] if arrow["from"] in ids]


def _arrow(arrow: dict[str, Any], boxes: dict[str, _Box]) -> list[str]:
    (x1, y1), (x2, y2) = boxes[arrow["from"]].right(), boxes[arrow["to"]].left()
    middle = (x1 + x2) / 2
    kind = f"arrow {arrow.get('kind', '')}".strip()
    path = f"M{x1:.0f} {y1:.0f} C{middle:.0f} {y1:.0f} {middle:.0f} {y2:.0f} {x2:.0f} {y2:.0f}"
    parts = [f'<path class="{kind}" d="{path}" marker-end="url(#head)"/>']
    if arrow.get("text"):
        parts.append(_text(middle, (y1 + y2) / 2 - 6, arrow["text"], "label"))
    return parts


def _text(x: float, y: float, words: str, kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{x:.0f}" y="{y:.0f}" text-anchor="middle">{escape(words)}</text>'


def main() -> None:
    """Writes every picture."""
    for path in sorted(FOLDER.glob("*.toml")):
        path.with_suffix(".svg").write_text(draw(path.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
