"""Convert: the instances of a plan as resources in CloudFormation's form.

The AWS provider and CloudFormation describe the same APIs. So rules, queues, and policies of a plan are read
by the same code as those of a template, and both give the same World.

Source: https://registry.terraform.io/providers/hashicorp/aws/latest/docs, the page of each resource
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.doctor.plan.naming import bus_name, made_name
from trailforward.doctor.world.unknown import holds_unknown, is_unknown, unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from trailforward.doctor.plan.attributes import Attributes
    from trailforward.doctor.plan.document import Instance


class Converted(NamedTuple):
    """A resource in CloudFormation's form.

    Attributes:
        suffix: what distinguishes it from other resources of the same instance; mostly empty.
        kind: ``AWS::SQS::Queue``.
        properties: its properties, with known values only.
    """

    suffix: str
    kind: str
    properties: dict[str, Any]


class Source(NamedTuple):
    """An instance with access to its arguments."""

    instance: Instance
    attributes: Attributes

    def get(self, *path: str | int) -> Any:
        """The value of an argument (:meth:`Attributes.get`)."""
        return self.attributes.get(self.instance, *path)

    def text(self, *path: str | int) -> str | None:
        """The value of an argument that is a text; None if it is not set."""
        value = self.get(*path)
        return None if value is None else str(value)

    def own(self, kind: str, **properties: Any) -> Converted:
        """The resource that the instance itself is; properties that are not set are left out."""
        return Converted("", kind, given(**properties))


def given(**properties: Any) -> dict[str, Any]:
    """The properties that are set."""
    return {name: value for name, value in properties.items() if value is not None}


def document(value: Any) -> Any:
    """A policy document as a property: an object, or a text if it is not known."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _rule(source: Source) -> Iterator[Converted]:
    state = source.get("state")
    # The provider keeps the old state in the plan, but applies is_enabled if only that is configured.
    configured = [source.attributes.configured(source.instance, name) for name in ("state", "is_enabled")]
    if state is None or configured == [False, True]:
        enabled = source.get("is_enabled")
        state = enabled if isinstance(enabled, str) else "DISABLED" if enabled is False else "ENABLED"
    yield source.own(
        "AWS::Events::Rule",
        Name=source.attributes.naming.name(source.instance),
        EventBusName=bus_name(source.get("event_bus_name")),
        State=state,
        EventPattern=source.get("event_pattern"),
        RoleArn=source.get("role_arn"),
        Targets=[],
    )


def target(source: Source) -> dict[str, Any]:
    """A target as an element of its rule's ``Targets``."""
    found: dict[str, Any] = {
        "Id": source.text("target_id") or unknown("the ID"),
        "Arn": source.text("arn") or unknown("the target"),
        **given(
            RoleArn=source.get("role_arn"), Input=source.get("input"), InputPath=source.get("input_path")
        ),
    }
    if is_unknown(found["Id"]):
        found["Id"] = made_name(source.instance.address)
    for block in source.attributes.blocks(source.instance, "input_transformer"):
        template = block if isinstance(block, str) else block.get("input_template")
        paths = {} if isinstance(block, str) else block.get("input_paths") or {}
        found["InputTransformer"] = {"InputPathsMap": paths, "InputTemplate": template}
    for index, _ in enumerate(source.attributes.blocks(source.instance, "sqs_target")):
        found["SqsParameters"] = {"MessageGroupId": source.get("sqs_target", index, "message_group_id")}
    for index, _ in enumerate(source.attributes.blocks(source.instance, "dead_letter_config")):
        found["DeadLetterConfig"] = given(Arn=source.get("dead_letter_config", index, "arn"))
    return found


def _bus(source: Source) -> Iterator[Converted]:
    yield source.own(
        "AWS::Events::EventBus",
        Name=source.attributes.naming.name(source.instance),
        KmsKeyIdentifier=_key(source, "kms_key_identifier"),
    )


