"""Builds the Lambda layer: one reproducible zip per Python version and architecture, without Docker.

    python -m layer.build                             every layer, into build/layer/
    python -m layer.build 3.13-arm64 3.12-x86_64      these
    python -m layer.build --with-boto3 3.13-arm64     with boto3 instead of the runtime's own
    python -m layer.build --unpacked FOLDER 3.13-arm64   the tree itself, for SAM

The layer is our wheel and what its extra ``aws`` brings, less what the Lambda runtime has. README.md beside
this file is for those who use it.
"""

from __future__ import annotations

import argparse
import base64
import csv
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from pathlib import Path
from stat import S_IFREG
from typing import TYPE_CHECKING, NamedTuple, Self

from layer.sbom import canonical, cyclonedx

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements" / "layer.txt"

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
#: Lambda's name of an architecture, and the machine's own.
MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}
_ELF_MACHINES = {"aarch64": 0xB7, "x86_64": 0x3E}

#: boto3 and what it alone needs: the runtime has them. All or none, since a newer urllib3 over the runtime's
#: botocore breaks it. jmespath stays with us: Powertools declares it.
RUNTIME = frozenset({"boto3", "botocore", "s3transfer", "python-dateutil", "six", "urllib3"})

#: What has no business here: our command line with its demo and doctor, which needs Typer, Rich and moto; our
#: testing kit; stubs, which only type checkers read; and 0.4 MB that only a browser reads, Powertools'
#: Swagger UI (``swagger_base_url=…`` goes without). Nothing else is left out: this folder comes before those
#: of other layers, so what it lacks would be lacking there too.
LEFT_OUT = (
    "trailforward/cli",
    "trailforward/demo",
    "trailforward/doctor",
    "trailforward/pricing",
    "trailforward/testing",
    "**/*.pyi",
    "trailforward-*.dist-info/entry_points.txt",  # a command and a pytest plug-in that are not there
    "aws_lambda_powertools/event_handler/openapi/swagger_ui/swagger-ui*",
)

#: Code that no event passes through gets no bytecode, or the budget would not hold. It imports as from any
#: layer built by pip alone. The smoke test proves that the forwarder needs none of it.
COLD = re.compile(
    r"site-packages/("
    r"aws_lambda_powertools/(event_handler|utilities)/(?!__init__|jmespath_utils)"
    r"|aws_lambda_powertools/metrics/provider/datadog/"
    r"|annotated_types/test_cases"
    r"|pydantic/(v1/|color|deprecated/(class_validators|copy_internals|decorator|json)|experimental/|mypy|networks)"
    r"|trailforward/(config/schema|patterns/(explain|lints)|settings/model|sources/file)"
    r")"
)
#: Docstrings are for those who read the source; without them bytecode is a sixth smaller. What Python leaves
#: out at this level, too, these packages do not have where they get bytecode: assert statements.
_WITHOUT_DOCSTRINGS = "2"
_STRIPPED = ("aws_lambda_powertools", "pydantic_core", "trailforward")

#: What a layer may weigh without boto3, so that growth is noticed: bytes zipped, bytes unpacked.
BUDGET = 5_000_000, 15_000_000

#: Where Lambda unpacks layers: the path in tracebacks.
MOUNT = "/opt"
_UNCHECKED_HASH = 1


class BuildError(Exception):
    """A layer cannot be built, or must not be shipped."""


class Target(NamedTuple):
    """What a layer is built for.

    Attributes:
        python: minor version, such as ``3.13``.
        architecture: as Lambda calls it.
    """

    python: str
    architecture: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads ``3.13-arm64``."""
        target = cls(*text.partition("-")[::2])
        if target.python not in PYTHONS or target.architecture not in MACHINES:
            raise BuildError(f"{text!r} is no layer. Known: {', '.join(map(str, ALL))}")
        return target

    def __str__(self) -> str:
        return f"{self.python}-{self.architecture}"

    @property
    def machine(self) -> str:
        """The machine's name in wheels and extension modules."""
        return MACHINES[self.architecture]

    @property
    def tag(self) -> str:
        """The interpreter's name in files: ``cpython-313``."""
        return f"cpython-{self.python.replace('.', '')}"

    @property
    def site(self) -> str:
        """Where packages lie: first on the runtime's path, and apart from layers that use ``python/``."""
        return f"python/lib/python{self.python}/site-packages"

    @property
    def platforms(self) -> list[str]:
        """Wheel platforms that the runtime can load: python3.11 runs on glibc 2.26, later ones on 2.34."""
        newer = [] if self.python == "3.11" else [f"manylinux_2_28_{self.machine}"]
        return [*newer, f"manylinux_2_17_{self.machine}", f"manylinux2014_{self.machine}"]


