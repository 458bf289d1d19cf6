"""Builds the Lambda layer: one reproducible zip per Python version and architecture, without Docker.

    python -m layer.build                             every layer whose Python is installed, into build/layer/
    python -m layer.build 3.13-arm64 3.12-x86_64      these layers
    python -m layer.build --with-boto3 3.13-arm64     with boto3 instead of the runtime's
    python -m layer.build --without-bytecode          every layer, with slower cold starts
    python -m layer.build --unpacked FOLDER 3.13-arm64   an unpacked layer, for SAM

The layer contains our wheel and the packages of its extra ``aws``, except those of the Lambda runtime.
README.md in this folder describes how to use it.
"""

from __future__ import annotations

import argparse
import base64
import csv
import hashlib
import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from pathlib import Path
from stat import S_IFREG
from typing import TYPE_CHECKING, NamedTuple

from layer.bytecode import COST, compile_tree, uncompiled
from layer.interpreters import find_python
from layer.prose import without_prose
from layer.sbom import canonical, cyclonedx
from layer.target import ALL, DEFAULT, ELF_MACHINES, BuildError, Target

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from layer.interpreters import Interpreter

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements" / "layer.txt"

#: boto3 and its own dependencies, which the runtime has. The layer contains all or none of them, because a
#: newer urllib3 breaks the runtime's botocore. jmespath is in the layer, because Powertools declares it.
RUNTIME = frozenset({"boto3", "botocore", "s3transfer", "python-dateutil", "six", "urllib3"})

#: Files that the layer does not need: our command line with its demo, audit, doctor, converter of Sigma
#: rules, lints of configurations, and checks of sinks, which require Typer, Rich, pySigma, msgspec, and moto;
#: our testing kit; files for type checkers and tests (stubs, plug-ins for mypy and Hypothesis); and 0.4 MB
#: for browsers, Powertools' Swagger UI (``swagger_base_url=…`` works without it). Nothing else is left out:
#: this folder comes before those of other layers, so your own code would miss it.
LEFT_OUT = (
    "trailforward/audit",
    "trailforward/aws/s3_get.py",
    "trailforward/cli",
    "trailforward/config/lint.py",
    "trailforward/config/regions.py",
    "trailforward/demo",
    "trailforward/doctor",
    "trailforward/pipeline/left_out.py",
    "trailforward/pipeline/old_alerts.py",
    "trailforward/pipeline/repaired.py",
    "trailforward/pipeline/sink_check.py",
    "trailforward/pricing",
    "trailforward/receipts/reader.py",
    "trailforward/sigma",
    "trailforward/sources/log_file.py",
    "trailforward/storage",
    "trailforward/tail",
    "trailforward/testing",
    "**/*.pyi",
    "trailforward-*.dist-info/entry_points.txt",  # names a command and a pytest plug-in that are left out
    "aws_lambda_powertools/event_handler/openapi/swagger_ui/swagger-ui*",
    "pydantic/mypy.py",
    "pydantic/v1/mypy.py",
    "pydantic/v1/_hypothesis_plugin.py",
    "annotated_types/test_cases.py",
)

#: Maximum size of a layer without boto3: bytes zipped, bytes unpacked. Above it, ``make layer`` warns and
#: ``make test-layer`` fails.
BUDGET = 5_000_000, 15_000_000


class Tree(NamedTuple):
    """A layer before it is zipped.

    Attributes:
        target: Python version and architecture.
        folder: contains ``python/``.
        compiler: full version of the Python that wrote the bytecode; empty without bytecode.
        hashes: package name → SHA-256 of its wheel.
    """

    target: Target
    folder: Path
    compiler: str
    hashes: dict[str, str]

    @property
    def bytecode(self) -> str:
        """A description of the bytecode: its compiler, or the cost of having none."""
        return f"bytecode by CPython {self.compiler}" if self.compiler else f"NO BYTECODE: {COST}"


# --- assembling the tree


def requirements(*, of_runtime: bool) -> list[str]:
    """Returns the lines of the lock file: the packages that the runtime has, or all others."""
    locked = REQUIREMENTS.read_text().replace("\\\n", " ").splitlines()
    return [line for line in locked if line and (line.partition("==")[0] in RUNTIME) == of_runtime]


