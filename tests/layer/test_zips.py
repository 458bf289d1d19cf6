"""Tests of the built zips. `make test-layer` builds them and passes their folder."""

from __future__ import annotations

import ast
import base64
import configparser
import csv
import hashlib
import json
import os
import platform
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from layer import build
from layer.bytecode import COLD
from layer.interpreters import Interpreter, find_emulated, find_python
from layer.target import ALL, Target

FOLDER = os.environ.get("TRAILFORWARD_LAYERS")
if not FOLDER:
    pytest.skip("needs layers that were built with the network: make test-layer", allow_module_level=True)
ZIPS = sorted(Path(FOLDER).resolve().glob("*.zip"))
each = pytest.mark.parametrize("archive", ZIPS, ids=lambda path: path.stem)


def target(archive: Path) -> Target:
    """Returns the target that a zip's name contains."""
    return Target.parse(archive.stem.removeprefix("trailforward-python"))


def python_for(archive: Path) -> Interpreter:
    """Returns a Python that can run the layer, emulated if necessary; skips the test without one."""
    python, architecture = target(archive)
    found = [find_python(python), find_emulated(python, architecture)]
    for interpreter in found:
        if interpreter and interpreter.machine == target(archive).machine:
            return interpreter
    pytest.skip(
        f"neither Python {python} for {architecture} nor python{python}-{architecture} on PATH was found"
    )