ALL = [Target(python, architecture) for python in PYTHONS for architecture in MACHINES]


class Tree(NamedTuple):
    """A layer before it is zipped.

    Attributes:
        target: what it is for.
        folder: where ``python/`` lies.
        compiler: the full version of the Python that wrote the bytecode; empty where there is none.
        hashes: SHA-256 of each wheel, by the package's name.
    """

    target: Target
    folder: Path
    compiler: str
    hashes: dict[str, str]

    @property
    def bytecode(self) -> str:
        """Which Python wrote the bytecode, or why there is none."""
        if self.compiler:
            return f"bytecode by CPython {self.compiler}"
        return f"NO BYTECODE: no Python {self.target.python} on this machine; every cold start will compile"


# --- putting the tree together


def requirements(*, of_runtime: bool) -> list[str]:
    """The locked requirements, one text each: those the runtime has, or the others."""
    locked = REQUIREMENTS.read_text().replace("\\\n", " ").splitlines()
    return [line for line in locked if line and (line.partition("==")[0] in RUNTIME) == of_runtime]


def own_wheel(folder: Path) -> str:
    """Builds our wheel with the pinned hatchling into a folder; returns it as a hashed requirement."""
    if importlib.util.find_spec("hatchling") is None:
        raise BuildError("hatchling is not installed here: run `make setup`, then use .venv/bin/python")
    _pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT)
    (wheel,) = folder.glob("*.whl")
    name, version = wheel.name.split("-")[:2]
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return f"{name}=={version} --hash=sha256:{digest}"


def install(wanted: Iterable[str], target: Target, site: Path, links: Path | None = None) -> dict[str, str]:
    """Installs exactly these wheels for the target; returns their SHA-256 by name."""
    with tempfile.TemporaryDirectory() as work:
        listing, report = Path(work, "requirements.txt"), Path(work, "report.json")
        listing.write_text("\n".join(wanted))
        options = [f"--platform={platform}" for platform in target.platforms]
        if links:
            options.append(f"--find-links={links}")
        # A folder of bytecode by the Python that runs pip would be dead weight: --no-compile.
        _pip(
            *("install", "--no-compile", "--no-deps", "--require-hashes", "--only-binary=:all:"),
            *("--implementation=cp", f"--python-version={target.python}", *options),
            *("--no-warn-conflicts", "--report", report, "--target", site, "--requirement", listing),
        )
        items = json.loads(report.read_text())["install"]
    return {
        canonical(item["metadata"]["name"]): item["download_info"]["archive_info"]["hashes"]["sha256"]
        for item in items
    }


def tidy(site: Path) -> None:
    """Removes what stays out, and console scripts, which name the building interpreter; corrects RECORDs."""
    shutil.rmtree(site / "bin", ignore_errors=True)
    for path in (path for pattern in LEFT_OUT for path in site.glob(pattern)):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    for record in sorted(site.glob("*.dist-info/RECORD")):
        rows = [row for row in csv.reader(record.read_text().splitlines()) if (site / row[0]).is_file()]
        with record.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(sorted(rows))


def misfits(site: Path, target: Target) -> list[str]:
    """Shared objects that the target could not load."""
    wrong = []
    for path in sorted(site.rglob("*.so*")):
        with path.open("rb") as file:
            machine = int.from_bytes(file.read(20)[18:], "little")
        tags = [part for part in path.name.split(".") if part.startswith("cpython-")]
        if machine != _ELF_MACHINES[target.machine] or not all(
            tag.startswith(f"{target.tag}-") for tag in tags
        ):
            wrong.append(f"{path.name} is not for Python {target}")
    return wrong


