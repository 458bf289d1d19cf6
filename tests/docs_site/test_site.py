"""The documentation site: its pictures, its contents, and its check of links. ``make docs`` builds it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from docs.site import build, pictures
from tests.support.pages import PAGES, ROOT

if TYPE_CHECKING:
    from pathlib import Path

PICTURES = sorted(pictures.FOLDER.glob("*.toml"))


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.stem)
def test_pictures_are_those_of_their_texts(path: Path) -> None:
    """Each SVG is what its text says, and has a title for those who do not see it."""
    drawn = pictures.draw(path.read_text("utf-8"))
    assert path.with_suffix(".svg").read_text("utf-8") == drawn, "run python -m docs.site.pictures"
    assert ET.fromstring(drawn).findtext("{http://www.w3.org/2000/svg}title")  # noqa: S314  # own text


def test_an_arrow_to_an_unknown_box_is_an_error() -> None:
    """A wrong name in a picture stops the build instead of leaving out an arrow."""
    text = 'title = "t"\n[[columns]]\nboxes = [{id = "a", text = "A"}]\n[[arrows]]\nfrom = "a"\nto = "b"\n'
    with pytest.raises(KeyError, match="b"):
        pictures.draw(text)


def test_every_page_has_a_place_in_the_contents() -> None:
    """A new page must be listed in the contents of the site."""
    listed = {
        path.relative_to(ROOT).as_posix()
        for entries in build.CONTENTS.values()
        for entry in entries
        for path in ROOT.glob(f"{entry}.md")
    }
    assert {page.relative_to(ROOT).as_posix() for page in PAGES} <= listed


def test_broken_links_and_anchors_are_found(tmp_path: Path) -> None:
    """A link to a page or an anchor that does not exist is reported with its page."""
    (tmp_path / "a.html").write_text('<p id="here"><a href="b.html#there"><a href="#here"><a href="c.html">')
    (tmp_path / "b.html").write_text(
        '<p id="elsewhere"><a href="https://example.com/"><a href="a.html#here">'
    )
    assert build.broken_links(tmp_path) == ["a.html: b.html#there", "a.html: c.html"]


def test_the_references_contain_every_command_and_key() -> None:
    """The pages about commands and settings are made from the commands and the schema."""
    from trailforward.cli import COMMANDS
    from trailforward.config import json_schema

    commands, settings = build.commands(), build.settings()
    assert all(f"\n## {command.name}\n" in commands for command in COMMANDS)
    assert all(f"| `{key}` |" in settings for key in json_schema()["properties"])
