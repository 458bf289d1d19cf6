"""How the layer is built, on small trees and without the network."""

from __future__ import annotations

import ast
import base64
import hashlib
import importlib.util
import marshal
import os
import py_compile
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import distributions
from pathlib import Path

import pytest

from layer import build, bytecode
from layer.build import Tree
from layer.interpreters import Interpreter, find_emulated, find_python
from layer.sbom import canonical, cyclonedx
from layer.target import ALL, DEFAULT, BuildError, Target

TARGET = Target("3.13", "arm64")
HERE = Target(f"3.{sys.version_info.minor}", "arm64")
PINNED = re.compile(r"([a-z0-9-]+)==([^ ]+)((?: +--hash=sha256:[0-9a-f]{64})+)")


def write(folder: Path, files: dict[str, str]) -> Path:
    """Writes files and returns their folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def package(folder: Path, name: str, *headers: str) -> None:
    """Writes a package's metadata as pip does."""
    text = "\n".join(["Metadata-Version: 2.4", f"Name: {name}", "Version: 1.0", *headers])
    write(folder / f"{name.replace('-', '_')}-1.0.dist-info", {"METADATA": text})


def elf(machine: int, path: Path) -> None:
    """Writes the header of a shared object."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x7fELF" + bytes(14) + machine.to_bytes(2, "little"))


def test_the_same_files_give_the_same_zip(tmp_path: Path) -> None:
    """Times, modes, and the order in which files were written do not change the zip."""
    one = write(tmp_path / "one", {"python/a.py": "1", "python/b/c.so": "2", "python/d.py": "3"})
    other = write(tmp_path / "other", {"python/d.py": "3", "python/b/c.so": "2", "python/a.py": "1"})
    os.utime(other / "python/a.py", (1, 1))
    (other / "python/d.py").chmod(0o600)
    build.write_zip(one, tmp_path / "one.zip")
    build.write_zip(other, tmp_path / "other.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "other.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        assert {info.filename: oct(info.external_attr >> 16) for info in archive.infolist()} == {
            "python/a.py": "0o100644",
            "python/b/c.so": "0o100755",
            "python/d.py": "0o100644",
        }


def test_records_name_exactly_the_files_of_the_layer(tmp_path: Path) -> None:
    """Console scripts and left-out files are removed from the folder and from each RECORD."""
    site = write(
        tmp_path,
        {
            "bin/trailforward": "#!/somewhere/python",
            "trailforward/__init__.py": "",
            "trailforward/cli/__init__.py": "",
            "trailforward-1.0.dist-info/RECORD": (
                "trailforward/cli/__init__.py,sha256=x,0\n"
                "trailforward/__init__.py,sha256=y,0\n"
                "../../bin/trailforward,sha256=z,9\n"
                "trailforward-1.0.dist-info/RECORD,,\n"
            ),
        },
    )
    build.tidy(site)
    record = site / "trailforward-1.0.dist-info/RECORD"
    assert record.read_text() == "trailforward-1.0.dist-info/RECORD,,\ntrailforward/__init__.py,sha256=y,0\n"
    assert {path.name for path in site.iterdir()} == {"trailforward", "trailforward-1.0.dist-info"}


def test_packages_keep_their_fields_without_their_pages(tmp_path: Path) -> None:
    """A package's METADATA keeps its fields, loses its description, and has the right digest in RECORD."""
    name = "orjson-3.0.dist-info"
    row = f"{name}/METADATA,sha256=x,99\n{name}/RECORD,,\n"
    fields = "Metadata-Version: 2.4\nName: orjson\nVersion: 3.0\n"
    site = write(tmp_path, {f"{name}/METADATA": f"{fields}\n# orjson\n\nFast.\n", f"{name}/RECORD": row})
    build.tidy(site)
    (found,) = distributions(path=[str(site)])
    assert (found.version, found.read_text("METADATA")) == ("3.0", fields)
    (entry,) = (file for file in found.files or () if file.name == "METADATA")
    digest = base64.urlsafe_b64encode(hashlib.sha256(fields.encode()).digest()).decode().rstrip("=")
    assert entry.hash is not None
    assert (entry.size, entry.hash.value) == (len(fields), digest)