def own_wheel(folder: Path) -> str:
    """Builds our wheel into a folder with the pinned hatchling; returns a requirement with its hash."""
    if importlib.util.find_spec("hatchling") is None:
        raise BuildError("hatchling is not installed. Fix: run `make setup`, then use .venv/bin/python")
    _pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT)
    (wheel,) = folder.glob("*.whl")
    name, version = wheel.name.split("-")[:2]
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return f"{name}=={version} --hash=sha256:{digest}"


def install(wanted: Iterable[str], target: Target, site: Path, links: Path | None = None) -> dict[str, str]:
    """Installs exactly these wheels for the target; returns package name → SHA-256."""
    with tempfile.TemporaryDirectory() as work:
        listing, report = Path(work, "requirements.txt"), Path(work, "report.json")
        listing.write_text("\n".join(wanted))
        options = [f"--platform={platform}" for platform in target.platforms]
        if links:
            options.append(f"--find-links={links}")
        # --no-compile, because bytecode of the Python that runs pip would be useless.
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
    """Removes what no function needs, and corrects each RECORD.

    These are the files in LEFT_OUT, the console scripts, which name this Python, the long descriptions of
    packages (their pages on the package index, 50 KB in all), and the prose in our modules, 0.2 MB.
    """
    shutil.rmtree(site / "bin", ignore_errors=True)
    for path in (path for pattern in LEFT_OUT for path in site.glob(pattern)):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    changed = set()
    for metadata in site.glob("*.dist-info/METADATA"):
        fields, _, _ = metadata.read_bytes().partition(b"\n\n")
        metadata.write_bytes(fields + b"\n")
        changed.add(metadata.relative_to(site).as_posix())
    for source in site.glob("trailforward/**/*.py"):
        text = source.read_text(encoding="utf-8")
        if (short := without_prose(text)) != text:
            source.write_text(short, encoding="utf-8")
            changed.add(source.relative_to(site).as_posix())
    for record in sorted(site.glob("*.dist-info/RECORD")):
        rows = [
            _entry(site, row[0]) if row[0] in changed else row
            for row in csv.reader(record.read_text().splitlines())
            if (site / row[0]).is_file()
        ]
        with record.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(sorted(rows))


def _entry(site: Path, name: str) -> list[str]:
    """A file's row in RECORD: name, digest, and size ("Recording installed projects")."""
    content = (site / name).read_bytes()
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return [name, f"sha256={digest}", str(len(content))]


def incompatible(site: Path, target: Target) -> list[str]:
    """Returns an error for each shared object that the target cannot load."""
    wrong = []
    for path in sorted(site.rglob("*.so*")):
        with path.open("rb") as file:
            machine = int.from_bytes(file.read(20)[18:], "little")
        tags = [part for part in path.name.split(".") if part.startswith("cpython-")]
        if machine != ELF_MACHINES[target.machine] or not all(
            tag.startswith(f"{target.tag}-") for tag in tags
        ):
            wrong.append(f"{path.name} is not for Python {target}")
    return wrong


def assemble(
    target: Target, folder: Path, wanted: Iterable[str], links: Path, python: Interpreter | None
) -> Tree:
    """Writes the layer's files into a folder.

    Args:
        target: Python version and architecture.
        folder: an empty folder.
        wanted: requirements with hashes, from a package index or from ``links``.
        links: a folder of wheels.
        python: writes the bytecode; None for a layer without bytecode.

    Raises:
        BuildError: a wheel is missing, or the target cannot load a file.
    """
    site = folder / target.site
    hashes = install(wanted, target, site, links)
    tidy(site)
    if wrong := incompatible(site, target):
        raise BuildError("; ".join(wrong))
    if python:
        compile_tree(folder, python.path)
        if missing := uncompiled(site, target.tag):
            raise BuildError(f"no usable bytecode: {', '.join(missing)}")
    return Tree(target, folder, python.version if python else "", hashes)


# --- writing the zip


