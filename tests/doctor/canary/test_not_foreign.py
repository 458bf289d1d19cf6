"""The rest of trailforward knows the canary: no loops, no alerts, and no cost where it is off."""

from __future__ import annotations

import subprocess
import sys

from tests.doctor.worlds import HERE, MEMBER, ROLE, direct, rule
from trailforward import Pattern, detections
from trailforward.arn import Arn
from trailforward.doctor import Call, World, reach
from trailforward.doctor.canary.sample import sample_event
from trailforward.doctor.discover.own_sinks import own_sinks
from trailforward.doctor.loops import find_loops

CANARY = f"arn:aws:iam::{MEMBER}:role/trailforward-{HERE}-canary"
SAMPLE = sample_event(CANARY, HERE)


def test_no_shipped_detection_matches_a_canary() -> None:
    """Canaries raise no alerts, not even where a sink asks for them."""
    found = [name for name, one in detections.load_all().items() if Pattern(one.pattern).matches(SAMPLE)]
    assert found == []


def test_the_doctor_knows_the_canarys_call() -> None:
    """The doctor follows the canary's event as a write event, which a plain rule lets through."""
    call = Call.from_event(SAMPLE)
    assert (call.name, call.read_only, call.category) == (
        "ssm:DeleteParameter",
        False,
        "Management",
    )
    assert reach(World.model_validate(direct()), call).code == "OK"
    assert reach(World.model_validate(direct(rules=[rule(state="DISABLED")])), call).code == "RULE_DISABLED"


def test_the_canary_is_no_loop() -> None:
    """The function's variables with canary_roles name the same resources, and the canary adds no loop."""
    function = Arn.parse(f"arn:aws:lambda:{HERE}:{MEMBER}:function:f")
    variables = {"TRAILFORWARD_TO": f"arn:aws:sqs:{HERE}:{MEMBER}:copies"}
    with_canary = own_sinks({**variables, "TRAILFORWARD_CANARY_ROLES": CANARY}, function)
    assert with_canary == own_sinks(variables, function)
    own = {"roles": [ROLE]}
    before = [finding.at for finding in find_loops(World.model_validate(direct(own=own)))]
    after = [
        finding.at
        for finding in find_loops(World.model_validate(direct(own=own | {"resources": with_canary})))
    ]
    assert before == after == []


def test_other_configurations_do_not_load_it() -> None:
    """Without canary_roles, the forwarder does not import the module, so its cold start stays the same."""
    code = (
        "import sys, trailforward\n"
        "trailforward.Forwarder(trailforward.Config.to('stdout:'))\n"
        "print('trailforward.pipeline.canary' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
