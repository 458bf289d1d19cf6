"""Naming: the ARNs, names, and IDs of instances, also of those that do not exist yet."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.doctor.template.names import TYPES
from trailforward.doctor.world.regions import partition_of
from trailforward.doctor.world.unknown import is_unknown, unknown

if TYPE_CHECKING:
    from collections.abc import Callable

    from trailforward.doctor.plan.document import Instance
    from trailforward.doctor.plan.places import Places


class Named(NamedTuple):
    """How instances of one type are named.

    Attributes:
        kind: the type in CloudFormation.
        name: the attribute with the name.
        id: what ``id`` is: ``name``, ``arn``, or ``url``.
    """

    kind: str
    name: str = "name"
    id: str = "name"


#: Source: "Attribute Reference" of each resource, https://registry.terraform.io/providers/hashicorp/aws/latest/docs
NAMED: dict[str, Named] = {
    "aws_cloudtrail": Named("AWS::CloudTrail::Trail", id="arn"),
    "aws_cloudwatch_event_bus": Named("AWS::Events::EventBus"),
    "aws_cloudwatch_event_rule": Named("AWS::Events::Rule"),
    "aws_cloudwatch_log_group": Named("AWS::Logs::LogGroup"),
    "aws_iam_policy": Named("AWS::IAM::ManagedPolicy", id="arn"),
    "aws_iam_role": Named("AWS::IAM::Role"),
    "aws_kinesis_firehose_delivery_stream": Named("AWS::KinesisFirehose::DeliveryStream", id="arn"),
    "aws_kinesis_stream": Named("AWS::Kinesis::Stream", id="arn"),
    "aws_kms_key": Named("AWS::KMS::Key", "key_id"),
    "aws_lambda_function": Named("AWS::Lambda::Function", "function_name"),
    "aws_s3_bucket": Named("AWS::S3::Bucket", "bucket"),
    "aws_sfn_state_machine": Named("AWS::StepFunctions::StateMachine", id="arn"),
    "aws_sns_topic": Named("AWS::SNS::Topic", id="arn"),
    "aws_sqs_queue": Named("AWS::SQS::Queue", id="url"),
}

_ODD = re.compile(r"[^A-Za-z0-9_-]+")


class Naming:
    """Names and ARNs of a plan's instances.

    An instance whose name Terraform or AWS will make gets one from its address. That differs from the real
    name, but is the same wherever the plan refers to the instance. A name that the configuration gives, but
    whose value is not known, is unknown.

    Args:
        places: where the instances are.
        configured: whether the configuration has an argument; None if there is no configuration.
    """

    def __init__(self, places: Places, configured: Callable[[Instance, str], bool | None]) -> None:
        self._places = places
        self._configured = configured

    def name(self, instance: Instance) -> str:
        """The name of an instance of a type in :data:`NAMED`."""
        argument = NAMED[instance.type].name
        given = instance.values.get(argument)
        if isinstance(given, str) and given and not is_unknown(given):
            return given
        if argument != "key_id" and self._configured(instance, argument) is not False:
            return unknown(f"the {argument} of {instance.address}")
        prefix = instance.values.get("name_prefix")
        made = made_name(instance.address)
        name = f"{prefix}{made}" if isinstance(prefix, str) and not is_unknown(prefix) else made
        return f"{name}.fifo" if self._fifo(instance) else name

    def _fifo(self, instance: Instance) -> bool:
        return instance.values.get("fifo_queue") is True or instance.values.get("fifo_topic") is True

    def arn(self, instance: Instance) -> str:
        """The ARN of an instance of a type in :data:`NAMED`; parts may be unknown."""
        given = instance.values.get("arn")
        if isinstance(given, str) and given.startswith("arn:") and not is_unknown(given):
            return given
        place = self._places.of(instance)
        name = self.name(instance)
        kind = NAMED[instance.type].kind
        if instance.type == "aws_cloudwatch_event_rule":
            bus = bus_name(instance.values.get("event_bus_name"))
            name = name if bus == "default" else f"{bus}/{name}"
        elif instance.type in {"aws_iam_role", "aws_iam_policy"}:
            path = instance.values.get("path")
            path = path.strip("/") if isinstance(path, str) else ""
            name = f"{path}/{name}".lstrip("/")
        return TYPES[kind].arn.format(p=partition_of(place.region), r=place.region, a=place.account, n=name)

    def function_arn(self, instance: Instance, function: str) -> str:
        """The ARN of a function with this name, in the place of an instance."""
        place = self._places.of(instance)
        form = TYPES["AWS::Lambda::Function"].arn
        return form.format(p=partition_of(place.region), r=place.region, a=place.account, n=function)

    def url(self, instance: Instance) -> str:
        """The URL of a queue."""
        place = self._places.of(instance)
        return f"https://sqs.{place.region}.amazonaws.com/{place.account}/{self.name(instance)}"

    def computed(self, instance: Instance, attribute: str) -> str | None:
        """An attribute that Terraform knows only after apply; None if it does not follow from the name."""
        named = NAMED.get(instance.type)
        if named is None or instance.mode == "data":
            return None
        what = named.id if attribute == "id" else attribute
        if what == "arn":
            return self.arn(instance)
        if what == "qualified_arn":
            return f"{self.arn(instance)}:{unknown('the version')}"
        if what == "url":
            return self.url(instance) if instance.type == "aws_sqs_queue" else None
        return self.name(instance) if what in {"name", named.name} else None


def made_name(address: str) -> str:
    """A name for something whose name is not known, from its address."""
    return _ODD.sub("-", address).strip("-")


def bus_name(value: Any) -> str:
    """The name of an event bus from an argument with a name or an ARN; the default bus without one."""
    return str(value or "default").rpartition("/")[2]
