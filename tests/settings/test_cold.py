"""What a cold start imports to read a valid configuration."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sam.cfn import Stack
from tests.sam.test_templates import SECRET, SINKS, TEMPLATE, environment
from tests.test_config import FULL

README = (Path(__file__).parents[2] / "README.md").read_text()
EVERYWHERE = (
    "arn:aws:kinesis:us-west-2:111122223333:stream/cloudsec",
    "arn:aws:firehose:us-west-2:111122223333:deliverystream/archive",
    "arn:aws:sns:us-west-2:111122223333:alerts",
    "arn:aws:sqs:us-west-2:111122223333:copies",
    "arn:aws:events:us-west-2:111122223333:event-bus/security",
    "arn:aws:logs:us-west-2:111122223333:log-group:/security/cloudtrail",
    "s3://security-lake/cloudtrail?region=us-west-2",
    "https://siem.example.com/in",
    "stdout:",
    "file:copy.ndjson",
)
QUEUES = {
    "TRAILFORWARD_DEAD_LETTER": "arn:aws:sqs:us-west-2:111122223333:dead",
    "TRAILFORWARD_RETRY_QUEUE": "arn:aws:sqs:us-west-2:111122223333:retry",
    "TRAILFORWARD_OWN_ARNS": "arn:aws:iam::111122223333:role/trailforward",
}
WAYS = {
    "destinations": {"TRAILFORWARD_TO": " ".join(EVERYWHERE), **QUEUES},
    "readme": {
        "TRAILFORWARD_CONFIG": re.findall(r"^```toml\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)[0]
    },
    "everything": {"TRAILFORWARD_CONFIG": FULL},
    "stack": environment(Stack(TEMPLATE, **SINKS, HttpSecretArn=SECRET, SnsFormat="text")),
}


def loaded(environ: dict[str, str], *names: str) -> list[str]:
    """Returns which of the modules are loaded after a forwarder was created."""
    code = (
        "import sys, trailforward; trailforward.Forwarder.from_env();"
        "import json; print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": os.environ["PATH"], "AWS_REGION": "us-west-2", **environ},
        capture_output=True,
        text=True,
        check=True,
    )
    return [name for name in json.loads(done.stdout) if name.startswith(names)]


@pytest.mark.parametrize("environ", WAYS.values(), ids=WAYS)
def test_a_valid_configuration_is_read_without_pydantic(environ: dict[str, str]) -> None:
    """Creating a forwarder for any destination imports neither Pydantic nor the modules for the schema."""
    assert loaded(environ, "pydantic", "trailforward.config.schema", "trailforward.models", "difflib") == []


def test_destinations_alone_cost_nothing_else() -> None:
    """A configuration on one line imports neither TOML, nor patterns, nor the detections."""
    environ = {"TRAILFORWARD_TO": EVERYWHERE[0], **QUEUES}
    assert loaded(environ, "tomllib", "trailforward.patterns", "trailforward.detections") == []
