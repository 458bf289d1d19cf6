"""Builds the documentation site in ``build/docs/html``: ``make docs``.

The pages of the repository stay where they are, so that they also work on GitHub. This script copies them in
the same layout, adds generated pages (commands, settings, API), and runs Sphinx with warnings as errors.
Afterward it checks every link and anchor of the HTML.

Exit status: 0 built, 1 a warning, a page outside the contents, or a broken link.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "build" / "docs"
SOURCE, HTML = OUT / "source", OUT / "html"

#: The contents in the order of the site: caption → pages without their suffix.
CONTENTS: dict[str, tuple[str, ...]] = {
    "": ("README", "docs/index"),
    "How-to guides": (
        "docs/alerts",
        "docs/siem",
        "sam/README",
        "docs/topologies",
        "docs/operations",
        "docs/doctor",
        "docs/canary",
        "docs/backfill",
        "docs/audit",
        "docs/receipts",
        "docs/testing",
        "docs/sigma",
        "docs/acting",
        "docs/tail",
        "terraform/README",
        "examples/cdk/README",
        "layer/README",
        "examples/*/README",
        "docs/real-account",
    ),
    "Reference": (
        "reference/commands",
        "docs/configuration",
        "reference/settings",
        "docs/detections",
        "docs/sources",
        "docs/ocsf",
        "docs/glossary",
        "reference/api/index",
        "CHANGELOG",
    ),
    "Explanation": (
        "docs/delivery",
        "docs/local-aws",
        "SECURITY",
        "ARCHITECTURE",
        "docs/decisions/README",
        "docs/decisions/*",
        "benchmarks/README",
        "CONTRIBUTING",
        "RELEASING",
    ),
}
#: Public modules, in the order of the API reference.
MODULES = (
    "trailforward",
    "trailforward.config",
    "trailforward.models",
    "trailforward.patterns",
    "trailforward.testing",
    "trailforward.doctor",
    "trailforward.detections",
    "trailforward.sinks.base",
    "trailforward.formats.base",
    "trailforward.errors",
)
_PAGES = ("*.md", "docs/**/*.md", "*/README.md", "examples/*/README.md")
_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s]+)\)")


def assemble() -> None:
    """Writes the pages into a new folder."""
    shutil.rmtree(OUT, ignore_errors=True)
    SOURCE.mkdir(parents=True)
    shutil.copy(Path(__file__).with_name("conf.py"), SOURCE)
    shutil.copytree(ROOT / "docs" / "pictures", SOURCE / "docs" / "pictures")
    pages = {path.relative_to(ROOT).as_posix() for pattern in _PAGES for path in ROOT.glob(pattern)}
    pages = {page for page in pages if not page.startswith((".", "build/", "tests/"))}
    for page in sorted(pages):
        target = SOURCE / page
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_only_pages(ROOT / page, pages), "utf-8")
    _write("reference/commands.md", commands())
    _write("reference/settings.md", settings())
    for name, text in api().items():
        _write(f"reference/api/{name}.rst", text)
    _write("contents.md", contents())


def _write(name: str, text: str) -> None:
    path = SOURCE / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def _only_pages(path: Path, pages: set[str]) -> str:
    """The text of a page whose links to other files of the repository became their names."""

    def change(found: re.Match[str]) -> str:
        target = found[2].partition("#")[0]
        if not target or re.match(r"[a-z]+:", target):
            return found[0]
        place = (path.parent / target).resolve()
        inside = place.relative_to(ROOT).as_posix() if place.is_relative_to(ROOT) else ""
        if inside in pages or (place.suffix == ".svg" and place.exists()):
            return found[0]
        return found[1] if found[1].startswith("`") else f"{found[1]} (`{inside or target}`)"

    parts = re.split(
        r"(^```.*?^```|`[^`\n]*`(?!\]))", path.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    return "".join(
        part if part.startswith("`") and "](" not in part else _LINK.sub(change, part) for part in parts
    )


def contents() -> str:
    """The root page: a tree of contents for each part."""
    seen: set[str] = set()
    trees = []
    for caption, entries in CONTENTS.items():
        names = [name for name in dict.fromkeys(_expand(entries)) if name not in seen]
        seen.update(names)
        lines = [f":caption: {caption}"] if caption else []
        trees.append("\n".join(["```{toctree}", ":hidden:", ":maxdepth: 1", *lines, "", *names, "```"]))
    refresh = '<meta http-equiv="refresh" content="0; url=README.html">'
    return "\n\n".join(["# Contents", f"```{{raw}} html\n{refresh}\n```", "[Start](README.md)", *trees, ""])


def _expand(entries: Iterable[str]) -> Iterator[str]:
    for entry in entries:
        both = [SOURCE / f"{entry}.md", SOURCE / f"{entry}.rst"]
        paths = sorted(SOURCE.glob(f"{entry}.*")) if "*" in entry else both
        yield from (path.relative_to(SOURCE).with_suffix("").as_posix() for path in paths if path.exists())


def commands() -> str:
    """The command reference: the help of every command, as it is printed in 80 columns."""
    from typer.testing import CliRunner

    from trailforward.cli import COMMANDS, app

    runner = CliRunner(env={"COLUMNS": "80", "NO_COLOR": "1"})
    names = [command.name for command in COMMANDS]
    names += [f"sigma {name}" for name in ("convert", "check")]
    text = ["# Commands\n", "Every command prints this with `--help`.\n", _help(runner, app, "")]
    for name in names:
        text += [f"## {name}\n", _help(runner, app, name)]
    return "\n".join(text)


def _help(runner: Any, app: Any, name: str) -> str:
    done = runner.invoke(app, [*name.split(), "--help"], prog_name="trailforward")
    if done.exit_code:
        raise SystemExit(f"trailforward {name} --help: {done.output}")
    return f"```text\n{done.stdout.strip()}\n```\n"


def settings() -> str:
    """The reference of settings: every key of the JSON Schema of ``trailforward.toml``."""
    from trailforward.config import json_schema

    schema = json_schema()
    text = [
        "# Settings\n",
        "Every key of `trailforward.toml`, from the JSON Schema that `trailforward schema` prints.\n",
        "[Configuration](../docs/configuration.md) explains them with examples.\n",
        "## Top level\n",
        _table(schema),
    ]
    for name, part in sorted(schema["$defs"].items()):
        if part.get("properties"):
            text += [f"## {name}\n", f"{_cell(part.get('description', ''))}\n", _table(part)]
    return "\n".join(text)


def _table(part: dict[str, Any]) -> str:
    rows = ["| key | type | default | |", "|---|---|---|---|"]
    for name, value in part.get("properties", {}).items():
        default = f"`{json.dumps(value['default'])}`" if "default" in value else ""
        rows.append(f"| `{name}` | {_type(value)} | {default} | {_cell(value.get('description', ''))} |")
    return "\n".join(rows) + "\n"


def _type(value: dict[str, Any]) -> str:
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    for key in ("anyOf", "oneOf"):
        if key in value:
            return " or ".join(
                dict.fromkeys(_type(each) for each in value[key] if each.get("type") != "null")
            )
    if "enum" in value:
        return ", ".join(f"`{json.dumps(each)}`" for each in value["enum"])
    kind = value.get("type", "any")
    return f"array of {_type(value['items'])}" if kind == "array" and value.get("items") else str(kind)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace("``", "`")


def api() -> dict[str, str]:
    """The API reference: one page per public module, made from the docstrings."""
    pages = {
        "index": "API\n===\n\n.. toctree::\n   :maxdepth: 1\n\n" + "".join(f"   {name}\n" for name in MODULES)
    }
    for name in MODULES:
        module = __import__(name, fromlist=["x"])
        public = sorted(getattr(module, "__all__", ()) or _defined(module))
        text = [name, "=" * len(name), "", f".. automodule:: {name}", "   :no-members:", ""]
        for each in public:
            value = getattr(module, each)
            kind = "autoclass" if isinstance(value, type) else "autofunction"
            if each.startswith("__") or not callable(value):
                continue
            again = ["   :no-index:"] if name != "trailforward" and _is_top(each) else []
            text += [f".. {kind}:: {name}.{each}", *again, ""]
        pages[name] = "\n".join(text)
    return pages


def _is_top(name: str) -> bool:
    import trailforward

    return name in trailforward.__all__


def _defined(module: Any) -> list[str]:
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__
    ]


class _Page(HTMLParser):
    """The anchors of a page, and its links."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: set[str] = set()
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collects ``id``, ``href``, and ``src``."""
        for name, value in attrs:
            if name == "id" and value:
                self.anchors.add(value)
            if name in {"href", "src"} and value:
                self.links.add(value)
        del tag


def broken_links(folder: Path) -> list[str]:
    """Links of HTML files to files or anchors that do not exist, each with its page."""
    pages = {path.resolve(): _Page(path) for path in folder.rglob("*.html")}
    broken = []
    for path, page in pages.items():
        for link in sorted(page.links):
            if re.match(r"(https?:|mailto:|data:|javascript:)", link):
                continue
            name, _, anchor = unquote(link).partition("#")
            target = (path.parent / name.partition("?")[0]).resolve() if name else path
            known = pages.get(target)
            if not target.exists() or (anchor and known is not None and anchor not in known.anchors):
                broken.append(f"{path.relative_to(folder.resolve())}: {link}")
    return broken


def main() -> int:
    """Builds the site; returns the exit status."""
    assemble()
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-q", "-W", "--keep-going", "-j", "auto"]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore", "TRAILFORWARD_DOCS_MODULES": " ".join(MODULES)}
    done = subprocess.run([*command, SOURCE, HTML], check=False, env=environment)
    if done.returncode:
        return 1
    shutil.copy(HTML / "contents.html", HTML / "index.html")
    broken = broken_links(HTML)
    print(
        "\n".join(broken) or f"{len(list(HTML.rglob('*.html')))} pages, every link and anchor exists: {HTML}"
    )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