def write_zip(folder: Path, archive: Path) -> None:
    """Zips a folder. The same files give the same bytes, whatever their times, modes, and order."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        for name in sorted(
            path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
        ):
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.create_system = 3  # Unix, so that the modes below apply
            info.external_attr = (S_IFREG | (0o755 if name.endswith(".so") else 0o644)) << 16
            out.writestr(info, (folder / name).read_bytes(), zipfile.ZIP_DEFLATED, 9)


def ship(tree: Tree, folder: Path, *, with_boto3: bool) -> Iterator[str]:
    """Writes the zip and its SBOM; yields lines with its size, digests, and a warning over budget."""
    name = f"trailforward-python{tree.target}{'-boto3' if with_boto3 else ''}"
    archive = folder / f"{name}.zip"
    write_zip(tree.folder, archive)
    with zipfile.ZipFile(archive) as content:
        files = content.infolist()
    sizes = archive.stat().st_size, sum(info.file_size for info in files)
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
    if not with_boto3 and (sizes[0] > BUDGET[0] or sizes[1] > BUDGET[1]):
        yield f"  WARNING     over the budget of {BUDGET[0]:,} bytes zipped and {BUDGET[1]:,} unpacked"


def _pip(*arguments: str | Path) -> None:
    """Runs pip of this environment; pip's settings name the package index."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError("pip: " + " ".join(done.stderr.strip().splitlines()[-2:]))


# --- selecting what to build


def interpreters(targets: Sequence[Target]) -> dict[str, Interpreter]:
    """Finds the interpreters of this machine by version.

    Args:
        targets: requested layers, each of which needs its Python; empty for every layer that can be built,
            which must include the stack's.

    Raises:
        BuildError: a required interpreter is missing; the text says what to do.
    """
    found = {version: find_python(version) for version in {target.python for target in targets or ALL}}
    for target in targets or [DEFAULT]:
        if found[target.python] is None:
            raise BuildError(
                f"{target}{'' if targets else ', which sam/template.yaml deploys,'} needs CPython "
                f"{target.python} to write its bytecode, and it was not found. Fix: install it on PATH, "
                f"with `pyenv install {target.python}` or with `uv python install {target.python}`; or build "
                "in SAM's Docker image or for another Runtime (both: layer/README.md); or build with "
                f"LAYER_OPTIONS=--without-bytecode ({COST})"
            )
    return {version: python for version, python in found.items() if python}


def main(arguments: list[str] | None = None) -> int:
    """Builds the requested layers, or every layer whose Python is on this machine."""
    parser = argparse.ArgumentParser(prog="python -m layer.build", description="Builds the Lambda layer.")
    parser.add_argument("layers", nargs="*", metavar="PYTHON-ARCHITECTURE", help=", ".join(map(str, ALL)))
    parser.add_argument("--with-boto3", action="store_true", help="include boto3 and its dependencies")
    parser.add_argument("--without-bytecode", action="store_true", help=COST)
    parser.add_argument("--to", type=Path, default=ROOT / "build" / "layer", help="folder for the zips")
    parser.add_argument("--unpacked", type=Path, metavar="FOLDER", help="fill this folder instead (for SAM)")
    options = parser.parse_args(arguments)
    if options.unpacked and len(options.layers) != 1:
        parser.error("--unpacked writes one layer into one folder: name exactly one layer")
    with tempfile.TemporaryDirectory() as work:
        try:
            requested = [Target.parse(text) for text in options.layers]
            pythons = {} if options.without_bytecode else interpreters(requested)
            wanted = [own_wheel(Path(work)), *requirements(of_runtime=False)]
            wanted += requirements(of_runtime=True) if options.with_boto3 else []
            if options.unpacked:
                (target,) = requested
                tree = assemble(target, options.unpacked, wanted, Path(work), pythons.get(target.python))
                print(f"layer {tree.target}: {tree.bytecode}")
                return 0
        except BuildError as error:
            sys.exit(f"layer: {error}")
        options.to.mkdir(parents=True, exist_ok=True)
        for old in options.to.glob("trailforward-python*"):  # keep only this run's files
            old.unlink()
        failed = False
        for target in requested or ALL:
            python = pythons.get(target.python)
            if python is None and not options.without_bytecode:
                print(f"skipped {target}: CPython {target.python}, which writes its bytecode, was not found")
                continue
            try:
                with tempfile.TemporaryDirectory() as stage:
                    tree = assemble(target, Path(stage), wanted, Path(work), python)
                    for line in ship(tree, options.to, with_boto3=options.with_boto3):
                        print(line, flush=True)
            except BuildError as error:
                failed = True
                print(f"NOT BUILT: {target}: {error}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
