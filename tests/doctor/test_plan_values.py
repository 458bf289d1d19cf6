"""Plans: values that are not known yet, places, modules, and files that are not plans."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.doctor.plans import module, plan, ref, resource, written
from tests.doctor.worlds import HERE, HOME, HUB, MEMBER
from trailforward.doctor import CLASSES, World, reach
from trailforward.doctor.plan import apply_plan, parse_plan
from trailforward.doctor.template import TemplateError
from trailforward.doctor.world.unknown import why_unknown

PATTERN = json.dumps({"source": [{"prefix": "aws."}]})
RULE = resource("aws_cloudwatch_event_rule.r", name="r", event_pattern=PATTERN)


def target(arn: Any, **more: Any) -> dict[str, Any]:
    """A target of the rule ``r``."""
    rule = more.pop("rule", "r")
    return resource("aws_cloudwatch_event_target.t", rule=rule, target_id="t", arn=arn, **more)


def queue(name: str = "in", **more: Any) -> dict[str, Any]:
    """The queue ``q``."""
    return resource("aws_sqs_queue.q", name=name, **more)


def applied(found: dict[str, Any], base: World | None = None, **options: Any) -> World:
    """The world with a plan applied, in the member's account unless the plan says where."""
    return apply_plan(parse_plan(written(found)), base, **{"account": MEMBER, **options}).world


def notes(found: dict[str, Any], **options: Any) -> tuple[str, ...]:
    """What could not be read of a plan."""
    return apply_plan(parse_plan(written(found)), **{"account": MEMBER, **options}).not_understood


def targets(world: World) -> list[str]:
    """The ARNs of all targets."""
    return [one.arn for rule in world.rules for one in rule.targets]


QUEUE = f"arn:aws:sqs:{HERE}:{MEMBER}:in"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"PK\x03\x04", "binary plan; convert it to JSON: terraform show -json plan.bin > plan.json"),
        (b'resource "aws_sqs_queue" "q" {}', "not JSON"),
        (b"", "not JSON"),
        (b"[]", "a plan is a JSON object"),
        (
            b'{"version": 4, "serial": 1, "lineage": "x", "resources": []}',
            "terraform show -json terraform.tfstate",
        ),
        (b'{"@level":"info"}\n{"@level":"info"}\n', "the log of terraform plan -json"),
        (b'{"@level":"info"}', "the log of terraform plan -json"),
        (b'{"Resources": {}}', "use --template"),
        (b'{"format_version": "1.0", "provider_schemas": {}}', "no planned_values"),
        (b'{"format_version": "1.0"}', "no planned_values"),
        (b'{"format_version": "2.0", "planned_values": {}}', "format_version is '2.0'"),
        (b'{"format_version": 1, "planned_values": {}}', "not the output of terraform show -json"),
        (b'{"format_version": "1.2", "planned_values": {}, "errored": true}', "ended with an error"),
        (b'{"a":' * 2000 + b"1" + b"}" * 2000, "not JSON"),
    ],
)
def test_files_that_are_not_plans_get_one_sentence_with_the_fix(text: bytes, words: str) -> None:
    """A binary plan, HCL, a raw state, a log, a template, and broken JSON each get one sentence."""
    with pytest.raises(TemplateError) as caught:
        parse_plan(text)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_plans_that_windows_wrote_are_read(encoding: str) -> None:
    """Windows PowerShell writes UTF-16 or a byte order mark; both are read."""
    found = parse_plan(written(plan([queue()])).decode().encode(encoding))
    assert list(found.instances) == ["aws_sqs_queue.q"]


def test_a_state_is_read_like_a_plan() -> None:
    """The output of terraform show -json for a state has values and no configuration; ARNs say where."""
    arn = f"arn:aws:events:{HOME}:{HUB}:rule/r"
    state = {
        "format_version": "1.0",
        "terraform_version": "1.13.4",
        "values": {
            "root_module": {
                "resources": [
                    {
                        "address": "aws_cloudwatch_event_rule.r", "mode": "managed", "name": "r",
                        "type": "aws_cloudwatch_event_rule", "sensitive_values": {},
                        "values": {"arn": arn, "name": "r", "event_pattern": PATTERN, "role_arn": ""},
                    },
                    {
                        "address": "aws_cloudwatch_event_target.t", "mode": "managed", "name": "t",
                        "type": "aws_cloudwatch_event_target", "sensitive_values": {},
                        "values": {
                            "rule": "r", "arn": QUEUE, "target_id": "x", "role_arn": "", "input": "",
                            "event_bus_name": "default",
                        },
                    },
                ]
            }
        },
    }  # fmt: skip
    state["values"]["root_module"]["resources"][1]["values"]["region"] = HOME  # type: ignore[index]
    (rule,) = applied(state, account=HUB).rules
    assert (rule.account, rule.region, rule.role) == (HUB, HOME, None)
    assert [(one.arn, one.role, one.input) for one in rule.targets] == [(QUEUE, None, None)]


