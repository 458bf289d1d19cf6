"""The canary as deployed: CloudFormation asks its function about the pattern, and a run makes its calls."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.stack import local

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.stack.conftest import Deployed

NAME = "with-canary"


@pytest.mark.parametrize("pattern", ["", '{"source": ["aws.iam"]}'], ids=["every event", "narrow"])
def test_the_stack_with_a_canary(deployed: Deployed, pattern: str, tell: Callable[[str], None]) -> None:
    """A stack with a canary deploys and its canary runs; with a narrow pattern, the deployment fails."""
    stack = f"{NAME}-{len(pattern)}"
    parameters = {**deployed.parameters, "Canary": "true", "EventPattern": pattern}
    if pattern:
        with pytest.raises(AssertionError) as failure:
            local.deploy(deployed.aws, deployed.template, stack=stack, **parameters)
        events = deployed.aws.client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
        reasons = " ".join(event.get("ResourceStatusReason", "") for event in events) + str(failure.value)
        start, _, rest = reasons.partition("EventPattern does not admit the canary's events")
        assert rest.startswith(" of eu-west-1"), start
        tell(
            f"EventPattern does not admit the canary's events{rest.partition('Canary=false')[0]}Canary=false."
        )
        return
    local.deploy(deployed.aws, deployed.template, stack=stack, **parameters)
    functions = deployed.aws.client("lambda").list_functions()["Functions"]
    (name,) = [one["FunctionName"] for one in functions if f"{stack}-Canary" in one["FunctionName"]]
    done = deployed.aws.client("lambda").invoke(FunctionName=name, Payload=b"{}")
    result = json.loads(done["Payload"].read())
    tell(str(result))
    assert result["called"] == 1
    assert result["missing"] == []