def test_bytecode_does_not_depend_on_where_and_when_it_was_built(tmp_path: Path) -> None:
    """Bytecode contains neither the build folder nor a time, and names the path under /opt."""
    files = {f"{HERE.site}/one.py": "def f(): return 1", f"{HERE.site}/pydantic/v1/two.py": ""}
    folders = [write(tmp_path / name, files) for name in ("a", "b")]
    os.utime(folders[0] / HERE.site / "one.py", (1, 1))
    for folder in folders:
        bytecode.compile_tree(folder, sys.executable)
        assert bytecode.uncompiled(folder / HERE.site, HERE.tag) == []
    first, second = (folder / HERE.site / f"__pycache__/one.{HERE.tag}.pyc" for folder in folders)
    assert first.read_bytes() == second.read_bytes()
    assert marshal.loads(first.read_bytes()[16:]).co_filename == f"/opt/{HERE.site}/one.py"  # noqa: S302
    assert not list(folders[0].rglob("two.*.pyc"))


def test_some_bytecode_has_no_docstrings(tmp_path: Path) -> None:
    """Bytecode without docstrings has the usual file name; other packages keep their docstrings."""
    text = '"""About."""\n\ndef f():\n    """Words."""\n'
    write(tmp_path, {f"{HERE.site}/{name}/__init__.py": text for name in ("trailforward", "pydantic")})
    bytecode.compile_tree(tmp_path, sys.executable)
    assert bytecode.uncompiled(tmp_path / HERE.site, HERE.tag) == []
    words = {}
    for name in ("trailforward", "pydantic"):
        (compiled,) = (tmp_path / HERE.site / name).rglob("*.pyc")
        module = marshal.loads(compiled.read_bytes()[16:])  # noqa: S302
        (function,) = (each for each in module.co_consts if hasattr(each, "co_consts"))
        words[name] = "Words." in function.co_consts
    assert words == {"trailforward": False, "pydantic": True}


def test_only_docstrings_are_stripped() -> None:
    """The level that removes docstrings also removes assert statements, so the stripped modules have none."""
    for name in bytecode._STRIPPED:
        found = importlib.util.find_spec(name)
        assert found is not None
        assert found.origin is not None
        for path in Path(found.origin).parent.rglob("*.py"):
            place = f"site-packages/{name}/{path.relative_to(Path(found.origin).parent).as_posix()}"
            if bytecode.COLD.search(place) or any(part in place for part in build.LEFT_OUT):
                continue
            tree = ast.parse(path.read_text())
            assert not any(isinstance(node, ast.Assert) for node in ast.walk(tree)), place