REFERENCES: dict[str, tuple[list[dict[str, Any]], Any]] = {
    "an attribute": ([queue()], ref("aws_sqs_queue.q.arn")),
    "a queue without a name": ([resource("aws_sqs_queue.q")], ref("aws_sqs_queue.q.arn")),
    "an index": ([queue(key=0)], ref("aws_sqs_queue.q[0].arn")),
    "a key": ([queue(key="a.b"), queue("x", key="b")], ref('aws_sqs_queue.q["a.b"].arn')),
    "a splat": ([queue(key=0)], ref("aws_sqs_queue.q")),
    "a choice by a variable": ([queue()], ref("var.enabled", "aws_sqs_queue.q.arn")),
    "a choice between resources": ([queue()], ref("aws_sqs_queue.q.arn", "aws_sqs_queue.fifo[0].arn")),
}


@pytest.mark.parametrize("case", REFERENCES.values(), ids=REFERENCES.keys())
def test_references_give_values_that_terraform_does_not_know_yet(case: Any) -> None:
    """A target that refers to a new queue leads to that queue, whichever way the reference is written."""
    resources, reference = case
    world = applied(plan([RULE, target(reference), *resources], variables={"enabled": True}))
    assert targets(world) == [world.resources[0].arn]
    assert "unknown" not in targets(world)[0]


@pytest.mark.parametrize(
    "reference",
    [
        ref("local.queue"),
        ref("aws_sqs_queue.absent.arn"),
        ref("aws_sqs_queue.q.arn", "aws_sqs_queue.q2.arn"),
        ref("aws_sqs_queue.q.arn", "local.x"),
        ref("aws_sqs_queue.q.name"),
        ref("aws_sqs_queue.q[0].arn"),
        ref("var.missing"),
        ref("module.absent.arn"),
        ref("each.value.arn"),
        ref("aws_instance.i.arn"),
        ref(""),
        ref(),
    ],
)
def test_references_that_do_not_tell_are_unknown(reference: Any) -> None:
    """A local value, several references, and an attribute that is not an ARN leave a target unknown."""
    world = applied(plan([RULE, target(reference), queue(), resource("aws_sqs_queue.q2")]))
    assert [why_unknown(arn) for arn in targets(world)] == [
        "the arn of aws_cloudwatch_event_target.t (known after apply)"
    ]
    assert reach(world, CLASSES[0].call(MEMBER, HERE)).reaches == "unknown" or not world.destinations


def test_a_function_is_not_resolved_where_something_may_be_appended() -> None:
    """The ARN of a function may be followed by an alias, so a second reference leaves it unknown."""
    function = resource("aws_lambda_function.f", function_name="f")
    for reference, known in (
        (ref("aws_lambda_function.f.arn"), True),
        (ref("aws_lambda_function.f.arn", "var.alias"), False),
    ):
        found = plan([RULE, target(reference), function], variables={"alias": "live"})
        assert targets(applied(found))[0].startswith("arn:") is known


def test_each_instance_refers_to_the_instance_with_its_key() -> None:
    """With for_each and count, aws_sqs_queue.q[each.key].arn is the queue with the same key."""
    keys = ("a", "b")
    resources = [
        *(queue(key, key=key) for key in keys),
        *(resource("aws_cloudwatch_event_rule.r", key=key, name=key, event_pattern=PATTERN) for key in keys),
        *(
            resource(
                "aws_cloudwatch_event_target.t",
                key=key,
                rule=key,
                target_id="t",
                arn=ref("aws_sqs_queue.q", "each.key"),
            )
            for key in keys
        ),
    ]
    world = applied(plan(resources))
    assert [(rule.name, one.arn.rpartition(":")[2]) for rule in world.rules for one in rule.targets] == [
        ("a", "a"),
        ("b", "b"),
    ]
    assert world.declared[f"rule:{MEMBER}/{HERE}/default/a"] == 'aws_cloudwatch_event_rule.r["a"]'


