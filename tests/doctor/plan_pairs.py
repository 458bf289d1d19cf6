"""Stacks that a template and a plan describe alike, for tests: name to resources of both."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from tests.doctor.plans import ref, resource

ALL = {"source": [{"prefix": "aws."}]}
EVENTS = {"Service": "events.amazonaws.com"}


class Pair(NamedTuple):
    """The resources of a template, and those of a plan."""

    template: dict[str, Any]
    plan: list[dict[str, Any]]


def _attribute(logical: str, attribute: str = "Arn") -> dict[str, Any]:
    return {"Fn::GetAtt": [logical, attribute]}


def _cfn_rule(target: Any, pattern: Any = ALL, state: str = "ENABLED", **more: Any) -> dict[str, Any]:
    targets = [{"Id": "t", "Arn": target, **more}]
    return {
        "Type": "AWS::Events::Rule",
        "Properties": {"Name": "r", "EventPattern": pattern, "State": state, "Targets": targets},
    }


def _tf_rule(target: Any, pattern: Any = ALL, state: str = "ENABLED", **more: Any) -> list[dict[str, Any]]:
    rule = ref("aws_cloudwatch_event_rule.r.name")
    return [
        resource("aws_cloudwatch_event_target.t", rule=rule, target_id="t", arn=target, **more),
        resource("aws_cloudwatch_event_rule.r", name="r", event_pattern=json.dumps(pattern), state=state),
    ]


def _cfn(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": kind, "Properties": properties}


def _policy(action: str, on: Any, principal: Any = EVENTS, **more: Any) -> dict[str, Any]:
    found = {"Effect": "Allow", "Action": action, "Resource": on, **more}
    return {"Statement": [{**found, "Principal": principal} if principal else found]}


def _document(
    name: str, action: str, on: Any, principal: str | None = "events.amazonaws.com", **more: Any
) -> dict[str, Any]:
    """A data source whose JSON is not known before apply."""
    statement: dict[str, Any] = {"effect": "Allow", "actions": [action], "resources": [on], **more}
    if principal:
        statement["principals"] = [{"type": "Service", "identifiers": [principal]}]
    return resource(f"data.aws_iam_policy_document.{name}", statement=[statement])


QUEUE = ref("aws_sqs_queue.q.arn")
_CFN_QUEUE = {"Queue": _cfn("AWS::SQS::Queue", QueueName="in")}
_TF_QUEUE = [resource("aws_sqs_queue.q", name="in")]
_CFN_OPEN = {
    **_CFN_QUEUE,
    "Policy": _cfn(
        "AWS::SQS::QueuePolicy",
        Queues=[{"Ref": "Queue"}],
        PolicyDocument=_policy("sqs:SendMessage", _attribute("Queue")),
    ),
}
_TF_OPEN = [
    *_TF_QUEUE,
    _document("q", "sqs:SendMessage", QUEUE),
    resource(
        "aws_sqs_queue_policy.q",
        queue_url=ref("aws_sqs_queue.q.url"),
        policy=ref("data.aws_iam_policy_document.q.json"),
    ),
]
_CFN_STREAM = {
    "Stream": _cfn("AWS::Kinesis::Stream", Name="in"),
    "Rule": _cfn_rule(_attribute("Stream"), RoleArn=_attribute("Role")),
}
_TRUST = {"Statement": [{"Effect": "Allow", "Principal": EVENTS, "Action": "sts:AssumeRole"}]}
_TF_STREAM = [
    resource("aws_kinesis_stream.s", name="in"),
    *_tf_rule(ref("aws_kinesis_stream.s.arn"), role_arn=ref("aws_iam_role.r.arn")),
    resource("aws_iam_role.r", name="send", path="/app/", assume_role_policy=json.dumps(_TRUST)),
]
_CFN_ROLE = {"RoleName": "send", "Path": "/app/", "AssumeRolePolicyDocument": _TRUST}
_PUT = _policy("kinesis:PutRecord", "*", principal=None)
_KEY = {"Statement": [{"Effect": "Allow", "Principal": EVENTS, "Action": "kms:*", "Resource": "*"}]}
_TRAIL = {"IsLogging": True, "IsMultiRegionTrail": True, "S3BucketName": "b", "TrailName": "main"}
_TF_TRAIL: dict[str, Any] = {"name": "main", "is_multi_region_trail": True, "s3_bucket_name": "b"}

PAIRS: dict[str, Pair] = {
    "queue": Pair({**_CFN_OPEN, "Rule": _cfn_rule(_attribute("Queue"))}, [*_TF_OPEN, *_tf_rule(QUEUE)]),
    "queue without policy": Pair(
        {**_CFN_QUEUE, "Rule": _cfn_rule(_attribute("Queue"))}, [*_TF_QUEUE, *_tf_rule(QUEUE)]
    ),
    "policy for another rule": Pair(
        {
            **_CFN_QUEUE,
            "Rule": _cfn_rule(_attribute("Queue")),
            "Policy": _cfn(
                "AWS::SQS::QueuePolicy",
                Queues=[{"Ref": "Queue"}],
                PolicyDocument=_policy(
                    "sqs:SendMessage",
                    _attribute("Queue"),
                    Condition={"ArnEquals": {"aws:SourceArn": "arn:aws:events:eu-west-1:1:rule/x"}},
                ),
            ),
        },
        [
            resource("aws_sqs_queue.q", name="in"),
            *_tf_rule(QUEUE),
            _document(
                "q",
                "sqs:SendMessage",
                QUEUE,
                condition=[
                    {
                        "test": "ArnEquals",
                        "variable": "aws:SourceArn",
                        "values": ["arn:aws:events:eu-west-1:1:rule/x"],
                    }
                ],
            ),
            resource(
                "aws_sqs_queue_policy.q",
                queue_url=ref("aws_sqs_queue.q.id"),
                policy=ref("data.aws_iam_policy_document.q.json"),
            ),
        ],
    ),
    "disabled rule": Pair(
        {**_CFN_OPEN, "Rule": _cfn_rule(_attribute("Queue"), state="DISABLED")},
        [*_TF_OPEN, *_tf_rule(QUEUE, state="DISABLED")],
    ),
    "read-only calls": Pair(
        {
            **_CFN_OPEN,
            "Rule": _cfn_rule(_attribute("Queue"), state="ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"),
        },
        [*_TF_OPEN, *_tf_rule(QUEUE, state="ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS")],
    ),
    "narrow rule with a slip": Pair(
        {
            **_CFN_OPEN,
            "Rule": _cfn_rule(_attribute("Queue"), {"source": ["aws.iam"], "detail": {"eventname": ["X"]}}),
        },
        [*_TF_OPEN, *_tf_rule(QUEUE, {"source": ["aws.iam"], "detail": {"eventname": ["X"]}})],
    ),
    "narrow rule for a read-only call": Pair(
        {
            **_CFN_OPEN,
            "Rule": _cfn_rule(
                _attribute("Queue"),
                {"source": ["aws.ec2"], "detail": {"eventName": ["DescribeInstances", "RunInstances"]}},
            ),
        },
        [
            *_TF_OPEN,
            *_tf_rule(
                QUEUE, {"source": ["aws.ec2"], "detail": {"eventName": ["DescribeInstances", "RunInstances"]}}
            ),
        ],
    ),
    "function": Pair(
        {
            "Function": _cfn("AWS::Lambda::Function", FunctionName="f"),
            "Rule": _cfn_rule(_attribute("Function")),
            "Permission": _cfn(
                "AWS::Lambda::Permission",
                FunctionName={"Ref": "Function"},
                Action="lambda:InvokeFunction",
                Principal="events.amazonaws.com",
                SourceArn=_attribute("Rule"),
            ),
        },
        [
            resource("aws_lambda_function.f", function_name="f"),
            *_tf_rule(ref("aws_lambda_function.f.arn")),
            resource(
                "aws_lambda_permission.f",
                function_name=ref("aws_lambda_function.f.function_name"),
                action="lambda:InvokeFunction",
                principal="events.amazonaws.com",
                source_arn=ref("aws_cloudwatch_event_rule.r.arn"),
            ),
        ],
    ),
    "function without permission": Pair(
        {
            "Function": _cfn("AWS::Lambda::Function", FunctionName="f"),
            "Rule": _cfn_rule(_attribute("Function")),
        },
        [
            resource("aws_lambda_function.f", function_name="f"),
            *_tf_rule(ref("aws_lambda_function.f.arn")),
        ],
    ),
    "alias": Pair(
        {
            "Function": _cfn("AWS::Lambda::Function", FunctionName="f"),
            "Alias": _cfn("AWS::Lambda::Alias", FunctionName={"Ref": "Function"}, Name="live"),
            "Rule": _cfn_rule({"Ref": "Alias"}),
            "Permission": _cfn(
                "AWS::Lambda::Permission",
                FunctionName={"Ref": "Alias"},
                Action="lambda:InvokeFunction",
                Principal="events.amazonaws.com",
            ),
        },
        [
            resource("aws_lambda_function.f", function_name="f"),
            resource("aws_lambda_alias.live", function_name=ref("aws_lambda_function.f.arn"), name="live"),
            *_tf_rule(ref("aws_lambda_alias.live.arn")),
            resource(
                "aws_lambda_permission.f",
                function_name="f",
                qualifier="live",
                action="lambda:InvokeFunction",
                principal="events.amazonaws.com",
            ),
        ],
    ),
    "topic with a filtered subscription": Pair(
        {
            **_CFN_QUEUE,
            "Topic": _cfn("AWS::SNS::Topic", TopicName="news"),
            "TopicPolicy": _cfn(
                "AWS::SNS::TopicPolicy",
                Topics=[{"Ref": "Topic"}],
                PolicyDocument=_policy("sns:Publish", {"Ref": "Topic"}),
            ),
            "Subscription": _cfn(
                "AWS::SNS::Subscription",
                TopicArn={"Ref": "Topic"},
                Protocol="sqs",
                Endpoint=_attribute("Queue"),
                FilterPolicy={"source": ["aws.s3"]},
                FilterPolicyScope="MessageBody",
            ),
            "Policy": _cfn(
                "AWS::SQS::QueuePolicy",
                Queues=[{"Ref": "Queue"}],
                PolicyDocument=_policy(
                    "sqs:SendMessage", _attribute("Queue"), {"Service": "sns.amazonaws.com"}
                ),
            ),
            "Rule": _cfn_rule({"Ref": "Topic"}),
        },
        [
            *_TF_QUEUE,
            resource("aws_sns_topic.t", name="news"),
            _document("t", "sns:Publish", ref("aws_sns_topic.t.arn")),
            resource(
                "aws_sns_topic_policy.t",
                arn=ref("aws_sns_topic.t.arn"),
                policy=ref("data.aws_iam_policy_document.t.json"),
            ),
            resource(
                "aws_sns_topic_subscription.t",
                topic_arn=ref("aws_sns_topic.t.id"),
                protocol="sqs",
                endpoint=QUEUE,
                filter_policy='{"source": ["aws.s3"]}',
                filter_policy_scope="MessageBody",
            ),
            _document("q", "sqs:SendMessage", QUEUE, "sns.amazonaws.com"),
            resource(
                "aws_sqs_queue_policy.q",
                queue_url=ref("aws_sqs_queue.q.url"),
                policy=ref("data.aws_iam_policy_document.q.json"),
            ),
            *_tf_rule(ref("aws_sns_topic.t.arn")),
        ],
    ),
    "stream with an inline policy": Pair(
        {
            **_CFN_STREAM,
            "Role": _cfn(
                "AWS::IAM::Role",
                **_CFN_ROLE,
                Policies=[
                    {
                        "PolicyName": "p",
                        "PolicyDocument": _policy("kinesis:PutRecord", _attribute("Stream"), principal=None),
                    }
                ],
            ),
        },
        [
            *_TF_STREAM,
            _document("s", "kinesis:PutRecord", ref("aws_kinesis_stream.s.arn"), None),
            resource(
                "aws_iam_role_policy.s",
                name="p",
                role=ref("aws_iam_role.r.id"),
                policy=ref("data.aws_iam_policy_document.s.json"),
            ),
        ],
    ),
    "stream with a managed policy": Pair(
        {
            **_CFN_STREAM,
            "Managed": _cfn("AWS::IAM::ManagedPolicy", ManagedPolicyName="m", PolicyDocument=_PUT),
            "Role": _cfn("AWS::IAM::Role", **_CFN_ROLE, ManagedPolicyArns=[{"Ref": "Managed"}]),
        },
        [
            *_TF_STREAM,
            resource("aws_iam_policy.m", name="m", policy=json.dumps(_PUT)),
            resource(
                "aws_iam_role_policy_attachment.m",
                role=ref("aws_iam_role.r.name"),
                policy_arn=ref("aws_iam_policy.m.arn"),
            ),
        ],
    ),
    "stream with AWS's policy": Pair(
        {
            **_CFN_STREAM,
            "Role": _cfn(
                "AWS::IAM::Role",
                **_CFN_ROLE,
                ManagedPolicyArns=["arn:aws:iam::aws:policy/AdministratorAccess"],
            ),
        },
        [
            *_TF_STREAM,
            resource(
                "aws_iam_role_policy_attachment.m",
                role=ref("aws_iam_role.r.name"),
                policy_arn="arn:aws:iam::aws:policy/AdministratorAccess",
            ),
        ],
    ),
    "stream whose role may do nothing": Pair(
        {**_CFN_STREAM, "Role": _cfn("AWS::IAM::Role", **_CFN_ROLE)}, _TF_STREAM
    ),
    "delivery stream": Pair(
        {
            "Stream": _cfn("AWS::KinesisFirehose::DeliveryStream", DeliveryStreamName="in"),
            "Rule": _cfn_rule(_attribute("Stream"), RoleArn=_attribute("Role")),
            "Role": _cfn(
                "AWS::IAM::Role",
                **_CFN_ROLE,
                Policies=[{"PolicyName": "p", "PolicyDocument": _policy("firehose:*", "*", principal=None)}],
            ),
        },
        [
            resource("aws_kinesis_firehose_delivery_stream.s", name="in"),
            *_tf_rule(ref("aws_kinesis_firehose_delivery_stream.s.arn"), role_arn=ref("aws_iam_role.r.arn")),
            resource(
                "aws_iam_role.r",
                name="send",
                path="/app/",
                assume_role_policy=json.dumps(_TRUST),
                inline_policy=[
                    {"name": "p", "policy": json.dumps(_policy("firehose:*", "*", principal=None))}
                ],
            ),
        ],
    ),
    "bus in between": Pair(
        {
            **_CFN_OPEN,
            "Bus": _cfn("AWS::Events::EventBus", Name="central"),
            "Allow": _cfn(
                "AWS::Events::EventBusPolicy",
                EventBusName={"Ref": "Bus"},
                StatementId="s",
                Statement={
                    "Effect": "Allow",
                    "Principal": "*",
                    "Action": "events:PutEvents",
                    "Resource": "*",
                },
            ),
            "Rule": _cfn_rule(_attribute("Bus"), RoleArn=_attribute("Role")),
            "Second": _cfn(
                "AWS::Events::Rule",
                Name="second",
                EventBusName={"Ref": "Bus"},
                EventPattern=ALL,
                Targets=[{"Id": "t", "Arn": _attribute("Queue")}],
            ),
            "Role": _cfn(
                "AWS::IAM::Role",
                **_CFN_ROLE,
                Policies=[
                    {
                        "PolicyName": "p",
                        "PolicyDocument": _policy("events:PutEvents", _attribute("Bus"), principal=None),
                    }
                ],
            ),
        },
        [
            *_TF_OPEN,
            resource("aws_cloudwatch_event_bus.b", name="central"),
            resource(
                "aws_cloudwatch_event_bus_policy.b",
                event_bus_name=ref("aws_cloudwatch_event_bus.b.name"),
                policy=json.dumps(_policy("events:PutEvents", "*", "*")),
            ),
            *_tf_rule(ref("aws_cloudwatch_event_bus.b.arn"), role_arn=ref("aws_iam_role.r.arn")),
            resource(
                "aws_cloudwatch_event_rule.second",
                name="second",
                event_bus_name="central",
                event_pattern=json.dumps(ALL),
            ),
            resource(
                "aws_cloudwatch_event_target.second",
                rule=ref("aws_cloudwatch_event_rule.second.name"),
                event_bus_name=ref("aws_cloudwatch_event_bus.b.name"),
                target_id="t",
                arn=QUEUE,
            ),
            resource("aws_iam_role.r", name="send", path="/app/", assume_role_policy=json.dumps(_TRUST)),
            _document("b", "events:PutEvents", ref("aws_cloudwatch_event_bus.b.arn"), None),
            resource(
                "aws_iam_role_policy.b",
                role=ref("aws_iam_role.r.name"),
                policy=ref("data.aws_iam_policy_document.b.json"),
            ),
        ],
    ),
    "permission of the default bus": Pair(
        {
            **_CFN_OPEN,
            "Rule": _cfn_rule(_attribute("Queue")),
            "Allow": _cfn(
                "AWS::Events::EventBusPolicy",
                StatementId="s",
                Action="events:PutEvents",
                Principal="*",
                Condition={"Type": "StringEquals", "Key": "aws:PrincipalOrgID", "Value": "o-1234567890"},
            ),
        },
        [
            *_TF_OPEN,
            *_tf_rule(QUEUE),
            resource(
                "aws_cloudwatch_event_permission.p",
                principal="*",
                statement_id="s",
                condition=[{"key": "aws:PrincipalOrgID", "type": "StringEquals", "value": "o-1234567890"}],
            ),
        ],
    ),
    "FIFO queue, dead letters, and a transformer": Pair(
        {
            "Queue": _cfn("AWS::SQS::Queue", QueueName="in.fifo", FifoQueue=True),
            "Dead": _cfn("AWS::SQS::Queue", QueueName="dead"),
            "Policy": _cfn(
                "AWS::SQS::QueuePolicy",
                Queues=[{"Ref": "Queue"}],
                PolicyDocument=_policy("sqs:SendMessage", _attribute("Queue")),
            ),
            "Rule": _cfn_rule(
                _attribute("Queue"),
                SqsParameters={"MessageGroupId": "g"},
                DeadLetterConfig={"Arn": _attribute("Dead")},
                InputTransformer={"InputPathsMap": {"a": "$.detail"}, "InputTemplate": "<a>"},
            ),
        },
        [
            resource("aws_sqs_queue.q", name="in.fifo", fifo_queue=True),
            resource("aws_sqs_queue.dead", name="dead"),
            *_TF_OPEN[1:],
            *_tf_rule(
                QUEUE,
                sqs_target=[{"message_group_id": "g"}],
                dead_letter_config=[{"arn": ref("aws_sqs_queue.dead.arn")}],
                input_transformer=[{"input_paths": {"a": "$.detail"}, "input_template": "<a>"}],
            ),
        ],
    ),
    "key that EventBridge may use": Pair(
        {
            **_CFN_OPEN,
            "Queue": _cfn("AWS::SQS::Queue", QueueName="in", KmsMasterKeyId=_attribute("Key")),
            "Key": _cfn("AWS::KMS::Key", KeyPolicy=_KEY),
            "Rule": _cfn_rule(_attribute("Queue")),
        },
        [
            *_TF_OPEN[1:],
            resource("aws_sqs_queue.q", name="in", kms_master_key_id=ref("aws_kms_key.k.arn")),
            resource("aws_kms_key.k", policy=json.dumps(_KEY)),
            *_tf_rule(QUEUE),
        ],
    ),
    "key that EventBridge may not use": Pair(
        {
            **_CFN_OPEN,
            "Queue": _cfn("AWS::SQS::Queue", QueueName="in", KmsMasterKeyId={"Ref": "Alias"}),
            "Alias": _cfn("AWS::KMS::Alias", AliasName="alias/a", TargetKeyId={"Ref": "Key"}),
            "Key": _cfn("AWS::KMS::Key", KeyPolicy={"Statement": []}),
            "Rule": _cfn_rule(_attribute("Queue")),
        },
        [
            *_TF_OPEN[1:],
            resource("aws_sqs_queue.q", name="in", kms_master_key_id=ref("aws_kms_alias.a.name")),
            resource("aws_kms_alias.a", name="alias/a", target_key_id=ref("aws_kms_key.k.key_id")),
            resource("aws_kms_key.k", policy='{"Statement": []}'),
            *_tf_rule(QUEUE),
        ],
    ),
    "trail with basic selectors": Pair(
        {
            **_CFN_OPEN,
            "Rule": _cfn_rule(_attribute("Queue")),
            "Trail": _cfn(
                "AWS::CloudTrail::Trail",
                **_TRAIL,
                EventSelectors=[
                    {
                        "ReadWriteType": "WriteOnly",
                        "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3"]}],
                    }
                ],
                InsightSelectors=[{"InsightType": "ApiCallRateInsight"}],
            ),
        },
        [
            *_TF_OPEN,
            *_tf_rule(QUEUE),
            resource(
                "aws_cloudtrail.t",
                **_TF_TRAIL,
                event_selector=[
                    {
                        "read_write_type": "WriteOnly",
                        "include_management_events": True,
                        "exclude_management_event_sources": [],
                        "data_resource": [{"type": "AWS::S3::Object", "values": ["arn:aws:s3"]}],
                    }
                ],
                insight_selector=[{"insight_type": "ApiCallRateInsight"}],
            ),
        ],
    ),
    "trail with advanced selectors": Pair(
        {
            **_CFN_OPEN,
            "Rule": _cfn_rule(_attribute("Queue")),
            "Trail": _cfn(
                "AWS::CloudTrail::Trail",
                **_TRAIL,
                IncludeGlobalServiceEvents=False,
                AdvancedEventSelectors=[
                    {
                        "Name": "management",
                        "FieldSelectors": [
                            {"Field": "eventCategory", "Equals": ["Management"]},
                            {"Field": "eventSource", "NotEquals": ["kms.amazonaws.com"]},
                        ],
                    }
                ],
            ),
        },
        [
            *_TF_OPEN,
            *_tf_rule(QUEUE),
            resource(
                "aws_cloudtrail.t",
                **_TF_TRAIL,
                include_global_service_events=False,
                advanced_event_selector=[
                    {
                        "name": "management",
                        "field_selector": [
                            {
                                "field": "eventCategory",
                                "equals": ["Management"],
                                "not_equals": None,
                                "starts_with": None,
                                "not_starts_with": None,
                                "ends_with": None,
                                "not_ends_with": None,
                            },
                            {"field": "eventSource", "equals": None, "not_equals": ["kms.amazonaws.com"]},
                        ],
                    }
                ],
            ),
        ],
    ),
    "queue of others": Pair(
        {"Rule": _cfn_rule("arn:aws:sqs:eu-west-1:123456789012:theirs")},
        _tf_rule("arn:aws:sqs:eu-west-1:123456789012:theirs"),
    ),
    "role of others": Pair(
        {
            "Stream": _cfn("AWS::Kinesis::Stream", Name="in"),
            "Rule": _cfn_rule(_attribute("Stream"), RoleArn="arn:aws:iam::123456789012:role/theirs"),
        },
        [
            resource("aws_kinesis_stream.s", name="in"),
            *_tf_rule(ref("aws_kinesis_stream.s.arn"), role_arn="arn:aws:iam::123456789012:role/theirs"),
        ],
    ),
    "role that only another account may assume": Pair(
        {
            **_CFN_STREAM,
            "Role": _cfn(
                "AWS::IAM::Role",
                **{**_CFN_ROLE, "AssumeRolePolicyDocument": _policy("sts:AssumeRole", "*", {"AWS": "*"})},
                Policies=[{"PolicyName": "p", "PolicyDocument": _PUT}],
            ),
        },
        [
            *_TF_STREAM[:-1],
            resource(
                "aws_iam_role.r",
                name="send",
                path="/app/",
                assume_role_policy=json.dumps(_policy("sts:AssumeRole", "*", {"AWS": "*"})),
                inline_policy=[{"name": "p", "policy": json.dumps(_PUT)}],
            ),
        ],
    ),
    "stream with a customer managed key": Pair(
        {
            "Key": _cfn("AWS::KMS::Key", KeyPolicy={"Statement": []}),
            "Stream": _cfn(
                "AWS::Kinesis::Stream",
                Name="in",
                StreamEncryption={"EncryptionType": "KMS", "KeyId": _attribute("Key")},
            ),
            "Rule": _cfn_rule(_attribute("Stream"), RoleArn=_attribute("Role")),
            "Role": _cfn(
                "AWS::IAM::Role", **_CFN_ROLE, Policies=[{"PolicyName": "p", "PolicyDocument": _PUT}]
            ),
        },
        [
            resource("aws_kms_key.k", policy='{"Statement": []}'),
            resource(
                "aws_kinesis_stream.s", name="in", encryption_type="KMS", kms_key_id=ref("aws_kms_key.k.arn")
            ),
            *_TF_STREAM[1:],
            resource("aws_iam_role_policy.p", name="p", role="send", policy=json.dumps(_PUT)),
        ],
    ),
    "delivery stream with a customer managed key": Pair(
        {
            "Key": _cfn("AWS::KMS::Key", KeyPolicy={"Statement": []}),
            "Stream": _cfn(
                "AWS::KinesisFirehose::DeliveryStream",
                DeliveryStreamName="in",
                DeliveryStreamEncryptionConfigurationInput={
                    "KeyType": "CUSTOMER_MANAGED_CMK",
                    "KeyARN": _attribute("Key"),
                },
            ),
            "Rule": _cfn_rule(_attribute("Stream"), RoleArn=_attribute("Role")),
            "Role": _cfn(
                "AWS::IAM::Role",
                **_CFN_ROLE,
                Policies=[{"PolicyName": "p", "PolicyDocument": _policy("firehose:*", "*", principal=None)}],
            ),
        },
        [
            resource("aws_kms_key.k", policy='{"Statement": []}'),
            resource(
                "aws_kinesis_firehose_delivery_stream.s",
                name="in",
                server_side_encryption=[
                    {
                        "enabled": True,
                        "key_type": "CUSTOMER_MANAGED_CMK",
                        "key_arn": ref("aws_kms_key.k.arn"),
                    }
                ],
            ),
            *_tf_rule(ref("aws_kinesis_firehose_delivery_stream.s.arn"), role_arn=ref("aws_iam_role.r.arn")),
            resource(
                "aws_iam_role.r",
                name="send",
                path="/app/",
                assume_role_policy=json.dumps(_TRUST),
                inline_policy=[
                    {"name": "p", "policy": json.dumps(_policy("firehose:*", "*", principal=None))}
                ],
            ),
        ],
    ),
    "constant input": Pair(
        {**_CFN_OPEN, "Rule": _cfn_rule(_attribute("Queue"), Input='{"a": 1}')},
        [*_TF_OPEN, *_tf_rule(QUEUE, input='{"a": 1}')],
    ),
    "trail that does not log": Pair(
        {
            **_CFN_OPEN,
            "Rule": _cfn_rule(_attribute("Queue")),
            "Trail": _cfn("AWS::CloudTrail::Trail", **{**_TRAIL, "IsLogging": False}),
        },
        [*_TF_OPEN, *_tf_rule(QUEUE), resource("aws_cloudtrail.t", **_TF_TRAIL, enable_logging=False)],
    ),
    "state machine": Pair(
        {
            "Machine": _cfn("AWS::StepFunctions::StateMachine", StateMachineName="m"),
            "Rule": _cfn_rule({"Ref": "Machine"}, RoleArn="arn:aws:iam::123456789012:role/theirs"),
        },
        [
            resource("aws_sfn_state_machine.m", name="m"),
            *_tf_rule(ref("aws_sfn_state_machine.m.arn"), role_arn="arn:aws:iam::123456789012:role/theirs"),
        ],
    ),
    "target that is not known": Pair(
        {**_CFN_OPEN, "Rule": _cfn_rule({"Fn::ImportValue": "elsewhere"})},
        [*_TF_OPEN, *_tf_rule(ref("local.elsewhere"))],
    ),
}
