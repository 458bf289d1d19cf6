"""A new project that installs only the wheel can test its rules as the docs show."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest

import trailforward.testing

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "testing.md").read_text()
SNIPPETS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
#: What ``pip install trailforward pytest hypothesis`` installs.
BROUGHT = (
    *("orjson", "pydantic", "pydantic-core", "annotated-types", "typing-extensions", "typing-inspection"),
    *("pytest", "iniconfig", "packaging", "pluggy", "pygments", "hypothesis", "sortedcontainers"),
)
#: A slow machine fails no snippet.
NO_DEADLINES = """
from hypothesis import HealthCheck, settings

settings.register_profile("slow", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("slow")
"""


def run(*command: str | Path, cwd: Path, **environ: str) -> str:
    """The output of a command, which must succeed."""
    done = subprocess.run(
        [*map(str, command)],
        cwd=cwd,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages of a new project: the wheel of this tree, its dependencies, and those of the tests."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT, cwd=folder)
    (wheel,) = folder.glob("trailforward-*.whl")
    site = folder / "site-packages"
    run(*pip, "install", "--no-deps", "--no-index", "--target", site, wheel, cwd=folder)
    for name in BROUGHT:
        brought = distribution(name)
        for part in {file.parts[0] for file in brought.files or ()} - {"..", "__pycache__"}:
            (site / part).symlink_to(str(brought.locate_file(part)))
    return site


def pytest_with(site: Path, folder: Path, *arguments: str) -> str:
    """Runs pytest with only these packages; this tree and this environment are not importable."""
    code = f"import sys; sys.path.insert(0, {str(site)!r}); import pytest; sys.exit(pytest.main())"
    command = (sys.executable, "-I", "-S", "-c", code, "-p", "no:cacheprovider", *arguments)
    return run(*command, cwd=folder, COVERAGE_PROCESS_START="")


def test_the_first_snippet_is_ten_lines() -> None:
    """The first example on the page has at most ten lines of code."""
    assert len([line for line in SNIPPETS[0].splitlines() if line.strip()]) == 10


def test_a_fresh_project_runs_the_snippets_of_the_docs(site: Path, tmp_path: Path) -> None:
    """The wheel contains the kit, the samples, and the plug-in; every snippet runs as a test module."""
    (tmp_path / "conftest.py").write_text(NO_DEADLINES)
    for number, snippet in enumerate(SNIPPETS):
        (tmp_path / f"test_{number}.py").write_text(snippet)
    (tmp_path / "test_fixtures.py").write_text(
        "import trailforward\n"
        "def test_fixtures(trailforward_event, trailforward_sink):\n"
        f"    assert trailforward.__file__.startswith({str(site)!r})\n"
        "    assert trailforward_event()['id'] and not trailforward_sink.data\n"
    )
    shown = pytest_with(site, tmp_path)
    assert re.search(r"^test_0\.py \.\.", shown, re.MULTILINE)
    assert re.search(r"^test_fixtures\.py \.", shown, re.MULTILINE)


def test_a_fresh_project_lists_the_samples(site: Path, tmp_path: Path) -> None:
    """The option exists after installation and lists all samples."""
    listed = pytest_with(site, tmp_path, "--trailforward-samples").splitlines()
    assert [line.split()[0] for line in listed] == trailforward.testing.samples.names()


def test_the_wheel_holds_every_sample(site: Path) -> None:
    """The wheel contains every file of the kit."""
    (wheel,) = site.parent.glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    kit = ROOT / "src" / "trailforward" / "testing"
    files = [path for path in kit.rglob("*") if path.suffix in {".py", ".json"}]
    assert {path.relative_to(ROOT / "src").as_posix() for path in files} <= held