def test_modules_pass_values_through_variables_and_outputs() -> None:
    """A queue of one module reaches the target of another one, also through modules that contain others."""
    inner = module("queue", [queue()], outputs={"arn": ref("aws_sqs_queue.q.arn")})
    outer = module("outer", [], modules=[inner], outputs={"queue_arn": ref("module.queue.arn")})
    rules = module(
        "rules",
        [RULE, target(ref("var.queue"), rule=ref("aws_cloudwatch_event_rule.r.name"))],
        key=HERE,
        arguments={"queue": ref("module.outer.queue_arn")},
    )
    world = applied(plan([], modules=[outer, rules]))
    assert targets(world) == [QUEUE]
    assert world.declared[f"rule:{MEMBER}/{HERE}/default/r"] == (
        f'module.rules["{HERE}"].aws_cloudwatch_event_rule.r'
    )


def test_variables_of_a_module_have_constants_and_defaults() -> None:
    """A module's argument may be a constant, and one that is not given has its default."""
    rules = module("rules", [RULE, target(ref("var.queue"))], arguments={"queue": QUEUE})
    found = plan([], modules=[rules])
    assert targets(applied(found)) == [QUEUE]
    call = found["configuration"]["root_module"]["module_calls"]["rules"]
    call["expressions"] = {}
    call["module"]["variables"]["queue"] = {"default": QUEUE}
    assert targets(applied(found)) == [QUEUE]
    call["module"]["variables"]["queue"]["sensitive"] = True
    assert why_unknown(targets(applied(found))[0])


def test_providers_say_where_their_resources_are() -> None:
    """A provider's Region may be a constant or a variable; version 6 of the provider has one per resource."""
    there, third = "eu-central-1", "ap-south-1"
    resources = [
        resource("aws_cloudwatch_event_rule.here", name="here", event_pattern=PATTERN),
        resource("aws_cloudwatch_event_rule.there", provider="b", name="there", event_pattern=PATTERN),
        resource("aws_cloudwatch_event_rule.own", name="own", event_pattern=PATTERN, region=third),
    ]
    providers = {"": {"region": HERE}, "b": {"region": ref("var.other")}}
    world = applied(plan(resources, providers=providers, variables={"other": there}))
    assert {rule.name: rule.region for rule in world.rules} == {"here": HERE, "there": there, "own": third}
    assert {(account, region) for account, regions in world.accounts.items() for region in regions} == {
        (MEMBER, HERE),
        (MEMBER, there),
        (MEMBER, third),
    }


def test_a_provider_that_assumes_a_role_is_in_the_account_of_the_role() -> None:
    """Rules of several accounts are in their own accounts, and lead to each other."""
    bus = resource("aws_cloudwatch_event_bus.hub", provider="hub", name="hub")
    resources = [RULE, target(ref("aws_cloudwatch_event_bus.hub.arn")), bus]
    role = {"role_arn": f"arn:aws:iam::{HUB}:role/deploy"}
    providers = {"": {"region": HERE}, "hub": {"region": HOME, "assume_role": [role]}}
    world = applied(plan(resources, providers=providers))
    assert targets(world) == [f"arn:aws:events:{HOME}:{HUB}:event-bus/hub"]
    assert {rule.account for rule in world.rules} == {MEMBER}
    assert [(one.account, one.region) for one in world.buses] == [(HUB, HOME)]


def test_a_place_that_is_not_known_is_said_with_the_option_that_gives_it() -> None:
    """Resources of a provider without a Region are not read, and nothing counts as absent because of that."""
    found = plan([RULE, target(QUEUE)], providers={"": {}})
    (note, *_) = notes(found)
    assert note == (
        "aws_cloudwatch_event_rule.r and 1 more were not read: the Region of the provider aws is not known. "
        "Give it with --deployed-in."
    )
    world = applied(found, asked_accounts=[MEMBER], asked_regions=[HERE], destinations=[QUEUE])
    assert reach(world, CLASSES[0].call(MEMBER, HERE)).code == "NOT_SEEN"
    assert targets(applied(found, region=HERE)) == [QUEUE]
    assumed = {"": {"region": HERE, "assume_role": [{"role_arn": ref("local.role")}]}}
    assert "--account" in notes(plan([RULE], providers=assumed))[0]


def test_the_account_is_that_of_the_credentials_if_the_plan_says_it() -> None:
    """A data source aws_caller_identity, and the ARNs of existing resources, say the account."""
    found = plan([RULE])
    identity = {
        "address": "data.aws_caller_identity.me", "mode": "data", "type": "aws_caller_identity", "name": "me",
        "values": {"account_id": HUB},
    }  # fmt: skip
    found["prior_state"] = {"values": {"root_module": {"resources": [identity]}}}
    assert [rule.account for rule in applied(found).rules] == [HUB]


