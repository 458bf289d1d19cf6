"""The CDK app of examples/cdk: synthesized, and read by the doctor. ``make test-cdk`` runs this."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.pages import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PYTHON = os.environ.get("TRAILFORWARD_CDK_PYTHON", "")
APP = ROOT / "examples" / "cdk"
ACCOUNT = "111122223333"
pytestmark = pytest.mark.skipif(
    not PYTHON or shutil.which("node") is None,
    reason="needs Node.js and TRAILFORWARD_CDK_PYTHON, a Python with aws-cdk-lib: make test-cdk",
)


@pytest.fixture(scope="module")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder ``cdk.out``, with a small layer."""
    folder = tmp_path_factory.mktemp("cdk")
    with zipfile.ZipFile(folder / "layer.zip", "w") as out:
        out.writestr("python/a.py", "")
    context = json.loads((APP / "cdk.json").read_text())["context"]
    context["trailforward"]["layer"] = str(folder / "layer.zip")
    subprocess.run(
        [PYTHON, "app.py"],
        cwd=APP,
        env={**os.environ, "CDK_CONTEXT_JSON": json.dumps(context), "CDK_OUTDIR": str(folder / "cdk.out")},
        check=True,
        timeout=300,
    )
    return folder / "cdk.out"


def settings() -> dict[str, Any]:
    """The settings of ``cdk.json``."""
    found: dict[str, Any] = json.loads((APP / "cdk.json").read_text())["context"]["trailforward"]
    return found


def template(assembly: Path, name: str) -> dict[str, Any]:
    """A synthesized template."""
    found: dict[str, Any] = json.loads((assembly / f"{name}.template.json").read_text())
    return found


def test_there_is_one_hub_and_a_rule_in_every_region(assembly: Path) -> None:
    """The stacks are those of sam/, each in the Region that cdk.json names."""
    stacks = json.loads((assembly / "manifest.json").read_text())["artifacts"]
    places = {
        name: stack["environment"]
        for name, stack in stacks.items()
        if stack["type"] == "aws:cloudformation:stack"
    }
    expected = {f"Rules-{region}": f"aws://{ACCOUNT}/{region}" for region in settings()["regions"]}
    assert places == {"Hub": f"aws://{ACCOUNT}/eu-west-1", **expected}


def test_nothing_of_the_sam_stack_is_missing(assembly: Path) -> None:
    """Every resource and output of sam/template.yaml and sam/regional.yaml is in the synthesized stacks."""
    import yaml

    class Loader(yaml.SafeLoader):
        """Ignores CloudFormation's tags, because only names are compared."""

    Loader.add_multi_constructor("!", lambda *_: None)
    for file, name in (("template.yaml", "Hub"), ("regional.yaml", "Rules-us-east-1")):
        original = yaml.load((ROOT / "sam" / file).read_text(), Loader)  # noqa: S506  # derives from SafeLoader
        made = template(assembly, name)
        for section in ("Resources", "Outputs", "Conditions"):
            assert original[section].keys() <= made[section].keys(), section


def test_the_function_has_its_code_and_the_layer(assembly: Path) -> None:
    """The function and the layer come from the CDK's assets bucket."""
    resources = template(assembly, "Hub")["Resources"]
    for name, key in (("Forwarder", "CodeUri"), ("ForwarderLayer", "ContentUri")):
        assert "cdk-hnb659fds-assets-" in json.dumps(resources[name]["Properties"][key])


def test_the_rules_exclude_the_calls_of_the_function(assembly: Path) -> None:
    """The rules know the names of the function and its role, so that no delivery causes another event."""
    hub = template(assembly, "Hub")["Resources"]
    rules = json.dumps(template(assembly, "Rules-us-east-1"))
    assert f":role/{hub['FunctionRole']['Properties']['RoleName']}" in rules
    assert f":function:{hub['Forwarder']['Properties']['FunctionName']}" in rules


def test_the_doctor_reads_cdk_out_and_finds_the_region_without_a_rule(assembly: Path) -> None:
    """Every Region of cdk.json is covered, and one that is missing there is blind."""
    regions = [*settings()["regions"], "eu-north-1"]
    command = [
        sys.executable,
        "-m",
        "trailforward",
        "doctor",
        "--template",
        str(assembly),
        "--account",
        ACCOUNT,
    ]
    command += [text for region in regions for text in ("--region", region)]
    command += ["--class", "write", "--class", "sign-in", "--format", "json"]
    done = subprocess.run(command, capture_output=True, check=False, timeout=300)
    assert done.returncode == 1, done.stderr
    statuses: dict[str, set[str]] = {}
    for cell in json.loads(done.stdout)["cells"]:
        statuses.setdefault(cell["region"], set()).add(cell["status"])
    assert statuses == {region: {"covered"} for region in settings()["regions"]} | {"eu-north-1": {"blind"}}