def _bus_policy(source: Source) -> Iterator[Converted]:
    found = document(source.get("policy"))
    statement = found.get("Statement", []) if isinstance(found, dict) else [str(found)]
    yield source.own(
        "AWS::Events::EventBusPolicy",
        EventBusName=bus_name(source.get("event_bus_name")),
        Statement=statement,
    )


def _bus_permission(source: Source) -> Iterator[Converted]:
    condition = None
    for index, block in enumerate(source.attributes.blocks(source.instance, "condition")):
        condition = {
            "Key": block["key"] if isinstance(block, dict) else block,
            "Type": block["type"] if isinstance(block, dict) else "StringEquals",
            "Value": source.get("condition", index, "value"),
        }
    yield source.own(
        "AWS::Events::EventBusPolicy",
        EventBusName=bus_name(source.get("event_bus_name")),
        Action=source.get("action") or "events:PutEvents",
        Principal=source.get("principal"),
        Condition=condition,
    )


def _queue(source: Source) -> Iterator[Converted]:
    yield source.own(
        "AWS::SQS::Queue",
        QueueName=source.attributes.naming.name(source.instance),
        FifoQueue=source.get("fifo_queue"),
        ContentBasedDeduplication=source.get("content_based_deduplication"),
        KmsMasterKeyId=_key(source, "kms_master_key_id"),
    )
    yield from _inner_policy(source, "AWS::SQS::QueuePolicy", "Queues")


def _topic(source: Source) -> Iterator[Converted]:
    yield source.own(
        "AWS::SNS::Topic",
        TopicName=source.attributes.naming.name(source.instance),
        FifoTopic=source.get("fifo_topic"),
        ContentBasedDeduplication=source.get("content_based_deduplication"),
        KmsMasterKeyId=_key(source, "kms_master_key_id"),
    )
    yield from _inner_policy(source, "AWS::SNS::TopicPolicy", "Topics")


def _inner_policy(source: Source, kind: str, key: str) -> Iterator[Converted]:
    """The policy in the argument of a queue or topic."""
    naming = source.attributes.naming
    policy = source.get("policy")
    is_set = source.attributes.configured(source.instance, "policy")
    if policy and (is_set or not source.attributes.former.policy(naming.name(source.instance))):
        yield Converted(
            ".policy", kind, {key: [naming.arn(source.instance)], "PolicyDocument": document(policy)}
        )


def _queue_policy(source: Source) -> Iterator[Converted]:
    url = source.text("queue_url")
    yield source.own(
        "AWS::SQS::QueuePolicy", Queues=[url or unknown("the queue")], PolicyDocument=_policy(source)
    )


def _topic_policy(source: Source) -> Iterator[Converted]:
    yield source.own(
        "AWS::SNS::TopicPolicy",
        Topics=[source.text("arn") or unknown("the topic")],
        PolicyDocument=_policy(source),
    )


def _policy(source: Source, name: str = "policy") -> Any:
    return document(source.get(name) or unknown("the policy"))


def _subscription(source: Source) -> Iterator[Converted]:
    scope = source.get("filter_policy_scope")
    policy = source.get("filter_policy")
    yield source.own(
        "AWS::SNS::Subscription",
        TopicArn=source.text("topic_arn") or unknown("the topic"),
        Endpoint=source.text("endpoint") or unknown("the endpoint"),
        FilterPolicy=policy or None,
        FilterPolicyScope=scope or None,
    )


def _function(source: Source) -> Iterator[Converted]:
    name = source.attributes.naming.name(source.instance)
    yield source.own("AWS::Lambda::Function", FunctionName=name)


