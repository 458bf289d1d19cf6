"""Names: the ARNs and physical names of resources in a stack.

CloudFormation makes a name for a resource that has none. Here it is ``STACK-LOGICAL``, which differs from the
real one but is the same wherever the stack refers to it.
"""

from __future__ import annotations

from typing import NamedTuple


class Named(NamedTuple):
    """How resources of one type are named.

    Attributes:
        key: the property with the name; empty if there is none.
        arn: the form of the ARN; ``{n}`` is the name.
        ref: what ``Ref`` returns: ``name``, ``arn``, or ``url``.
    """

    key: str
    arn: str
    ref: str = "name"


#: Source: "Return values" of each type in
#: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html
TYPES: dict[str, Named] = {
    "AWS::CloudTrail::Trail": Named("TrailName", "arn:{p}:cloudtrail:{r}:{a}:trail/{n}"),
    "AWS::CloudWatch::Alarm": Named("AlarmName", "arn:{p}:cloudwatch:{r}:{a}:alarm:{n}"),
    "AWS::CodeBuild::Project": Named("Name", "arn:{p}:codebuild:{r}:{a}:project/{n}"),
    "AWS::CodePipeline::Pipeline": Named("Name", "arn:{p}:codepipeline:{r}:{a}:{n}"),
    "AWS::DynamoDB::Table": Named("TableName", "arn:{p}:dynamodb:{r}:{a}:table/{n}"),
    "AWS::ECS::Cluster": Named("ClusterName", "arn:{p}:ecs:{r}:{a}:cluster/{n}"),
    "AWS::Events::ApiDestination": Named("Name", "arn:{p}:events:{r}:{a}:api-destination/{n}/1"),
    "AWS::Events::Connection": Named("Name", "arn:{p}:events:{r}:{a}:connection/{n}/1"),
    "AWS::Events::EventBus": Named("Name", "arn:{p}:events:{r}:{a}:event-bus/{n}"),
    "AWS::Events::Rule": Named("Name", "arn:{p}:events:{r}:{a}:rule/{n}"),
    "AWS::IAM::ManagedPolicy": Named("ManagedPolicyName", "arn:{p}:iam::{a}:policy/{n}", "arn"),
    "AWS::IAM::Role": Named("RoleName", "arn:{p}:iam::{a}:role/{n}"),
    "AWS::IAM::User": Named("UserName", "arn:{p}:iam::{a}:user/{n}"),
    "AWS::KMS::Alias": Named("AliasName", "arn:{p}:kms:{r}:{a}:{n}"),
    "AWS::KMS::Key": Named("", "arn:{p}:kms:{r}:{a}:key/{n}"),
    "AWS::Kinesis::Stream": Named("Name", "arn:{p}:kinesis:{r}:{a}:stream/{n}"),
    "AWS::KinesisFirehose::DeliveryStream": Named(
        "DeliveryStreamName", "arn:{p}:firehose:{r}:{a}:deliverystream/{n}"
    ),
    "AWS::Lambda::Function": Named("FunctionName", "arn:{p}:lambda:{r}:{a}:function:{n}"),
    "AWS::Logs::LogGroup": Named("LogGroupName", "arn:{p}:logs:{r}:{a}:log-group:{n}:*"),
    "AWS::S3::Bucket": Named("BucketName", "arn:{p}:s3:::{n}"),
    "AWS::SNS::Topic": Named("TopicName", "arn:{p}:sns:{r}:{a}:{n}", "arn"),
    "AWS::SQS::Queue": Named("QueueName", "arn:{p}:sqs:{r}:{a}:{n}", "url"),
    "AWS::SSM::Document": Named("Name", "arn:{p}:ssm:{r}:{a}:document/{n}"),
    "AWS::SecretsManager::Secret": Named("Name", "arn:{p}:secretsmanager:{r}:{a}:secret:{n}-000000", "arn"),
    "AWS::StepFunctions::StateMachine": Named(
        "StateMachineName", "arn:{p}:states:{r}:{a}:stateMachine:{n}", "arn"
    ),
}

#: Attributes that are a resource's name.
NAME_ATTRIBUTES = frozenset(
    {"Name", "QueueName", "TopicName", "KeyId", "RoleName", "FunctionName", "BucketName"}
)