def smoke(archive: Path, runtime: Path) -> subprocess.CompletedProcess[str]:
    """Forwards an event with only the standard library, the layer, and the runtime's boto3."""
    return subprocess.run(
        [python_for(archive).path, "-I", "-S", build.ROOT / "layer" / "smoke.py", archive, runtime],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The boto3 that a Lambda runtime contains. It is pure Python, so all versions can use the same."""
    folder = tmp_path_factory.mktemp("runtime")
    build.install(build.requirements(of_runtime=True), ALL[0], folder)
    return folder


@pytest.fixture(scope="module")
def again(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same layers, built a second time in other folders."""
    folder = tmp_path_factory.mktemp("again") / "layer"
    assert build.main([*(str(target(archive)) for archive in ZIPS), "--to", str(folder)]) == 0
    return folder


@each
def test_an_event_is_forwarded_and_nothing_is_compiled(archive: Path, runtime: Path) -> None:
    """The layer forwards to HTTP and Firehose with nothing else installed, without compiling anything."""
    done = smoke(archive, runtime)
    assert done.returncode == 0, done.stderr
    assert f" on {target(archive).machine}: 2 deliveries, " in done.stdout
    assert done.stdout.endswith(" modules of the layer, 0 compiled\n")


def test_the_smoke_test_detects_missing_bytecode(tmp_path: Path, runtime: Path) -> None:
    """If bytecode of one module is missing, the smoke test fails and counts one compiled module."""
    archive = next((path for path in ZIPS if target(path).machine == platform.machine()), ZIPS[0])
    with zipfile.ZipFile(archive) as full, zipfile.ZipFile(tmp_path / archive.name, "w") as bare:
        for name in full.namelist():
            if not name.endswith("/connections." + target(archive).tag + ".pyc"):
                bare.writestr(name, full.read(name))
    done = smoke(tmp_path / archive.name, runtime)
    assert done.returncode == 1
    assert "compiled 1 modules of the layer" in done.stderr


@each
def test_a_second_build_has_the_same_digest(archive: Path, again: Path) -> None:
    """The same input gives the same zip and the same SBOM in any build folder."""
    assert _sha256(again / archive.name) == _sha256(archive)
    listing = archive.with_suffix(".cdx.json").name
    assert (again / listing).read_bytes() == (archive.parent / listing).read_bytes()


@each
def test_the_zip_contains_one_folder_for_one_python(archive: Path) -> None:
    """All files are in the versioned folder, and all code except COLD code has bytecode for the target."""
    with zipfile.ZipFile(archive) as content:
        names = set(content.namelist())
    site = target(archive).site
    assert all(name.startswith(f"{site}/") for name in names)
    bytecode = {name for name in names if name.endswith(".pyc")}
    assert all(name.endswith(f".{target(archive).tag}.pyc") for name in bytecode)
    warm = [name for name in names if name.endswith(".py") and not COLD.search(name)]
    assert len(bytecode) == len(warm) > 0
    assert not [name for name in names if "/boto" in name or "/urllib3" in name]


@each
def test_nothing_in_the_layer_imports_what_was_left_out(archive: Path) -> None:
    """Only the module that starts our command line imports a module that is not in the layer."""
    left_out = {path.removesuffix(".py").replace("/", ".") for path in build.LEFT_OUT if "*" not in path}
    assert "pydantic.mypy" in left_out
    site = f"{target(archive).site}/"
    importing = set()
    with zipfile.ZipFile(archive) as content:
        sources = [name for name in content.namelist() if name.endswith(".py")]
        for name in sources:
            parts = name.removeprefix(site).removesuffix(".py").split("/")
            for node in ast.walk(ast.parse(content.read(name))):
                match node:
                    case ast.Import(names=names):
                        found = {alias.name for alias in names}
                    case ast.ImportFrom(module=module, names=names, level=level):
                        base = ".".join([*(parts[:-level] if level else []), *([module] if module else [])])
                        found = {base, *(f"{base}.{alias.name}" for alias in names)}
                    case _:
                        continue
                importing |= {(".".join(parts), one) for one in found & left_out}
    assert importing == {("trailforward.__main__", "trailforward.cli")}


@each
def test_records_are_correct_for_every_file(archive: Path) -> None:
    """Each file except bytecode is in its package's RECORD with its digest."""
    with zipfile.ZipFile(archive) as content:
        files = {
            name.removeprefix(f"{target(archive).site}/"): content.read(name) for name in content.namelist()
        }
    listed: dict[str, str] = {}
    for record in [name for name in files if name.endswith(".dist-info/RECORD")]:
        listed |= {name: digest for name, digest, _ in csv.reader(files[record].decode().splitlines())}
    assert listed.keys() == {name for name in files if not name.endswith(".pyc")}
    for name, digest in listed.items():
        if digest:
            actual = base64.urlsafe_b64encode(hashlib.sha256(files[name]).digest()).rstrip(b"=").decode()
            assert digest == f"sha256={actual}", name


@each
def test_our_entry_points_name_existing_modules(archive: Path) -> None:
    """Every entry point of the layer names a module in the layer."""
    with zipfile.ZipFile(archive) as content:
        names = content.namelist()
        points = configparser.ConfigParser()
        for name in names:
            if "/trailforward-" in name and name.endswith("/entry_points.txt"):
                points.read_string(content.read(name).decode())
    for section in points.values():
        for value in section.values():
            module = f"{target(archive).site}/{value.partition(':')[0].replace('.', '/')}"
            assert {f"{module}.py", f"{module}/__init__.py"} & set(names)


@each
def test_no_file_contains_a_path_of_the_build_machine(archive: Path) -> None:
    """No file contains the repository's or the build interpreter's path."""
    with zipfile.ZipFile(archive) as content:
        containing = [
            name
            for name in content.namelist()
            for trace in (str(build.ROOT), sys.prefix, sys.base_prefix)
            if trace != "/usr" and trace.encode() in content.read(name)
        ]
    assert containing == []


@each
def test_the_sbom_describes_this_zip(archive: Path) -> None:
    """The SBOM contains the zip's digest and exactly the packages in it."""
    listing = json.loads(archive.with_suffix(".cdx.json").read_text())
    assert listing["metadata"]["component"]["hashes"][0]["content"] == _sha256(archive)
    with zipfile.ZipFile(archive) as content:
        names = content.namelist()
    inside = {
        name.split("/")[4].removesuffix(".dist-info")
        for name in names
        if name.endswith(".dist-info/METADATA")
    }
    assert {f"{item['name'].replace('-', '_')}-{item['version']}" for item in listing["components"]} == inside
    references = [reference for item in listing["components"] for reference in item["externalReferences"]]
    assert {f"{target(archive).site}/{reference['url']}" for reference in references} <= set(names)
    refs = {item["bom-ref"] for item in listing["components"]}
    assert {item["ref"] for item in listing["dependencies"]} == refs | {"layer"}
    assert {one for item in listing["dependencies"] for one in item["dependsOn"]} == refs


@each
def test_the_zip_stays_within_the_budget(archive: Path) -> None:
    """A layer without boto3 has at most 5 MB zipped and 15 MB unpacked."""
    with zipfile.ZipFile(archive) as content:
        assert sum(info.file_size for info in content.infolist()) <= build.BUDGET[1]
    assert archive.stat().st_size <= build.BUDGET[0]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
