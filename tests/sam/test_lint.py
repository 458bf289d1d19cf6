"""cfn-lint, SAM's own validation and checkov, on the sources and on what comes out of the transform."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.sam import test_audit
from tests.sam import test_templates as combinations
from tests.sam.cfn import SAM, Stack

TOOLS = [name for name in ("samcli", "cfnlint", "checkov") if find_spec(name) is None]
pytestmark = pytest.mark.skipif(
    bool(TOOLS), reason=f"{', '.join(TOOLS)} not installed here: run make test-stack"
)

TEMPLATES = [
    "template.yaml",
    "regional.yaml",
    "execution-role.yaml",
    "canary-role.yaml",
    "doctor-role.yaml",
    "audit.yaml",
]
ENVIRON = {
    **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "SAM_CLI_TELEMETRY": "0",
}


def run(*command: object) -> str:
    """Runs a tool of this environment; returns its output if it fails."""
    first = Path(sys.executable).parent / str(command[0])
    done = subprocess.run(
        [first, *map(str, command[1:])], env=ENVIRON, cwd=SAM, capture_output=True, text=True, check=False
    )
    return f"{done.stdout}\n{done.stderr}".strip() if done.returncode else ""


@pytest.fixture(scope="module")
def transformed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """template.yaml after SAM's transform: SAM's lint is blind inside serverless resources."""
    target = tmp_path_factory.mktemp("transformed") / "template.json"
    assert run("python", Path(__file__).with_name("transform.py"), SAM / "template.yaml", target) == ""
    return target


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_sources_are_clean(name: str) -> None:
    """cfn-lint finds nothing, in Regions old and new."""
    assert (
        run("cfn-lint", "--regions", "eu-west-1", "us-east-1", "eu-south-2", "--template", SAM / name) == ""
    )


def test_sam_is_content() -> None:
    """``sam validate --lint``."""
    assert run("sam", "validate", "--lint", "--template", SAM / "template.yaml") == ""


def test_what_cloudformation_gets_is_clean(transformed: Path) -> None:
    """cfn-lint on the transformed template."""
    assert run("cfn-lint", "--regions", "eu-west-1", "--template", transformed) == ""


def test_sam_adds_no_permissions(transformed: Path) -> None:
    """SAM adds neither roles nor managed policies: only the template's roles exist."""
    resources = json.loads(transformed.read_text())["Resources"]
    roles = {name for name, resource in resources.items() if resource["Type"] == "AWS::IAM::Role"}
    assert roles == {
        *("FunctionRole", "StackSetAdministrationRole", "StackSetExecutionRole"),
        *("CanaryRole", "DoctorRole"),
    }
    policies = {
        name
        for name, resource in resources.items()
        if resource["Type"] in {"AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"}
    }
    assert policies == {"RuleBoundary"}