def test_the_given_account_is_that_of_the_only_credentials() -> None:
    """--account is used for a provider with a profile, whatever other providers the plan has."""
    found = plan([RULE], providers={"": {"region": HERE, "profile": "work"}})
    item: dict[str, Any] = {"address": "random_pet.p", "mode": "managed", "type": "random_pet", "name": "p"}
    found["planned_values"]["root_module"]["resources"].append({**item, "values": {}})
    assert [rule.account for rule in applied(found).rules] == [MEMBER]
    other = resource("aws_cloudwatch_event_rule.o", provider="o", name="o", event_pattern=PATTERN)
    providers = {"": {"region": HERE}, "o": {"region": HERE, "profile": "other"}}
    assert [rule.name for rule in applied(plan([RULE, other], providers=providers)).rules] == ["r"]


def test_old_plans_name_providers_of_modules_after_the_module() -> None:
    """Terraform before 1.1 gives a module's resources a provider of the module; it is that of the parent."""
    found = plan([], modules=[module("rules", [RULE])])
    inner = found["configuration"]["root_module"]["module_calls"]["rules"]["module"]
    inner["resources"][0]["provider_config_key"] = "module.rules:aws"
    assert [rule.region for rule in applied(found).rules] == [HERE]
    providers = found["configuration"]["provider_config"]
    providers["module.rules:aws"] = {"name": "aws", "module_address": "module.rules"}
    assert [rule.region for rule in applied(found).rules] == [HERE]
    providers["aws.other"] = {"name": "aws", "alias": "other", "expressions": {}}
    assert applied(found).rules == ()
    assert "the account of the provider module.rules aws is not known" in notes(found)[0]
    providers["module.rules:aws"]["expressions"] = {"region": {"references": ["var.region"]}}
    call = found["configuration"]["root_module"]["module_calls"]["rules"]
    call["expressions"]["region"] = {"constant_value": HOME}
    assert [rule.region for rule in applied(found).rules] == [HOME]


def test_sensitive_values_are_unknown() -> None:
    """A value that is marked as sensitive is neither used nor shown."""
    found = plan([RULE, target(QUEUE)])
    change = next(one for one in found["resource_changes"] if one["address"].endswith(".t"))
    change["change"]["after_sensitive"] = {"arn": True}
    world = applied(found)
    assert "sensitive" in why_unknown(targets(world)[0])
    assert QUEUE not in world.to_json()


def existing(world_of: list[dict[str, Any]]) -> World:
    """A world with what a plan would create."""
    return applied(plan(world_of))


def deleted(address: str, **before: Any) -> dict[str, Any]:
    """A change that deletes a resource."""
    kind, name = address.split(".")
    change = {"actions": ["delete"], "before": before, "after": None, "after_unknown": {}}
    return {"address": address, "mode": "managed", "type": kind, "name": name, "change": change}


def test_what_a_plan_deletes_is_gone() -> None:
    """A rule that is deleted or replaced under another name is not part of the world any more."""
    base = existing([RULE, target(QUEUE), queue()])
    arn = f"arn:aws:events:{HERE}:{MEMBER}:rule/r"
    found = plan([])
    found["resource_changes"] = [
        deleted("aws_cloudwatch_event_rule.r", name="r", arn=arn, event_bus_name="default")
    ]
    world = applied(found, base)
    assert world.rules == ()
    assert [one.arn for one in world.resources] == [QUEUE]
    found["resource_changes"][0]["change"]["actions"] = ["no-op"]
    assert len(applied(found, base).rules) == 1


SENDS = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage"}


def test_policies_for_existing_resources_are_added_to_them() -> None:
    """A policy for a queue that the plan does not create makes the queue of the snapshot accept events."""
    base = existing([RULE, target(QUEUE), queue()])
    ends = {"destinations": [QUEUE]}
    policy = resource(
        "aws_sqs_queue_policy.p",
        queue_url=f"https://sqs.{HERE}.amazonaws.com/{MEMBER}/in",
        policy=json.dumps({"Statement": [{**SENDS, "Resource": QUEUE}]}),
    )
    call = CLASSES[0].call(MEMBER, HERE)
    assert reach(applied(plan([]), base, **ends), call).code == "QUEUE_POLICY"
    assert reach(applied(plan([policy]), base, **ends), call).code == "OK"
    policy["arguments"]["policy"] = ref("local.policy")
    assert reach(applied(plan([policy]), base, **ends), call).code == "NOT_SEEN"
    policy["arguments"]["queue_url"] = ref("local.queue")
    assert reach(applied(plan([policy]), base, **ends), call).code == "NOT_SEEN"


