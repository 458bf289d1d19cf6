"""The docs show only what works: their commands and snippets run here as a reader would run them.

A reader has a checkout in which ``make setup`` has run, and does what the Install section of the README says.
Nothing else is provided: files come from the checkout, from earlier commands of the page, or from blocks that
the page says to save. ``docs/operations.md`` continues where ``sam/README.md`` ends.

``aws`` is a local AWS behind the options of botocore's models; ``sam`` checks parameters by the template, and
creates the queues of the stack there.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.sam.cfn import ACCOUNT, REGION
from tests.support.aws_cli import CHECKED_ONLY, AwsCli
from tests.support.pages import BLOCKS, PAGES, ROOT, Block, anchors, links
from tests.support.sam_cli import SamCli
from tests.support.stand_ins import StandIns
from trailforward import Config

if TYPE_CHECKING:
    from collections.abc import Iterator


class NotRun(NamedTuple):
    """Commands that are not run as printed.

    Attributes:
        pattern: finds the commands.
        reason: why they are not run.
        instead: pattern and replacement that make a command which can be run; None if nothing is run.
    """

    pattern: str
    reason: str
    instead: tuple[str, str] | None = None


_HELP = (r"$", " --help")  # Exits with an error if an option does not exist.
_DRY = (r"\bmake\b", "make -n")  # Exits with an error if a target does not exist.

#: The first entry that matches a command applies. An entry that matches no command fails a test.
NOT_RUN = (
    NotRun(
        r"^pip (wheel|install) ",
        "downloads packages; tests/testing/test_wheel.py builds and installs a wheel",
    ),
    NotRun(r"-m pytest tests/", "the suite, or make test-stack, runs these tests already"),
    NotRun(r"\bmake (?!(demo|help)$)", "installs packages or takes minutes", _DRY),
    NotRun(r"-m release.publish_layers ", "needs zips; tests/release publishes some", _HELP),
    NotRun(r"^trailforward (audit|repair) ", "needs a trail and an archive; tests/audit makes some", _HELP),
    NotRun(r"\bterraform (init|apply|output)\b", "needs the AWS provider; see tests/terraform"),
    NotRun(r"^trailforward forward s3://", "needs a bucket of log files", _HELP),
    NotRun(r"^trailforward redrive ", "polls an empty queue for ten seconds", ("$", " --wait 1")),
    NotRun(r"^sam deploy --template-file \.aws-sam/audit/", "another stack; tests/stack deploys it"),
    NotRun(r"^aws stepfunctions ", "needs the audit's stack; tests/stack starts its executions"),
    NotRun(r"^trailforward (doctor|trace) ", "needs an AWS account, or a snapshot of one", _HELP),
)


def entry_for(command: str) -> NotRun | None:
    """The entry of the table that applies to a command; None if the command is run as printed."""
    return next((entry for entry in NOT_RUN if re.search(entry.pattern, command)), None)


def script(blocks: list[Block]) -> str:
    """A shell script that does what the blocks say, in order."""
    lines = []
    for block in blocks:
        if block.save_as:
            lines.append(f"cat > {block.save_as} <<'END_OF_BLOCK'\n{block.text}END_OF_BLOCK")
            continue
        for command in block.commands:
            entry = entry_for(command)
            if entry is None:
                lines.append(command)
            elif entry.instead is not None:
                lines.append(re.sub(entry.instead[0], entry.instead[1], command, count=1))
    return "\n".join(lines)


INSTALL = [block for block in BLOCKS if block.page == "README.md" and block.section == "Install"]
#: A page whose commands need what another page has done → that page, which runs with it.
AFTER = {"docs/operations.md": "sam/README.md", "docs/canary.md": "sam/README.md"}
PAGES_WITH_COMMANDS = [
    page
    for page in dict.fromkeys(block.page for block in BLOCKS if block.commands)
    if page not in AFTER.values()
]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The tracked files in a new folder, with a ``.venv`` as ``make setup`` leaves it."""
    folder = tmp_path / "checkout"
    command = ["git", "ls-files", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    for name in listed.stdout.split("\0"):
        if name and (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    (folder / ".venv").mkdir()
    for name in ("bin", "include", "lib", "lib64", "pyvenv.cfg"):
        if (Path(sys.prefix) / name).exists():
            (folder / ".venv" / name).symlink_to(Path(sys.prefix) / name)
    for stamp in (".demo", ".dev"):
        (folder / ".venv" / stamp).touch()
    return folder


def environ() -> dict[str, str]:
    """A reader's environment: without settings of this test run, and without the command on PATH."""
    private = (
        "TRAILFORWARD_",
        "AWS_",
        "MOTO_",
        "POWERTOOLS_",
        "MAKE",
        "MFLAGS",
        "PYTHON",
        "PYTEST_",
        "VIRTUAL_ENV",
    )
    own = {name: value for name, value in os.environ.items() if not name.startswith(private)}
    folders = os.environ["PATH"].split(os.pathsep)
    own["PATH"] = os.pathsep.join(
        folder for folder in folders if not (Path(folder) / "trailforward").exists()
    )
    return own


@pytest.fixture
def programs(
    tmp_path: Path, moto: tuple[str, object], monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, str]]:
    """Variables for a shell that has ``aws`` and ``sam``, with an account that no other test uses."""
    from moto.backends import get_backend

    endpoint, _ = moto
    monkeypatch.setenv("MOTO_ACCOUNT_ID", ACCOUNT)
    folder = tmp_path / "programs"
    folder.mkdir()
    aws = AwsCli(endpoint)
    variables = {
        **environ(),
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    variables["PATH"] = f"{folder}{os.pathsep}{variables['PATH']}"
    with StandIns(folder, {"aws": aws, "sam": SamCli(aws)}):
        yield variables
    backend_of: Any = get_backend
    for service in aws.services - {"cloudformation", "lambda"}:
        backend_of(service)[ACCOUNT].reset()
    aws.close()


@pytest.mark.skipif(not (shutil.which("make") and shutil.which("git")), reason="needs make and git")
@pytest.mark.parametrize("page", PAGES_WITH_COMMANDS)
def test_commands_run_as_printed(page: str, checkout: Path, programs: dict[str, str]) -> None:
    """After the Install section, the commands of every page work in the order in which they are printed."""
    folder = "sam" if page == "docs/real-account.md" else "."
    if page.startswith("examples/"):
        folder = str(Path(page).parent)
    lines = [f"cd {folder}", script([block for block in BLOCKS if block.page == page])]
    if page in AFTER:
        lines.insert(0, script([block for block in BLOCKS if block.page == AFTER[page]]))
    if page != "README.md":
        lines.insert(0, script(INSTALL))
    done = subprocess.run(
        ["/bin/sh", "-ex", "-c", "\n".join(lines)],
        cwd=checkout,
        env=programs,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("aws sqs send-mesage --queue-url x --message-body y", "no operation sqs send-mesage"),
        ("aws sqs send-message --queue-url x", 'Missing required parameter in input: "MessageBody"'),
        ("aws sqs send-message --queue x --message-body y", "unknown option --queue"),
        ("aws sqs receive-message --queue-url x --visibility-timeout soon", "invalid literal"),
        ("aws ssm put-parameter --name x --value y --overwrite true", "--overwrite takes no value"),
        ("aws iam create-policy --policy-name x --policy-document file://absent", "absent"),
        ("sam deploy --parameter-overrides HttpUrl=http://example.com", "https:// URL"),
        ("sam deploy --parameter-overrides SqsQueueArn=", "sam would not pass 'SqsQueueArn='"),
        ("sam deploy --parameter-overrides Queue=x", "unknown: {'Queue'}"),
    ],
)
def test_a_wrong_command_on_a_page_would_be_found(
    command: str, problem: str, programs: dict[str, str]
) -> None:
    """Neither wrong operations, options, and values of aws, nor wrong parameters of sam, pass these tests."""
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=ROOT / "sam",
        env=programs,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert problem in done.stderr


def test_every_entry_of_the_table_is_needed() -> None:
    """The list of commands that are not run names only commands that the docs still have."""
    used = {entry_for(command) for block in BLOCKS for command in block.commands}
    assert [entry.pattern for entry in NOT_RUN if entry not in used] == []


def test_every_operation_that_is_only_checked_is_printed() -> None:
    """The list of AWS operations that the local AWS lacks has no others."""
    printed = "\n".join(block.text for block in BLOCKS if block.commands)
    # The output of the stack is a command, too.
    printed += (ROOT / "sam" / "template.yaml").read_text()
    assert [pair for pair in CHECKED_ONLY if f"aws {' '.join(pair)}" not in printed] == []


def test_files_that_printed_commands_name_exist() -> None:
    """A test file that a printed command names is part of the repository."""
    for block in BLOCKS:
        for command in block.commands:
            for name in re.findall(r"\btests/\S+\.py", command):
                assert (ROOT / name).exists(), f"{block.page}: {command}"


def named(blocks: list[Block]) -> list[object]:
    """Parameters of a test: blocks, named by page."""
    return [pytest.param(block, id=f"{block.page}-{index}") for index, block in enumerate(blocks)]


# A block that the page says to save is used by the commands of the page.
@pytest.mark.parametrize(
    "block", named([block for block in BLOCKS if block.language == "python" and not block.save_as])
)
def test_python_snippets_run(block: Block, tmp_path: Path) -> None:
    """Every snippet runs: tests under pytest, a handler with a payload, anything else as a script."""
    call = (
        "\nif 'handler' in globals():\n"
        "    from trailforward.testing import as_sqs, samples\n"
        "    payload = as_sqs(samples.load('root-console-login'))\n"
        "    assert handler(payload, None) == {'batchItemFailures': []}\n"
    )
    path = tmp_path / "test_snippet.py"
    path.write_text(block.text + call)
    command = [str(path)]
    if re.search(r"^(def test_|class Test)", block.text, re.MULTILINE):
        command = [
            "-m",
            "pytest",
            "-p",
            "tests.support.hypothesis_profile",
            "-p",
            "no:cacheprovider",
            *command,
        ]
    done = subprocess.run(
        [sys.executable, *command],
        cwd=tmp_path,
        env={**environ(), "TRAILFORWARD_TO": "stdout:", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    if "is_root" in block.text:
        assert "root ConsoleLogin" in done.stdout


# The sink of the third-party example is not installed here; its own tests use its table.
@pytest.mark.parametrize(
    "block",
    named([block for block in BLOCKS if block.language == "toml" and "third-party" not in block.page]),
)
def test_configurations_are_valid(block: Block) -> None:
    """Every configuration shown can be used as it is."""
    assert Config.from_toml(block.text).sinks


def test_environment_variables_shown_are_valid() -> None:
    """Every TRAILFORWARD_TO shown names destinations that exist."""
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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    """A link to a file of the repository names one that exists, and its anchor a heading of that file."""
    for name, anchor in links(page):
        target = page.parent / name if name else page
        assert target.exists(), name
        assert not anchor or anchor in anchors(target), f"{name}#{anchor}"


def test_the_start_page_links_every_page() -> None:
    """Whoever begins at docs/index.md finds every page, apart from single decisions."""
    start = ROOT / "docs" / "index.md"
    linked = {(start.parent / name).resolve() for name, _ in links(start) if name}
    missing = {page for page in PAGES if page.parent != ROOT / "docs" / "decisions"} - linked
    assert {page.relative_to(ROOT).as_posix() for page in missing} == {"docs/index.md"}


def test_every_decision_is_in_the_index() -> None:
    """docs/decisions/README.md lists every page with its number and title."""
    folder = ROOT / "docs" / "decisions"
    rows = re.findall(r"^\| (\d+) \| \[(.*)\]\((.*)\) \|$", (folder / "README.md").read_text(), re.MULTILINE)
    titles = {path.name: path.read_text().partition("\n")[0] for path in sorted(folder.glob("0*.md"))}
    assert {name: f"# {number}. {title}" for number, title, name in rows} == titles


def test_the_map_is_that_of_the_code() -> None:
    """ARCHITECTURE.md has the real listing, the layers that `make check` enforces, and no dead path."""
    import tomllib

    page = (ROOT / "ARCHITECTURE.md").read_text()
    package = ROOT / "src" / "trailforward"
    real = {path.name + "/" * path.is_dir() for path in package.iterdir() if path.name != "__pycache__"}
    assert set(re.findall(r"^[├└]── (\S+)", page, re.MULTILINE)) == real
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = [
        contract["layers"]
        for contract in contracts
        if contract["type"] == "layers" and contract["containers"] == ["trailforward"]
    ]
    assert "```text\n" + "\n".join(layers) + "\n```" in page
    decisions = [path.read_text() for path in (ROOT / "docs" / "decisions").glob("*.md")]
    for text in (page, *decisions):
        for name in re.findall(r"`([\w/.-]+(?:/|/[\w-]+\.\w+))`", text):
            assert (ROOT / name).exists() or (package / name).exists(), name


def test_every_lint_is_documented() -> None:
    """docs/configuration.md lists every lint of `validate` with its meaning, and no other."""
    from trailforward.config.lint import codes

    page = (ROOT / "docs" / "configuration.md").read_text().partition("## Lints")[2].partition("\n## ")[0]
    assert dict(re.findall(r"^\| `([a-z-]+)` \| (.*) \|$", page, re.MULTILINE)) == codes()


def test_every_setting_is_documented() -> None:
    """docs/configuration.md names every key that a configuration may have."""
    from trailforward import sinks
    from trailforward.config import PipelineSettings, RepeatingRoute, RetrySettings
    from trailforward.settings import fields
    from trailforward.sinks.settings import LimitSettings

    page = (ROOT / "docs" / "configuration.md").read_text()
    documented = set(re.findall(r"`([a-z_.]+)`", page))
    models = [PipelineSettings, RetrySettings, RepeatingRoute]
    models += [sinks.load(name).Settings for name in sinks.BUILT_IN]
    keys = {name for model in models for name in fields(model)} - {"retry", "limits"}
    keys |= {f"limits.{name}" for name in fields(LimitSettings)}
    assert keys <= documented
