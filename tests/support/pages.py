"""The Markdown pages of the project: code blocks, the commands in them, headings, and links."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "*/README.md", "examples/*/README.md")
    for path in ROOT.glob(pattern)
    if not path.parent.name.startswith(".")
)

_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
_SAVE = re.compile(r"Save this as `([\w.-]+)`:\s*$")
#: A line of a ``text`` block is a command, and not output, if it begins with one of these and an argument.
_PROGRAMS = {"aws", "cd", "docker", "echo", "export", "make", "pip", "python", "sam", "trailforward"}


class Block(NamedTuple):
    """A code block of a page.

    Attributes:
        page: path of the page, relative to the root.
        section: the last heading of level 2 before the block, or empty.
        language: as written after the fence.
        text: the content.
        save_as: the file name, if the sentence before the block says "Save this as `NAME`:".
    """

    page: str
    section: str
    language: str
    text: str
    save_as: str

    @property
    def commands(self) -> list[str]:
        """The shell commands in the block, each with its continuation lines."""
        if self.language not in {"sh", "console", "text", ""}:
            return []
        lines = [line for line in re.split(r"(?<!\\)\n", self.text) if line.strip()]
        if self.language in {"sh", "console"}:
            return lines
        shown = [line for line in lines if re.match(r"([\w-]+) \S", line) and line.split()[0] in _PROGRAMS]
        # A second column describes the command.
        return [re.split(r"(?<=\S)  +", line)[0] for line in shown]


def _blocks(path: Path) -> list[Block]:
    page, text = path.relative_to(ROOT).as_posix(), path.read_text()
    found = []
    for match in _FENCE.finditer(text):
        before = text[: match.start()]
        sections = re.findall(r"^## (.*)$", before, re.MULTILINE)
        save = _SAVE.search(before)
        found.append(
            Block(
                page,
                sections[-1] if sections else "",
                match[2],
                dedent(match[3]),
                save[1] if save else "",
            )
        )
    return found


#: Every code block of every page, in order.
BLOCKS = [block for page in PAGES for block in _blocks(page)]


def prose(path: Path) -> str:
    """The text of a page without its code blocks."""
    return _FENCE.sub("", path.read_text())


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub builds them."""
    seen: dict[str, int] = {}
    found = set()
    for heading in re.findall(r"^#+ +(.*?) *#*$", prose(path), re.MULTILINE):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        anchor = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
        number = seen[anchor] = seen.get(anchor, -1) + 1
        found.add(f"{anchor}-{number}" if number else anchor)
    return found


def links(path: Path) -> list[tuple[str, str]]:
    """The links of a page to files of the repository: path (empty for the page itself) and anchor."""
    text = re.sub(r"`[^`\n]*`", "", prose(path))
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    inside = [target for target in targets if not re.match(r"[a-z]+:", target)]
    return [(target.partition("#")[0], target.partition("#")[2]) for target in inside]