def test_policies_that_a_plan_deletes_are_taken_away() -> None:
    """Without the policy that a plan deletes, the queue of the snapshot does not accept events."""
    policy = json.dumps({"Statement": [{**SENDS, "Resource": QUEUE}]})
    url = f"https://sqs.{HERE}.amazonaws.com/{MEMBER}/in"
    base = existing(
        [RULE, target(QUEUE), queue(), resource("aws_sqs_queue_policy.p", queue_url=url, policy=policy)]
    )
    call = CLASSES[0].call(MEMBER, HERE)
    assert reach(applied(plan([]), base, destinations=[QUEUE]), call).code == "OK"
    found = plan([])
    found["resource_changes"] = [deleted("aws_sqs_queue_policy.p", queue_url=url, policy=policy)]
    assert reach(applied(found, base, region=HERE, destinations=[QUEUE]), call).code == "QUEUE_POLICY"


@pytest.mark.parametrize(
    ("added", "code"),
    [
        (target(QUEUE, rule="r"), "NOT_SEEN"),
        (
            resource("aws_iam_role_policy_attachment.a", role="send", policy_arn="arn:aws:iam::aws:policy/X"),
            "OK",
        ),
    ],
)
def test_parts_of_existing_rules_and_roles_are_not_overlooked(added: dict[str, Any], code: str) -> None:
    """A target for a rule that the plan does not create makes its result unknown, not blind."""
    base = existing([RULE] if code == "NOT_SEEN" else [RULE, target(QUEUE)])
    base = base.model_copy(update={"unseen": ()})
    open_queue = [
        queue(),
        resource(
            "aws_sqs_queue_policy.p",
            queue_url=ref("aws_sqs_queue.q.url"),
            policy=json.dumps({"Statement": [{**SENDS, "Resource": QUEUE}]}),
        ),
    ]
    world = applied(plan([added, *open_queue]), base, destinations=[QUEUE])
    assert reach(world, CLASSES[0].call(MEMBER, HERE)).code == code


def test_the_policy_inside_a_queue_counts_unless_another_one_is_attached() -> None:
    """A queue's own policy argument is read; a separate policy resource for the queue replaces it."""
    document = {"Statement": [{**SENDS, "Resource": QUEUE}]}
    inside = queue(policy=json.dumps(document))
    attached = resource(
        "aws_sqs_queue_policy.p", queue_url=ref("aws_sqs_queue.q.url"), policy=json.dumps({"Statement": []})
    )
    assert [len(one.policy) for one in applied(plan([inside])).resources] == [1]
    assert [len(one.policy) for one in applied(plan([inside, attached])).resources] == [0]


def test_stacksets_with_a_template_in_the_plan_are_deployed() -> None:
    """The instances of a StackSet are read by the template reader, in their accounts and Regions."""
    body = f"Resources: {{R: {{Type: AWS::Events::Rule, Properties: {{Name: r, EventPattern: {PATTERN}}}}}}}"
    resources = [
        resource("aws_cloudformation_stack_set.s", name="s", template_body=body, parameters={}),
        resource(
            "aws_cloudformation_stack_set_instance.i",
            stack_set_name=ref("aws_cloudformation_stack_set.s.name"),
            account_id=HUB,
            region=HOME,
            deployment_targets=[],
        ),
    ]
    assert [(rule.account, rule.region) for rule in applied(plan(resources)).rules] == [(HUB, HOME)]
    resources[1]["arguments"]["deployment_targets"] = [{"organizational_unit_ids": ["ou-1"]}]
    assert "organizational units" in notes(plan(resources))[0]
    resources[0]["arguments"]["template_body"] = ref("local.body")
    resources[1]["arguments"]["deployment_targets"] = []
    assert "its template is not in the plan" in notes(plan(resources))[0]


def test_types_that_matter_and_are_not_read_are_named() -> None:
    """A resource that may have a part in an event's path, and is not understood, is in the report."""
    found = plan([queue()])
    for kind in ("aws_pipes_pipe", "aws_instance", "awscc_events_rule", "aws_cloudwatch_event_archive"):
        item: dict[str, Any] = {
            "address": f"{kind}.x",
            "mode": "managed",
            "type": kind,
            "name": "x",
            "values": {},
        }
        found["planned_values"]["root_module"]["resources"].append(item)
    assert notes(found) == (
        "aws_pipes_pipe.x: resources of the type aws_pipes_pipe are not understood.",
        "awscc_events_rule.x: resources of the type awscc_events_rule are not understood.",
    )


def test_a_plan_that_is_not_complete_says_so() -> None:
    """Plans with -target and deferred changes leave something out, and the report says what."""
    deferred = [{"reason": "unknown", "resource_change": {"address": "aws_sqs_queue.later"}}]
    found = plan([queue()], complete=False, deferred_changes=deferred)
    assert [text.partition(" (")[0] for text in notes(found)] == [
        "The plan is not complete",
        "aws_sqs_queue.later is deferred to a later plan, so it is not read.",
    ]


