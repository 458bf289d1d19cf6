"""Terraform itself, as far as it works without providers, and the examples."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.depth import part
from tests.terraform.convert import normal
from tests.terraform.hcl import attributes, blocks, parse, word
from tests.terraform.module import TERRAFORM, Module
from tests.terraform.rewritten import values, write
from tests.terraform.stack import REGIONAL, variables
from tests.terraform.test_comparison import CASES, ORGANIZATION, RULES

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLES = sorted(path.parent for path in TERRAFORM.glob("examples/*/main.tf"))
PROGRAM = shutil.which("terraform") or ""
needs_terraform = pytest.mark.skipif(not PROGRAM, reason="needs terraform")


def terraform(folder: Path, *arguments: str) -> str:
    """Runs ``terraform``, which must succeed; returns what it prints."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("TF_", "AWS_"))}
    done = subprocess.run(
        [PROGRAM, *arguments],
        cwd=folder,
        env={**environ, "CHECKPOINT_DISABLE": "1", "TF_CLI_CONFIG_FILE": os.devnull},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@needs_terraform
def test_every_file_is_formatted() -> None:
    """``terraform fmt -check`` finds nothing to change."""
    assert terraform(TERRAFORM, "fmt", "-check", "-recursive", "-no-color") == ""


ORGANIZATION_VARIABLES = {
    name: value
    for name, value in variables(ORGANIZATION).items()
    if name not in {"sns_topic_arn", "organization_id"}
}
EVALUATED: dict[str, tuple[str, dict[str, Any]]] = {
    **{case: ("hub", {"layer_zip": "layer.zip", **variables(given)}) for case, given in CASES.items()},
    **{
        f"rules: {case}": (
            "regional-rules",
            {"regions": ["eu-west-1", "us-east-1"], **variables(given, REGIONAL)},
        )
        for case, given in RULES.items()
    },
    "organization": ("organization", ORGANIZATION_VARIABLES),
}

# The one with the most resources comes first.
HUB_FIRST = sorted((case for case in EVALUATED if case in CASES), key=lambda case: -len(CASES[case]))


@needs_terraform
@pytest.mark.parametrize("case", [*part(HUB_FIRST, 7), "rules: everything", "organization"])
def test_terraform_computes_what_the_tests_compare(case: str, tmp_path: Path) -> None:
    """Terraform accepts every expression, and computes the same arguments as the tests' evaluator."""
    folder, given = EVALUATED[case]
    module = Module(
        TERRAFORM / folder, **{**given, **({"regions": set(given["regions"])} if "regions" in given else {})}
    )
    write(module, TERRAFORM / folder, tmp_path)
    (tmp_path / "terraform.tfvars.json").write_text(json.dumps(given))
    terraform(tmp_path, "apply", "-auto-approve", "-input=false", "-no-color", "-compact-warnings")
    made = json.loads(terraform(tmp_path, "output", "-json", "all"))
    for (kind, label), instances in module.resources.items():
        found = made[f"{kind}__{label}"]
        single = not isinstance(module.made(kind, label), list | dict)
        several = [found] if single else list(found.values()) if isinstance(found, dict) else found
        assert [_comparable(one) for one in several] == [_comparable(values(one)) for one in instances], label


def _comparable(given: dict[str, Any]) -> Any:
    """Without nulls and empty blocks, and with JSON as objects."""
    found = {}
    for name, value in given.items():
        if value is None or value == []:
            continue
        text = isinstance(value, str) and value.startswith("{")
        found[name] = json.loads(value) if text else _without_nulls(value)
    return normal(found)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_nulls(one) for one in value]
    if isinstance(value, dict):
        return {name: _without_nulls(one) for name, one in value.items() if one is not None and one != []}
    return value


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
def test_the_examples_fit_the_modules(folder: Path) -> None:
    """Each example gives a module every variable that it requires and no other, and uses only its outputs."""
    found = blocks(parse(folder / "main.tf"))
    modules = {labels[0]: attributes(body) for kind, labels, body in found if kind == "module"}
    declared: dict[str, tuple[set[str], set[str], set[str]]] = {}
    for name, given in modules.items():
        source = (folder / word_of(given["source"])).resolve()
        inside = [one for path in source.glob("*.tf") for one in blocks(parse(path))]
        known = {labels[0]: attributes(body) for kind, labels, body in inside if kind == "variable"}
        required = {variable for variable, body in known.items() if "default" not in body}
        outputs = {labels[0] for kind, labels, _ in inside if kind == "output"}
        declared[name] = (set(known), required, outputs)
        assert required <= set(given) - {"source"} <= set(known), name
    text = (folder / "main.tf").read_text()
    for module, output in re.findall(r"\bmodule\.(\w+)\.(\w+)", text):
        assert output in declared[module][2], output


def word_of(expression: Any) -> str:
    """The text of a string."""
    return word(expression.children[0])


def test_the_runtime_and_architecture_are_those_of_sam() -> None:
    """The layer that sam/README.md builds is the one that the hub expects."""
    text = (TERRAFORM / "README.md").read_text()
    hub = Module(TERRAFORM / "hub", layer_zip="x", **variables(CASES["defaults"]))
    runtime = str(hub.variables["runtime"]).removeprefix("python")
    assert f"make layer LAYERS={runtime}-{hub.variables['architecture']}" in text
    for folder in EXAMPLES:
        assert (
            f"trailforward-python{runtime}-{hub.variables['architecture']}.zip"
            in (folder / "main.tf").read_text()
        )