def test_bytecode_that_python_would_check_or_rebuild_counts_as_missing(tmp_path: Path) -> None:
    """Bytecode that checks its source, and bytecode of another Python, counts as missing."""
    source = write(tmp_path, {"site-packages/one.py": "1"}) / "site-packages" / "one.py"
    assert bytecode.uncompiled(source.parent, HERE.tag) == ["one.py"]
    py_compile.compile(str(source), invalidation_mode=py_compile.PycInvalidationMode.TIMESTAMP)
    assert bytecode.uncompiled(source.parent, HERE.tag) == ["one.py"]
    py_compile.compile(str(source), invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH)
    assert bytecode.uncompiled(source.parent, HERE.tag) == ["one.py"]
    py_compile.compile(str(source), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    assert bytecode.uncompiled(source.parent, HERE.tag) == []
    assert bytecode.uncompiled(source.parent, "cpython-39") == ["one.py"]


def test_source_that_does_not_compile_stops_the_build(tmp_path: Path) -> None:
    """A package that the target's Python cannot compile is never published."""
    write(tmp_path, {"python/bad.py": "def"})
    with pytest.raises(BuildError, match=r"bad\.py"):
        bytecode.compile_tree(tmp_path, sys.executable)


@pytest.mark.parametrize(
    ("name", "machine", "fits"),
    [
        ("x.cpython-313-aarch64-linux-gnu.so", 0xB7, True),
        ("x.abi3.so", 0xB7, True),
        ("libx.so.6", 0xB7, True),
        ("x.cpython-312-aarch64-linux-gnu.so", 0xB7, False),
        ("x.cpython-313-aarch64-linux-gnu.so", 0x3E, False),
        ("x.abi3.so", 0x3E, False),
    ],
)
def test_a_shared_object_for_another_python_or_machine_is_detected(
    tmp_path: Path, name: str, machine: int, *, fits: bool
) -> None:
    """The header and the name of each shared object show whether the target can load it."""
    elf(machine, tmp_path / "package" / name)
    assert (build.incompatible(tmp_path, TARGET) == []) is fits


def test_python_3_11_gets_no_wheel_for_a_newer_glibc() -> None:
    """python3.11 runs on Amazon Linux 2, whose glibc 2.26 cannot load manylinux_2_28."""
    for target in ALL:
        assert ("manylinux_2_28" in " ".join(target.platforms)) is (target.python != "3.11")
        assert all(platform.endswith(target.machine) for platform in target.platforms)


def interpreter(path: Path, *prints: str, code: int = 0) -> Path:
    """Writes a program that prints what an interpreter would."""
    lines = "".join(f"echo {text}\n" for text in prints)
    write(path.parent, {path.name: f"#!/bin/sh\n{lines}exit {code}\n"})
    path.chmod(0o755)
    return path


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is first on PATH, on a machine without pyenv and uv."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    return folder


def test_a_version_managers_shim_that_fails_is_not_an_interpreter(alone: Path) -> None:
    """A python3.99 on PATH that only prints what to install, or that is another Python, is ignored."""
    interpreter(alone / "python3.99", "CPython 3.99.0 x86_64", code=127)
    assert find_python("3.99") is None
    interpreter(alone / "python3.99", "CPython 3.13.0 x86_64")
    assert find_python("3.99") is None
    interpreter(alone / "python3.99", "PyPy 3.99.0 x86_64")
    assert find_python("3.99") is None
    (alone / "python3.99").write_bytes(b"not a program")
    assert find_python("3.99") is None


def test_an_interpreter_is_found_on_path_then_in_pyenv_then_by_uv(alone: Path) -> None:
    """Each place is searched if the previous ones have no interpreter; uv may not download one."""
    elsewhere = interpreter(alone.parent / "uv-pythons" / "python3.99", "CPython 3.99.3 x86_64")
    arguments = alone.parent / "arguments"
    uv = interpreter(alone / "uv", f"$@ >> {arguments}", str(elsewhere))
    found = find_python("3.99")
    assert found == Interpreter(str(elsewhere), "3.99.3", "x86_64")
    assert "--no-python-downloads" in arguments.read_text()
    pyenv = interpreter(alone.parent / "pyenv/versions/3.99.2/bin/python3.99", "CPython 3.99.2 x86_64")
    found = find_python("3.99")
    assert found is not None
    assert found.path == str(pyenv)
    path = interpreter(alone / "python3.99", "CPython 3.99.1 x86_64")
    found = find_python("3.99")
    assert found is not None
    assert found.path == str(path)
    uv.unlink()


def test_an_emulated_interpreter_is_found_by_its_name(alone: Path) -> None:
    """python3.99-arm64 on PATH is used if it runs."""
    assert find_emulated("3.99", "arm64") is None
    path = interpreter(alone / "python3.99-arm64", "CPython 3.99.0 aarch64")
    assert find_emulated("3.99", "arm64") == Interpreter(str(path), "3.99.0", "aarch64")


def test_without_the_python_of_a_requested_layer_nothing_is_built(
    tmp_path: Path, alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error lists every fix, and files of an earlier build remain."""
    monkeypatch.setattr(build, "find_python", {}.get)
    (tmp_path / "trailforward-python3.13-arm64.zip").touch()
    with pytest.raises(SystemExit) as stopped:
        build.main(["3.12-arm64", "--to", str(tmp_path)])
    text = str(stopped.value)
    assert text.startswith("layer: 3.12-arm64 needs CPython 3.12 to write its bytecode")
    for fix in (
        "on PATH",
        "pyenv",
        "uv python install 3.12",
        "SAM's Docker image",
        "another Runtime",
        "--without-bytecode",
    ):
        assert fix in text
    assert (tmp_path / "trailforward-python3.13-arm64.zip").exists()


def test_without_the_python_of_the_stacks_layer_nothing_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """If no layer is requested, any interpreter may be missing except that of the stack's layer."""
    here = {"3.11": Interpreter("/python3.11", "3.11.9", "x86_64")}
    monkeypatch.setattr(build, "find_python", here.get)
    with pytest.raises(
        BuildError, match=r"3\.14-arm64, which sam/template\.yaml deploys, needs CPython 3\.14"
    ):
        build.interpreters([])
    assert build.interpreters([Target("3.11", "arm64"), Target("3.11", "x86_64")]) == here
    here["3.14"] = Interpreter("/python3.14", "3.14.0", "x86_64")
    assert build.interpreters([]) == here


def test_the_default_layer_is_that_of_the_stack() -> None:
    """The layer that every build must contain is the one that sam/template.yaml deploys."""
    template = (build.ROOT / "sam" / "template.yaml").read_text()
    assert f"    Runtime: python{DEFAULT.python}\n    Architectures: [{DEFAULT.architecture}]\n" in template


def test_the_lock_pins_and_hashes_the_tested_versions() -> None:
    """Every requirement is pinned to the tested version and hashed, for every Python."""
    tested = dict(line.split()[0].split("==") for line in _lines("demo.txt") if "==" in line)
    everything = build.requirements(of_runtime=False) + build.requirements(of_runtime=True)
    for line in everything:
        # No markers, because pip would evaluate them for the build machine and not for the target.
        match = PINNED.fullmatch(line)
        assert match, line
        assert tested[match[1]] == match[2]
    assert "://" not in build.REQUIREMENTS.read_text()


def test_boto3_and_its_dependencies_stay_together() -> None:
    """The runtime provides boto3, botocore, and urllib3; the layer contains Powertools' jmespath."""
    ours, runtime = (
        {line.partition("==")[0] for line in build.requirements(of_runtime=which)} for which in (False, True)
    )
    assert runtime == build.RUNTIME
    assert {"pydantic", "pydantic-core", "aws-lambda-powertools", "jmespath"} <= ours


def test_the_sbom_is_complete_and_reproducible(tmp_path: Path) -> None:
    """Every package is listed with its version, digest, license, and dependencies, equally in each build."""
    package(
        tmp_path, "trailforward", "License-Expression: Apache-2.0", 'Requires-Dist: my.core; extra == "aws"'
    )
    package(
        tmp_path, "my-core", "Classifier: License :: OSI Approved :: MIT License", "Requires-Dist: absent"
    )
    package(tmp_path, "plain", "License: BSD", 'Requires-Dist: my-core; extra == "more"')
    write(tmp_path / "my_core-1.0.dist-info" / "sboms", {"rust.json": "{}"})
    hashes = {
        name: hashlib.sha256(name.encode()).hexdigest() for name in ("trailforward", "my-core", "plain")
    }
    listing = cyclonedx("layer", "ab" * 32, {"python": "3.13"}, tmp_path, hashes)
    assert listing == cyclonedx("layer", "ab" * 32, {"python": "3.13"}, tmp_path, hashes)
    assert (listing["bomFormat"], listing["specVersion"], listing["version"]) == ("CycloneDX", "1.6", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", listing["serialNumber"])
    by_name = {item["name"]: item for item in listing["components"]}
    assert by_name.keys() == hashes.keys()
    assert by_name["my-core"] == {
        "type": "library",
        "bom-ref": "pkg:pypi/my-core@1.0",
        "name": "my-core",
        "version": "1.0",
        "purl": "pkg:pypi/my-core@1.0",
        "hashes": [{"alg": "SHA-256", "content": hashes["my-core"]}],
        "licenses": [{"license": {"name": "MIT License"}}],
        "externalReferences": [{"type": "bom", "url": "my_core-1.0.dist-info/sboms/rust.json"}],
    }
    assert by_name["trailforward"]["licenses"] == [{"expression": "Apache-2.0"}]
    assert by_name["plain"]["licenses"] == [{"license": {"name": "BSD"}}]
    assert {item["ref"]: item["dependsOn"] for item in listing["dependencies"]} == {
        "layer": ["pkg:pypi/trailforward@1.0"],
        "pkg:pypi/trailforward@1.0": ["pkg:pypi/my-core@1.0"],
        "pkg:pypi/my-core@1.0": [],
        "pkg:pypi/plain@1.0": [],
    }


def test_a_layer_without_bytecode_is_reported_with_its_cost(tmp_path: Path) -> None:
    """The output and the SBOM say that there is no bytecode, and the output names the cost."""
    (tmp_path / "out").mkdir()
    text = "\n".join(build.ship(tree(tmp_path), tmp_path / "out", with_boto3=False))
    assert "NO BYTECODE: importing the handler takes 1.8 times the CPU time" in text
    assert '"value": "none"' in (tmp_path / "out/trailforward-python3.13-arm64.cdx.json").read_text()


def test_both_forms_of_the_digest_are_printed(tmp_path: Path) -> None:
    """The output contains SHA-256 in hex, as sha256sum prints it, and in base64, as Lambda's CodeSha256."""
    (tmp_path / "out").mkdir()
    text = "\n".join(build.ship(tree(tmp_path), tmp_path / "out", with_boto3=False))
    printed = dict(line.split(maxsplit=1) for line in text.splitlines() if "256 " in line)
    archive = (tmp_path / "out/trailforward-python3.13-arm64.zip").read_bytes()
    assert printed["SHA-256"] == hashlib.sha256(archive).hexdigest()
    assert bytes.fromhex(printed["SHA-256"]) == base64.b64decode(printed["CodeSha256"])


def test_a_layer_over_the_budget_is_built_with_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A layer over the budget causes a warning but can still be deployed."""
    (tmp_path / "out").mkdir()
    lines = list(build.ship(tree(tmp_path), tmp_path / "out", with_boto3=False))
    assert "WARNING" not in "\n".join(lines)
    monkeypatch.setattr(build, "BUDGET", (10, 10))
    lines = list(build.ship(tree(tmp_path), tmp_path / "out", with_boto3=False))
    assert lines[-1] == "  WARNING     over the budget of 10 bytes zipped and 10 unpacked"
    assert (tmp_path / "out/trailforward-python3.13-arm64.zip").exists()


def test_an_unknown_layer_is_rejected_with_the_known_ones() -> None:
    """A misspelled name causes an error that lists the valid names, before anything is built."""
    with pytest.raises(
        SystemExit, match=r"'3\.10-arm64' is not a layer\. Choose from: 3\.11-arm64, 3\.11-x86_64"
    ):
        build.main(["3.10-arm64"])


def test_sam_gets_the_layer_of_its_runtime() -> None:
    """SAM's makefile build writes the layer for the template's runtime, or for LAYER_PYTHON."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    command = ["make", "--dry-run", "--always-make", "--file=layer/Makefile", "build-ForwarderLayer"]
    environ = {"PATH": os.environ["PATH"], "ARTIFACTS_DIR": "/artifacts"}
    template = (build.ROOT / "sam" / "template.yaml").read_text()
    runtimes = set(re.findall(r"Runtimes?: \[?python([0-9.]+)", template))
    assert len(runtimes) == 1
    for chosen, layer in (
        ({}, f"{runtimes.pop()}-arm64"),
        ({"LAYER_PYTHON": "3.12", "LAYER_ARCHITECTURE": "x86_64"}, "3.12-x86_64"),
        ({"LAYER_OPTIONS": "--without-bytecode"}, "--without-bytecode 3.14-arm64"),
    ):
        done = subprocess.run(
            command, env=environ | chosen, cwd=build.ROOT, capture_output=True, text=True, check=True
        )
        words = done.stdout.splitlines()[-1].split()
        assert " ".join(words).endswith(f'-m layer.build --unpacked "/artifacts" {layer}')


def tree(folder: Path) -> Tree:
    """A layer that contains only our metadata."""
    package(folder / "stage" / TARGET.site, "trailforward")
    return Tree(TARGET, folder / "stage", "", {canonical("trailforward"): "ab" * 32})


def _lines(name: str) -> list[str]:
    return (build.ROOT / "requirements" / name).read_text().splitlines()