def statement(on: Any, *conditions: Any, **more: Any) -> dict[str, Any]:
    """A statement of a policy document."""
    principals = [{"type": "Service", "identifiers": ["events.amazonaws.com"]}]
    found = {"effect": "Allow", "actions": ["sqs:SendMessage"], "resources": [on], "principals": principals}
    return {**found, "condition": list(conditions), **more}


def statements_of(found: dict[str, Any]) -> Any:
    """The statements of the queue's policy."""
    (one,) = applied(found).resources
    return one.policy


def documented(*statements: dict[str, Any], rule: dict[str, Any] = RULE) -> dict[str, Any]:
    """A plan with a queue, a rule, and a policy document that is read during apply."""
    return plan(
        [
            rule,
            queue(),
            resource("data.aws_iam_policy_document.d", statement=list(statements)),
            resource(
                "aws_sqs_queue_policy.p",
                queue_url=ref("aws_sqs_queue.q.url"),
                policy=ref("data.aws_iam_policy_document.d.json"),
            ),
        ]
    )


BY_RULE = {
    "test": "ArnEquals",
    "variable": "aws:SourceArn",
    "values": [ref("aws_cloudwatch_event_rule.r.arn")],
}
BY_ACCOUNT = {"test": "StringEquals", "variable": "aws:SourceAccount", "values": [MEMBER]}


def test_policy_documents_are_known_before_terraform_reads_them() -> None:
    """Statements with references to new resources have their ARNs, whatever the order of a set is."""
    arn = ref("aws_sqs_queue.q.arn")
    for conditions in ((BY_RULE, BY_ACCOUNT), (BY_ACCOUNT, BY_RULE)):
        found = documented(statement(arn, *conditions))
        for change in found["resource_changes"]:
            for one in change["change"]["after"].get("statement", ()):
                one["condition"].reverse()
                change["change"]["after_unknown"]["statement"][0]["condition"].reverse()
        (read,) = statements_of(found)
        assert read["Resource"] == [QUEUE]
        assert read["Condition"] == {
            "ArnEquals": {"aws:SourceArn": [f"arn:aws:events:{HERE}:{MEMBER}:rule/r"]},
            "StringEquals": {"aws:SourceAccount": [MEMBER]},
        }


def test_blocks_that_the_configuration_leaves_out_are_not_confused_with_others() -> None:
    """Terraform leaves dynamic blocks out: a statement is resolved only if it is certain which one it is."""
    arn = ref("aws_sqs_queue.q.arn")
    found = documented(statement("arn:aws:sqs:eu-west-1:1:x", sid="first"), statement(arn, sid="second"))
    (document,) = (
        one
        for one in found["configuration"]["root_module"]["resources"]
        if one["type"] == "aws_iam_policy_document"
    )
    blocks = document["expressions"]["statement"]
    document["expressions"]["statement"] = blocks[1:]
    assert [one["Resource"] for one in statements_of(found)] == [["arn:aws:sqs:eu-west-1:1:x"], [QUEUE]]
    document["expressions"]["statement"] = blocks[:1]
    assert why_unknown(statements_of(found)[1]["Resource"][0])
    found = documented(statement(arn), statement(arn), statement(arn))
    document = next(
        one
        for one in found["configuration"]["root_module"]["resources"]
        if one["type"] == "aws_iam_policy_document"
    )
    del document["expressions"]["statement"][0]
    assert all(why_unknown(one["Resource"][0]) for one in statements_of(found))


def test_is_enabled_decides_if_only_that_is_configured() -> None:
    """The plan of an existing rule keeps its old state, but the provider applies is_enabled."""
    rule = resource("aws_cloudwatch_event_rule.r", name="r", event_pattern=PATTERN, is_enabled=False)
    assert [one.state for one in applied(plan([rule])).rules] == ["DISABLED"]
    rule["arguments"] |= {"is_enabled": None, "state": "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"}
    assert [one.state for one in applied(plan([rule])).rules] == [rule["arguments"]["state"]]
    rule["arguments"]["state"] = ref("var.state")
    assert why_unknown(applied(plan([rule])).rules[0].state)


