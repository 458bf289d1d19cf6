"""The doctor reads the modules as a plan: events of every Region reach the queue."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.doctor.plans import COMPUTED, module, plan, resource, written
from tests.sam.cfn import ACCOUNT, REGION
from tests.support.command import trailforward
from tests.terraform.module import TERRAFORM, Module
from tests.terraform.rewritten import values
from tests.terraform.stack import variables
from tests.terraform.test_comparison import SNS

if TYPE_CHECKING:
    from pathlib import Path

REGIONS = (REGION, "us-east-1")


def planned(own: Module) -> list[dict[str, Any]]:
    """The resources that the doctor reads."""
    found = []
    for kind, label in own.resources:
        made = own.made(kind, label)
        if isinstance(made, dict):
            instances = list(made.items())
        else:
            instances = list(enumerate(made)) if isinstance(made, list) else [(None, made)]
        for key, instance in instances if kind in COMPUTED else []:
            given = json.loads(json.dumps(values(instance), default=sorted))
            given.pop("name_prefix", None)
            found.append(resource(f"{kind}.{label}", key=key, **given))
    return found


@pytest.mark.parametrize(
    ("without", "code"), [("", 0), ("aws_cloudwatch_event_target", 1), ("aws_iam_role_policy", 1)]
)
def test_the_doctor_finds_every_region_covered(without: str, code: int, tmp_path: Path) -> None:
    """With the modules as they are, nothing is blind; without a target or permission, us-east-1 is."""
    hub = Module(TERRAFORM / "hub", layer_zip="layer.zip", **variables({**SNS, "Topology": "hub"}))
    function = {name: hub.outputs[name] for name in ("function_role_arn", "function_arn")}
    rules = Module(
        TERRAFORM / "regional-rules",
        regions=set(REGIONS),
        hub_account=ACCOUNT,
        hub_region=REGION,
        **function,
    )
    regional = [
        one
        for one in planned(rules)
        if not without or one["key"] == REGION or not one["address"].startswith(f"{without}.")
    ]
    trail = resource(
        "aws_cloudtrail.trail",
        name="trail",
        s3_bucket_name="logs",
        is_multi_region_trail=True,
        include_global_service_events=True,
    )
    path = tmp_path / "plan.json"
    modules = [module("hub", planned(hub)), module("rules", regional)]
    path.write_bytes(written(plan([trail], modules=modules)))
    regions = [option for region in REGIONS for option in ("--region", region)]
    queue = hub.outputs["event_queue_arn"]
    done = trailforward("doctor", "--plan", path, "--account", ACCOUNT, *regions, "--destination", queue)
    assert done.code == code, done.out + done.err
    assert ("Every other event is covered" in done.out) == (code == 0)