def find_python(version: str) -> tuple[str, str] | None:
    """A Python of this minor version on this machine that really runs: its path and full version."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv", "versions")
    installed = sorted(pyenv.glob(f"{version}.*/bin/python{version}"))
    # On PATH there may be a version manager's stand-in that refuses to run, so each is asked.
    for path in (sys.executable, shutil.which(f"python{version}"), *map(str, installed)):
        question = "import platform as p; print(p.python_implementation(), p.python_version())"
        if path is None:
            continue
        answer = subprocess.run(
            [path, "-I", "-S", "-c", question], capture_output=True, text=True, check=False
        ).stdout.split()
        if len(answer) == 2 and answer[0] == "CPython" and answer[1].startswith(f"{version}."):  # noqa: PLR2004
            return path, answer[1]
    return None


def compile_tree(folder: Path, python: str) -> None:
    """Writes bytecode that holds whatever the files' times are, and that does not name this folder.

    Ordinary bytecode bears its source's time; a reproducible zip fixes times, so it would be stale and every
    cold start would compile everything again.
    """
    common = ("-q", "-x", COLD.pattern, "--invalidation-mode", "unchecked-hash")
    stripped = [tree for name in _STRIPPED for tree in folder.glob(f"python/lib/*/site-packages/{name}")]
    for tree, *options in ((folder / "python",), *((tree, "-o", _WITHOUT_DOCSTRINGS) for tree in stripped)):
        done = subprocess.run(
            [python, "-I", "-S", "-m", "compileall", *common, *options, "-s", folder, "-p", MOUNT, tree],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise BuildError(f"bytecode: {done.stdout}{done.stderr}")
    for bytecode in folder.rglob(f"*.opt-{_WITHOUT_DOCSTRINGS}.pyc"):
        # Under this name every Python takes it, however it was started.
        bytecode.replace(bytecode.with_name(bytecode.name.replace(f".opt-{_WITHOUT_DOCSTRINGS}", "")))


def uncompiled(site: Path, tag: str) -> list[str]:
    """Sources, cold ones aside, without bytecode that this interpreter takes as it is."""
    return [
        str(path.relative_to(site))
        for path in sorted(site.rglob("*.py"))
        if not COLD.search(path.as_posix())
        and not is_unchecked(path.parent / "__pycache__" / f"{path.stem}.{tag}.pyc")
    ]


def is_unchecked(bytecode: Path) -> bool:
    """Is this a ``.pyc`` that Python loads without looking at its source (PEP 552)?"""
    if not bytecode.is_file():
        return False
    with bytecode.open("rb") as file:
        return int.from_bytes(file.read(8)[4:], "little") == _UNCHECKED_HASH


def assemble(target: Target, folder: Path, wanted: Iterable[str], links: Path) -> Tree:
    """Fills a folder with the layer's tree: what is wanted, found in an index or among the links.

    Raises:
        BuildError: a wheel is missing, or a file does not fit the target.
    """
    site = folder / target.site
    hashes = install(wanted, target, site, links)
    tidy(site)
    if wrong := misfits(site, target):
        raise BuildError("; ".join(wrong))
    found = find_python(target.python)
    if found:
        compile_tree(folder, found[0])
        if missing := uncompiled(site, target.tag):
            raise BuildError(f"no usable bytecode: {', '.join(missing)}")
    return Tree(target, folder, found[1] if found else "", hashes)


# --- shipping it


def write_zip(folder: Path, archive: Path) -> None:
    """Zips a folder so that the same files give the same bytes, whatever their times, modes and order."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        for name in sorted(
            path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
        ):
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.create_system = 3  # Unix: the modes below count
            info.external_attr = (S_IFREG | (0o755 if name.endswith(".so") else 0o644)) << 16
            out.writestr(info, (folder / name).read_bytes(), zipfile.ZIP_DEFLATED, 9)