def test_arguments_that_are_null_are_not_set() -> None:
    """A module's argument that passes null on leaves the queue without a policy and with a generated name."""
    queues = module(
        "queues",
        [resource("aws_sqs_queue.q", policy=ref("var.policy"), name=ref("var.name"))],
        arguments={"policy": ref("var.policy"), "name": None},
    )
    found = plan([], modules=[queues], variables={"policy": None})
    (one,) = applied(found).resources
    assert (one.policy, one.unread) == ((), {})
    assert one.arn.endswith(":module-queues-aws_sqs_queue-q")
    call = found["configuration"]["root_module"]["module_calls"]["queues"]
    del call["expressions"]["name"]
    call["module"]["variables"]["name"] = {"default": None}
    assert applied(found).resources == (one,)
    call["expressions"]["policy"] = ref("local.policy")._asdict()
    (one,) = applied(found).resources
    assert "policy" in one.unread


def test_permissions_of_an_existing_bus_are_added_to_it() -> None:
    """A permission is added to the statements that a bus of the snapshot has; a bus policy replaces them."""
    base = existing([resource("aws_cloudwatch_event_permission.p", principal=HUB, statement_id="hub")])
    more = resource("aws_cloudwatch_event_permission.m", principal=MEMBER, statement_id="member")
    whole = resource("aws_cloudwatch_event_bus_policy.b", policy=json.dumps({"Statement": [SENDS]}))

    def principals(world: World) -> list[Any]:
        return [one["Principal"] for bus in world.buses for one in bus.policy]

    assert principals(applied(plan([more]), base)) == [{"AWS": HUB}, {"AWS": MEMBER}]
    assert principals(applied(plan([whole]), base)) == [SENDS["Principal"]]
    found = plan([])
    before = {"principal": HUB, "event_bus_name": "default", "action": "events:PutEvents", "condition": []}
    found["resource_changes"] = [deleted("aws_cloudwatch_event_permission.p", **before)]
    (bus,) = applied(found, base, region=HERE).buses
    assert "is deleted" in bus.unread["policy"]
    found["resource_changes"] = [
        deleted("aws_cloudwatch_event_bus_policy.b", policy="{}", event_bus_name="default")
    ]
    assert principals(applied(found, base, region=HERE)) == []


STREAM = f"arn:aws:kinesis:{HERE}:{MEMBER}:stream/s"
PUT = {"Statement": [{"Effect": "Allow", "Action": "kinesis:PutRecord", "Resource": STREAM}]}


def test_what_a_role_lists_gives_way_to_policies_of_their_own() -> None:
    """An existing role lists its policies as they were; what the plan says about each of them decides."""
    role = resource(
        "aws_iam_role.r",
        name="send",
        assume_role_policy="{}",
        inline_policy=[
            {"name": "p", "policy": json.dumps(PUT)},
            {"name": "by hand", "policy": json.dumps(PUT)},
        ],
        managed_policy_arns=["arn:aws:iam::aws:policy/A", "arn:aws:iam::aws:policy/B"],
    )
    nothing = resource("aws_iam_role_policy.p", name="p", role="send", policy=json.dumps({"Statement": []}))
    found = plan([role, nothing])
    for one in found["configuration"]["root_module"]["resources"]:
        one["expressions"].pop("inline_policy", None)
        one["expressions"].pop("managed_policy_arns", None)
    found["resource_changes"].append(
        deleted("aws_iam_role_policy_attachment.a", role="send", policy_arn="arn:aws:iam::aws:policy/A")
    )
    (read,) = applied(found).roles
    assert len(read.statements) == 1
    assert "policy/B" in read.unread["policies"]
    (read,) = applied(plan([role])).roles
    assert len(read.statements) == 2


def test_a_queue_whose_policy_is_deleted_has_none() -> None:
    """An existing queue still lists the policy that the plan deletes."""
    policy = json.dumps({"Statement": [{**SENDS, "Resource": QUEUE}]})
    url = f"https://sqs.{HERE}.amazonaws.com/{MEMBER}/in"
    found = plan([queue(policy=policy)])
    del found["configuration"]["root_module"]["resources"][0]["expressions"]["policy"]
    assert [len(one.policy) for one in applied(found).resources] == [1]
    found["resource_changes"].append(deleted("aws_sqs_queue_policy.p", queue_url=url, policy=policy))
    assert [len(one.policy) for one in applied(found).resources] == [0]


