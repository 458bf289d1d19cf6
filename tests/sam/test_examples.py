"""The templates of the examples: cfn-lint, SAM's own validation and checkov, sources and transformed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.sam.test_lint import TOOLS, run

pytestmark = pytest.mark.skipif(
    bool(TOOLS), reason=f"{', '.join(TOOLS)} not installed here: run make test-stack"
)

EXAMPLES = Path(__file__).parents[2] / "examples"
TRANSFORM = Path(__file__).with_name("transform.py")


@pytest.mark.parametrize(
    "name", ["revoke-open-ingress", "restart-stopped-trail", "block-public-bucket", "notify"]
)
def test_the_examples_are_clean(name: str, tmp_path: Path) -> None:
    """No tool finds a problem, and SAM adds neither roles nor permissions."""
    template = EXAMPLES / name / "template.yaml"
    regions = ("--regions", "eu-west-1", "us-east-1", "eu-south-2")
    assert run("cfn-lint", *regions, "--template", template) == ""
    assert run("sam", "validate", "--lint", "--template", template) == ""
    transformed = tmp_path / "template.json"
    assert run("python", TRANSFORM, template, transformed) == ""
    assert run("cfn-lint", *regions, "--template", transformed) == ""
    resources = json.loads(transformed.read_text())["Resources"].items()
    assert [key for key, one in resources if one["Type"] == "AWS::IAM::Role"] == ["FunctionRole"]
    options = ("--skip-download", "--compact", "--quiet", "--framework", "cloudformation")
    assert run("checkov", *options, "--file", transformed) == ""