def _permission(source: Source) -> Iterator[Converted]:
    function, qualifier = source.text("function_name") or unknown("the function"), source.text("qualifier")
    if not function.startswith("arn:") and not is_unknown(function):
        function = source.attributes.naming.function_arn(source.instance, function)
    names = {
        "SourceArn": "source_arn",
        "SourceAccount": "source_account",
        "PrincipalOrgID": "principal_org_id",
    }
    conditions = {name: source.get(argument) for name, argument in names.items()}
    action = source.get("action")
    if holds_unknown(conditions):  # a value that is not known may also be null, so without a condition
        action = unknown(f"which conditions {source.instance.address} has")
        conditions = {name: value for name, value in conditions.items() if not holds_unknown(value)}
    yield source.own(
        "AWS::Lambda::Permission",
        FunctionName=f"{function}:{qualifier}" if qualifier else function,
        Action=action,
        Principal=source.get("principal"),
        **conditions,
    )


def _stream(source: Source) -> Iterator[Converted]:
    encryption = None
    kind, key = source.get("encryption_type"), _key(source, "kms_key_id")
    if holds_unknown(kind):
        kind, key = "KMS", str(kind)
    if kind == "KMS":
        encryption = given(EncryptionType=kind, KeyId=key)
    yield source.own(
        "AWS::Kinesis::Stream",
        Name=source.attributes.naming.name(source.instance),
        StreamEncryption=encryption,
    )


def _delivery_stream(source: Source) -> Iterator[Converted]:
    encryption = None
    for index, block in enumerate(source.attributes.blocks(source.instance, "server_side_encryption")):
        name = "server_side_encryption"
        enabled = block if isinstance(block, str) else block.get("enabled")
        kind, key = source.get(name, index, "key_type"), source.get(name, index, "key_arn")
        if holds_unknown([enabled, kind]):
            kind, key = "CUSTOMER_MANAGED_CMK", unknown(f"the key of {source.instance.address}")
        if enabled is not False:
            encryption = given(KeyType=kind, KeyARN=key)
    yield source.own(
        "AWS::KinesisFirehose::DeliveryStream",
        DeliveryStreamName=source.attributes.naming.name(source.instance),
        DeliveryStreamEncryptionConfigurationInput=encryption,
    )


def _state_machine(source: Source) -> Iterator[Converted]:
    name = source.attributes.naming.name(source.instance)
    yield source.own("AWS::StepFunctions::StateMachine", StateMachineName=name)


def _role(source: Source) -> Iterator[Converted]:
    former = source.attributes.former
    name = source.attributes.naming.name(source.instance)
    is_set = source.attributes.configured(source.instance, "inline_policy")
    inline: list[Any] = []
    for index, block in enumerate(source.attributes.blocks(source.instance, "inline_policy")):
        if not block or (not is_set and former.inline(name, block)):  # an empty block forbids other policies
            continue
        policy = block if isinstance(block, str) else source.get("inline_policy", index, "policy")
        inline.append({"PolicyDocument": document(policy)})
    managed = source.get("managed_policy_arns")
    if isinstance(managed, list) and not source.attributes.configured(source.instance, "managed_policy_arns"):
        managed = [arn for arn in managed if not former.managed(name, arn)]
    yield source.own(
        "AWS::IAM::Role",
        RoleName=name,
        AssumeRolePolicyDocument=document(source.get("assume_role_policy")),
        Policies=inline,
        ManagedPolicyArns=managed if isinstance(managed, list) else [managed] if managed else [],
        PermissionsBoundary=source.get("permissions_boundary"),
    )


def _role_policy(source: Source) -> Iterator[Converted]:
    yield source.own(
        "AWS::IAM::RolePolicy",
        RoleName=source.text("role") or unknown("the role"),
        PolicyDocument=_policy(source),
    )


def _managed_policy(source: Source) -> Iterator[Converted]:
    name = source.attributes.naming.name(source.instance)
    yield source.own("AWS::IAM::ManagedPolicy", ManagedPolicyName=name, PolicyDocument=_policy(source))


def _kms_key(source: Source) -> Iterator[Converted]:
    yield source.own(
        "AWS::KMS::Key",
        KeyPolicy=document(source.get("policy")),
        Enabled=source.get("is_enabled"),
    )


def _kms_alias(source: Source) -> Iterator[Converted]:
    yield source.own("AWS::KMS::Alias", AliasName=source.get("name"), TargetKeyId=source.get("target_key_id"))