def test_parts_that_are_deleted_from_existing_resources_are_not_relied_on() -> None:
    """If a plan deletes a target or permission of what it does not describe, the rest is unknown."""
    base = existing([RULE, target(QUEUE), queue()])
    found = plan([])
    found["resource_changes"] = [
        deleted("aws_cloudwatch_event_target.t", rule="r", arn=QUEUE, target_id="t", event_bus_name="default")
    ]
    (rule,) = applied(found, base, region=HERE).rules
    assert ("targets" in rule.unread, rule.targets) == (True, ())
    permitted = existing(
        [
            RULE,
            target(f"arn:aws:lambda:{HERE}:{MEMBER}:function:f"),
            resource("aws_lambda_function.f", function_name="f"),
            resource(
                "aws_lambda_permission.p",
                function_name="f",
                action="lambda:InvokeFunction",
                principal="events.amazonaws.com",
            ),
        ]
    )
    function = f"arn:aws:lambda:{HERE}:{MEMBER}:function:f"
    call = CLASSES[0].call(MEMBER, HERE)
    assert reach(permitted.model_copy(update={"destinations": (function,)}), call).code == "OK"
    before = {"function_name": "f", "action": "lambda:InvokeFunction", "principal": "events.amazonaws.com"}
    found["resource_changes"] = [deleted("aws_lambda_permission.p", **before)]
    world = applied(found, permitted, region=HERE, destinations=[function])
    assert reach(world, call).code == "NOT_SEEN"


def test_the_organization_decides_only_if_it_is_known() -> None:
    """A bus for the organization is unknown, unless the plan reads the organization and its accounts."""
    bus = f"arn:aws:events:{HERE}:{HUB}:event-bus/hub"
    condition = [{"key": "aws:PrincipalOrgID", "type": "StringEquals", "value": "o-1234567890"}]
    role = {"role_arn": f"arn:aws:iam::{HUB}:role/deploy"}
    trust = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"}
    send = {"Effect": "Allow", "Action": "events:PutEvents", "Resource": bus}
    found = plan(
        [
            RULE,
            target(bus, role_arn=ref("aws_iam_role.send.arn")),
            resource("aws_iam_role.send", name="send", assume_role_policy=json.dumps({"Statement": [trust]})),
            resource("aws_iam_role_policy.p", role="send", policy=json.dumps({"Statement": [send]})),
            resource("aws_cloudwatch_event_bus.hub", provider="hub", name="hub"),
            resource(
                "aws_cloudwatch_event_permission.hub",
                provider="hub",
                event_bus_name="hub",
                principal="*",
                condition=condition,
            ),
        ],
        providers={"": {"region": HERE}, "hub": {"region": HERE, "assume_role": [role]}},
    )
    call = CLASSES[0].call(MEMBER, HERE)
    assert reach(applied(found, destinations=[bus]), call).reaches == "unknown"
    organization: dict[str, Any] = {
        "address": "data.aws_organizations_organization.o", "mode": "data", "name": "o",
        "type": "aws_organizations_organization",
        "values": {"id": "o-1234567890", "master_account_id": HUB, "accounts": [{"id": HUB}, {"id": MEMBER}]},
    }  # fmt: skip
    found["prior_state"] = {"values": {"root_module": {"resources": [organization]}}}
    assert reach(applied(found, destinations=[bus]), call).code == "OK"
    organization["values"]["accounts"].pop()
    assert reach(applied(found, destinations=[bus]), call).reaches is False


def test_a_name_is_not_taken_for_the_arn_that_contains_it() -> None:
    """A condition may be an ARN around a reference to a name, so the name alone does not decide."""
    rule = resource("aws_cloudwatch_event_rule.r", event_pattern=PATTERN)
    arn = ref("aws_sqs_queue.q.arn")
    for reference, known in (
        (ref("aws_cloudwatch_event_rule.r.arn"), True),
        (ref("aws_cloudwatch_event_rule.r.name"), False),
        (ref("var.region", "aws_cloudwatch_event_rule.r.name"), False),
    ):
        (read,) = statements_of(documented(statement(arn, {**BY_RULE, "values": [reference]}), rule=rule))
        (value,) = read["Condition"]["ArnEquals"]["aws:SourceArn"]
        assert value.startswith("arn:") is known


def test_deposed_objects_do_not_hide_what_replaces_them() -> None:
    """An old object that Terraform still has to delete has the address of its successor."""
    found = plan([queue()])
    old = {
        **found["resource_changes"][0],
        "deposed": "12345678",
        "change": {"actions": ["delete"], "after": None},
    }
    found["resource_changes"].append(old)
    assert [one.arn for one in applied(found).resources] == [QUEUE]
    assert parse_plan(written(found)).instances["aws_sqs_queue.q"].complete


def test_a_statement_for_somebody_who_is_not_known_is_not_relied_on() -> None:
    """If the type of a principal is not known, the whole policy is unknown."""
    principals = [{"type": ref("local.type"), "identifiers": ["events.amazonaws.com"]}]
    (one,) = applied(documented(statement(ref("aws_sqs_queue.q.arn"), principals=principals))).resources
    assert "policy" in one.unread