def pairs(choices: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As few of the combinations as meet every pair of values of two parameters."""
    missing = {pair for choice in choices for pair in _pairs(choice)}
    chosen = []
    # Those that meet much come first; the order is always the same.
    for choice in sorted(choices, key=lambda choice: (-len(choice), sorted(choice.items()))):
        if new := _pairs(choice) & missing:
            missing -= new
            chosen.append(choice)
    return chosen


def _pairs(choice: dict[str, Any]) -> set[tuple[tuple[str, str], tuple[str, str]]]:
    items = sorted(choice.items())
    return {(first, second) for index, first in enumerate(items) for second in items[index + 1 :]}


def test_every_pair_of_parameters_is_clean(tmp_path: Path) -> None:
    """cfn-lint on what is really created, for parameters that meet every pair of choices."""
    rare = [{**combinations.SINKS, "Topology": "hub", **parameters} for parameters in combinations.RARE]
    chosen = pairs(combinations.COMBINATIONS) + rare
    files = []
    for number, parameters in enumerate(chosen):
        source = tmp_path / f"{number}.source.json"
        source.write_text(json.dumps(Stack(combinations.TEMPLATE, **parameters).plain()))
        files.append(source)
    targets = [source.with_suffix("").with_suffix(".json") for source in files]
    arguments = [item for pair in zip(files, targets, strict=True) for item in pair]
    assert run("python", Path(__file__).with_name("transform.py"), *arguments) == ""
    assert len(targets) > 30
    # W2530: SnapStartVersion does what AutoPublishAlias would.
    found = run("cfn-lint", "--regions", "eu-west-1", "--ignore-checks", "W2530", "--", *targets)
    assert found == ""


#: 25 Regions of three partitions, old and new, some of them opt-in Regions.
REGIONS = (
    *(
        "us-east-1",
        "us-east-2",
        "us-west-1",
        "us-west-2",
        "ca-central-1",
        "sa-east-1",
        "eu-west-1",
        "eu-west-2",
    ),
    *("eu-west-3", "eu-central-1", "eu-north-1", "eu-south-1", "eu-south-2", "ap-south-1", "ap-northeast-1"),
    *("ap-northeast-2", "ap-southeast-1", "ap-southeast-2", "af-south-1", "me-south-1", "il-central-1"),
    *("us-gov-west-1", "us-gov-east-1", "cn-north-1", "cn-northwest-1"),
)


def test_every_region_and_partition_is_clean(tmp_path: Path) -> None:
    """cfn-lint finds nothing in 25 Regions of three partitions: types and properties exist in all of them."""
    everything = {
        **combinations.SINKS,
        **combinations.REGIONS,
        **combinations.ORGANIZATION,
        **combinations.ACCOUNTS,
        "AlarmTopicArn": combinations.SINKS["SnsTopicArn"],
        "Tracing": "true",
        **combinations.VPC,
        **combinations.DOCTOR,
        "Canary": "true",
        **combinations.CANARY,
    }
    hub = {"Topology": "hub", "CustomerKey": "true", "BusLogLevel": "TRACE", **combinations.UNITS}
    collector = {"Topology": "collector", "ProvisionedPollers": "2-20"}
    sources, targets = [], []
    for name, parameters in (("hub", hub), ("collector", collector)):
        sources.append(tmp_path / f"{name}.source.json")
        targets.append(tmp_path / f"{name}.json")
        made = Stack(combinations.TEMPLATE, **everything, **parameters).plain()
        sources[-1].write_text(json.dumps(made))
    arguments = [item for pair in zip(sources, targets, strict=True) for item in pair]
    assert run("python", Path(__file__).with_name("transform.py"), *arguments) == ""
    # Resolved, because cfn-lint would try each condition in each Region.
    for template, parameters in combinations.EVERYTHING:
        if template is not combinations.TEMPLATE:
            targets.append(tmp_path / f"{len(targets)}.json")
            targets[-1].write_text(json.dumps(Stack(template, **parameters).plain()))
    assert len(targets) == 7
    assert run("cfn-lint", "--regions", *REGIONS, "--", *targets) == ""


def test_the_audits_stack_is_clean_in_every_region(tmp_path: Path) -> None:
    """cfn-lint finds nothing in what SAM makes of audit.yaml, with all parameters and with the fewest."""
    files = []
    for name, parameters in (("all", test_audit.WITH), ("least", test_audit.LEAST)):
        source, target = tmp_path / f"{name}.source.json", tmp_path / f"{name}.json"
        source.write_text(json.dumps(Stack(test_audit.TEMPLATE, **parameters).plain()))
        files += [source, target]
    assert run("python", Path(__file__).with_name("transform.py"), *files) == ""
    assert run("cfn-lint", "--regions", *REGIONS, "--", *files[1::2]) == ""


def test_checkov_is_content(transformed: Path) -> None:
    """Every check that is skipped has its reason in the template."""
    files = [
        item for path in (transformed, *(SAM / name for name in TEMPLATES[1:])) for item in ("--file", path)
    ]
    assert (
        run("checkov", "--skip-download", "--compact", "--quiet", "--framework", "cloudformation", *files)
        == ""
    )


def test_checkov_is_content_with_the_terraform_modules() -> None:
    """Every check that is skipped in the modules has its reason there."""
    where = ("--directory", SAM.parent / "terraform", "--framework", "terraform")
    assert run("checkov", "--skip-download", "--compact", "--quiet", *where) == ""
