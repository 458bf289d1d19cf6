"""The README and the docs show only what runs: every command and snippet in them is run here."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from trailforward import Config
from trailforward.testing import samples

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


class Block(NamedTuple):
    """A code block of a page."""

    page: str
    language: str
    text: str


BLOCKS = [
    Block(str(page.relative_to(ROOT)), language, text)
    for page in PAGES
    for language, text in FENCE.findall(page.read_text())
]


def blocks(language: str) -> list[object]:
    """The blocks of a language, named by page."""
    found = [block for block in BLOCKS if block.language == language]
    return [pytest.param(block, id=f"{block.page}-{index}") for index, block in enumerate(found)]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A user's folder with some events, and a PATH on which the command is found."""
    (tmp_path / "events.ndjson").write_bytes(b"".join(samples.load(name) + b"\n" for name in samples.names()))
    (tmp_path / "event.json").write_bytes(samples.load("root-console-login"))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "TRAILFORWARD_TO": "stdout:", "NO_COLOR": "1"}


@pytest.mark.parametrize("block", blocks("sh"))
def test_shell_commands_run(block: Block, tmp_path: Path, environ: dict[str, str]) -> None:
    """Every command shown to users ends with 0; those for contributors name targets that exist."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    for line in block.text.splitlines():
        words = shlex.split(line)
        if words[0] == "make":
            run = ["make", "-C", str(ROOT), *([] if words[1] == "demo" else ["-n"]), *words[1:]]
        else:
            run = ["sh", "-c", line]
        done = subprocess.run(run, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("block", blocks("python"))
def test_python_snippets_run(block: Block, tmp_path: Path, environ: dict[str, str]) -> None:
    """Every snippet runs; one that defines a handler forwards an event of a queue."""
    call = (
        "\nif 'handler' in globals():\n"
        "    import json, pathlib\n"
        "    body = pathlib.Path('event.json').read_text()\n"
        "    record = {'eventSource': 'aws:sqs', 'messageId': 'm', 'body': body}\n"
        "    assert handler({'Records': [record]}, None) == {'batchItemFailures': []}\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", block.text + call],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    if "is_root" in block.text:
        assert "root ConsoleLogin" in done.stdout


@pytest.mark.parametrize("block", blocks("toml"))
def test_configurations_are_valid(block: Block) -> None:
    """Every configuration shown can be used as it stands."""
    assert Config.from_toml(block.text).sinks


def test_environment_variables_shown_are_valid() -> None:
    """Every TRAILFORWARD_TO shown names destinations there are."""
    values = [
        value
        for block in BLOCKS
        for value in re.findall(r'^TRAILFORWARD_TO="(.*)"$', block.text, re.MULTILINE)
    ]
    assert values
    for value in values:
        assert Config.from_env({"TRAILFORWARD_TO": value}).sinks


def test_json_shown_is_json() -> None:
    """Every JSON block parses."""
    for block in BLOCKS:
        if block.language == "json":
            json.loads(block.text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    """A link to a file of the repository names one that exists."""
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_setting_is_documented() -> None:
    """docs/configuration.md names every key that a configuration may have."""
    from trailforward import sinks
    from trailforward.config import PipelineSettings, RetrySettings, RouteSettings
    from trailforward.settings import fields
    from trailforward.sinks.settings import LimitSettings

    page = (ROOT / "docs" / "configuration.md").read_text()
    documented = set(re.findall(r"`([a-z_.]+)`", page))
    models = [PipelineSettings, RetrySettings, RouteSettings]
    models += [sinks.load(name).Settings for name in sinks.BUILT_IN]
    keys = {name for model in models for name in fields(model)} - {"retry", "limits"}
    keys |= {f"limits.{name}" for name in fields(LimitSettings)}
    assert keys <= documented