def _key(source: Source, name: str) -> str | None:
    """A KMS key as a property; an alias is its name, as in templates."""
    value = source.get(name)
    if not value:
        return None
    _, alias, rest = str(value).partition(":alias/")
    return f"alias/{rest}" if alias else str(value)


def _trail(source: Source) -> Iterator[Converted]:
    insights = [
        given(InsightType=block.get("insight_type"), EventCategories=block.get("event_categories"))
        if isinstance(block, dict)
        else block
        for block in source.attributes.blocks(source.instance, "insight_selector")
    ]
    yield source.own(
        "AWS::CloudTrail::Trail",
        TrailName=source.attributes.naming.name(source.instance),
        IsMultiRegionTrail=_or(source.get("is_multi_region_trail"), otherwise=False),
        IsOrganizationTrail=_or(source.get("is_organization_trail"), otherwise=False),
        IsLogging=_or(source.get("enable_logging"), otherwise=True),
        IncludeGlobalServiceEvents=_or(source.get("include_global_service_events"), otherwise=True),
        EventSelectors=[
            block if isinstance(block, str) else _basic(block)
            for block in source.attributes.blocks(source.instance, "event_selector")
        ],
        AdvancedEventSelectors=[
            block if isinstance(block, str) else _advanced(block)
            for block in source.attributes.blocks(source.instance, "advanced_event_selector")
        ],
        InsightSelectors=insights,
        S3BucketName=source.get("s3_bucket_name"),
    )


def _or(value: Any, *, otherwise: bool) -> Any:
    return otherwise if value is None else value


def _basic(block: dict[str, Any]) -> dict[str, Any]:
    resources = block.get("data_resource")
    return given(
        ReadWriteType=block.get("read_write_type"),
        IncludeManagementEvents=block.get("include_management_events"),
        ExcludeManagementEventSources=block.get("exclude_management_event_sources"),
        DataResources=[
            given(Type=one.get("type"), Values=one.get("values")) if isinstance(one, dict) else one
            for one in (resources if isinstance(resources, list) else [])
        ]
        if not isinstance(resources, str)
        else resources,
    )


def _advanced(block: dict[str, Any]) -> dict[str, Any]:
    fields = block.get("field_selector")
    return given(
        Name=block.get("name"),
        FieldSelectors=[
            given(
                Field=one.get("field"),
                Equals=one.get("equals") or None,
                NotEquals=one.get("not_equals") or None,
                StartsWith=one.get("starts_with") or None,
                NotStartsWith=one.get("not_starts_with") or None,
                EndsWith=one.get("ends_with") or None,
                NotEndsWith=one.get("not_ends_with") or None,
            )
            if isinstance(one, dict)
            else one
            for one in (fields if isinstance(fields, list) else [])
        ]
        if not isinstance(fields, str)
        else fields,
    )


READ: dict[str, Callable[[Source], Iterator[Converted]]] = {
    "aws_cloudtrail": _trail,
    "aws_cloudwatch_event_bus": _bus,
    "aws_cloudwatch_event_bus_policy": _bus_policy,
    "aws_cloudwatch_event_permission": _bus_permission,
    "aws_cloudwatch_event_rule": _rule,
    "aws_iam_policy": _managed_policy,
    "aws_iam_role": _role,
    "aws_iam_role_policy": _role_policy,
    "aws_kinesis_firehose_delivery_stream": _delivery_stream,
    "aws_kinesis_stream": _stream,
    "aws_kms_alias": _kms_alias,
    "aws_kms_key": _kms_key,
    "aws_lambda_function": _function,
    "aws_lambda_permission": _permission,
    "aws_sfn_state_machine": _state_machine,
    "aws_sns_topic": _topic,
    "aws_sns_topic_policy": _topic_policy,
    "aws_sns_topic_subscription": _subscription,
    "aws_sqs_queue": _queue,
    "aws_sqs_queue_policy": _queue_policy,
}