def ship(tree: Tree, folder: Path, *, with_boto3: bool) -> Iterator[str]:
    """Writes the zip and its SBOM; tells sizes and digests.

    Raises:
        BuildError: it is over the budget.
    """
    name = f"trailforward-python{tree.target}{'-boto3' if with_boto3 else ''}"
    archive = folder / f"{name}.zip"
    write_zip(tree.folder, archive)
    with zipfile.ZipFile(archive) as content:
        files = content.infolist()
    sizes = archive.stat().st_size, sum(info.file_size for info in files)
    if not with_boto3 and (sizes[0] > BUDGET[0] or sizes[1] > BUDGET[1]):
        archive.unlink()
        raise BuildError(f"{sizes} bytes, zipped and unpacked, are over the budget of {BUDGET}")
    digest = hashlib.sha256(archive.read_bytes())
    properties = {
        "python": tree.target.python,
        "architecture": tree.target.architecture,
        "bytecode": f"CPython {tree.compiler}" if tree.compiler else "none",
        "left-to-the-runtime": "nothing" if with_boto3 else " ".join(sorted(RUNTIME)),
    }
    listing = cyclonedx(name, digest.hexdigest(), properties, tree.folder / tree.target.site, tree.hashes)
    text = json.dumps(listing, indent=2, ensure_ascii=False)
    (folder / f"{name}.cdx.json").write_text(f"{text}\n", encoding="utf-8")
    parts: Counter[str] = Counter()
    for info in files:
        parts[info.filename.removeprefix(f"{tree.target.site}/").partition("/")[0]] += info.compress_size
    largest = ", ".join(f"{part} {size / 1e6:.2f}" for part, size in parts.most_common(4))
    yield archive.name
    yield f"  zipped      {sizes[0] / 1e6:.2f} MB ({largest})"
    yield f"  unpacked    {sizes[1] / 1e6:.2f} MB, {len(files)} files, {tree.bytecode}"
    yield f"  SHA-256     {digest.hexdigest()}"
    yield f"  CodeSha256  {base64.b64encode(digest.digest()).decode()}"


def _pip(*arguments: str | Path) -> None:
    """Runs the building environment's pip; its settings decide where wheels come from."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError("pip: " + " ".join(done.stderr.strip().splitlines()[-2:]))


def main(arguments: list[str] | None = None) -> int:
    """Builds what was asked for; without names, every layer whose wheels can be fetched."""
    parser = argparse.ArgumentParser(prog="python -m layer.build", description="Builds the Lambda layer.")
    parser.add_argument("layers", nargs="*", metavar="PYTHON-ARCHITECTURE", help=", ".join(map(str, ALL)))
    parser.add_argument("--with-boto3", action="store_true", help="ship boto3 instead of the runtime's")
    parser.add_argument("--to", type=Path, default=ROOT / "build" / "layer", help="folder for the zips")
    parser.add_argument("--unpacked", type=Path, metavar="FOLDER", help="fill this folder instead (for SAM)")
    options = parser.parse_args(arguments)
    if options.unpacked and len(options.layers) != 1:
        parser.error("--unpacked fills one folder with one layer: name it")
    with tempfile.TemporaryDirectory() as work:
        try:
            targets = [Target.parse(text) for text in options.layers]
            wanted = [own_wheel(Path(work)), *requirements(of_runtime=False)]
            wanted += requirements(of_runtime=True) if options.with_boto3 else []
            if options.unpacked:
                tree = assemble(targets[0], options.unpacked, wanted, Path(work))
                print(f"layer {tree.target}: {tree.bytecode}")
                return 0
        except BuildError as error:
            sys.exit(f"layer: {error}")
        options.to.mkdir(parents=True, exist_ok=True)
        for old in options.to.glob("trailforward-python*"):  # what lies there afterwards is of this run
            old.unlink()
        built = 0
        for target in targets or ALL:
            try:
                with tempfile.TemporaryDirectory() as stage:
                    tree = assemble(target, Path(stage), wanted, Path(work))
                    for line in ship(tree, options.to, with_boto3=options.with_boto3):
                        print(line, flush=True)
                built += 1
            except BuildError as error:
                print(f"NOT BUILT: {target}: {error}", file=sys.stderr)
    return 0 if built == len(targets) or (built and not targets) else 1


if __name__ == "__main__":
    sys.exit(main())
