"""Intrinsic functions: resolves CloudFormation's functions for one account and Region.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

from trailforward.doctor.world.regions import partition_of
from trailforward.errors import TrailforwardError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NO_VALUE = object()

_SUB = re.compile(r"\$\{(!?)([^}]+)\}")


class TemplateError(TrailforwardError):
    """A template that cannot be used; the text names the part."""


class Resolver:
    """A template with the values of its parameters, account and Region.

    Args:
        template: from :func:`~trailforward.doctor.template.parse_template`.
        account: the account to deploy to.
        region: the Region to deploy to.
        parameters: parameter values that override the defaults.
        stack: the stack's name.

    Raises:
        TemplateError: a parameter has no value, or is not in the template.
    """

    def __init__(
        self,
        template: Mapping[str, Any],
        account: str,
        region: str,
        parameters: Mapping[str, str],
        stack: str = "trailforward",
    ) -> None:
        self.template = template
        self.account = account
        self.region = region
        self.partition = partition_of(region)
        self.stack = stack
        self._values: dict[str, Any] = {
            "AWS::AccountId": account,
            "AWS::Region": region,
            "AWS::Partition": self.partition,
            "AWS::StackName": stack,
            "AWS::StackId": f"arn:{self.partition}:cloudformation:{region}:{account}:stack/{stack}/1",
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::NoValue": NO_VALUE,
            **self._parameters(parameters),
        }
        self._conditions: dict[str, bool] = {}

    def present(self, name: str) -> bool:
        """Whether the stack would create a resource."""
        condition = self.template["Resources"][name].get("Condition")
        return condition is None or self.condition(condition)

    def properties(self, name: str) -> dict[str, Any]:
        """A resource's properties, with functions resolved."""
        found = self.resolve(self.template["Resources"][name].get("Properties", {}))
        return found if isinstance(found, dict) else {}

    def condition(self, name: str) -> bool:
        """Whether a condition holds."""
        if name not in self._conditions:
            known = self.template.get("Conditions", {})
            if name not in known:
                raise TemplateError(f"the template has no condition {name}")
            self._conditions[name] = self._holds(known[name])
        return self._conditions[name]

    def resolve(self, value: Any) -> Any:
        """A value with its functions resolved."""
        if isinstance(value, list):
            items = (self.resolve(item) for item in value)
            return [item for item in items if item is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            (name, argument), *_ = value.items()
            if name == "Ref":
                return self._ref(argument)
            if name == "Condition" and isinstance(argument, str):
                return self.condition(argument)
            if name.startswith("Fn::"):
                return self._function(name.removeprefix("Fn::"), argument)
        found = {key: self.resolve(item) for key, item in value.items()}
        return {key: item for key, item in found.items() if item is not NO_VALUE}

    def name(self, logical: str, key: str) -> str:
        """A resource's physical name: the given one, or one like those that CloudFormation generates."""
        given = self.resolve(self.template["Resources"][logical].get("Properties", {}).get(key))
        return given if isinstance(given, str) else f"{self.stack}-{logical}"

    def arn(self, logical: str) -> str:
        """A resource's ARN.

        Raises:
            TemplateError: the template has no such resource, or its type is not supported.
        """
        resource = self.template["Resources"].get(logical)
        if resource is None:
            raise TemplateError(f"the template has no resource {logical}")
        kind = resource.get("Type")
        if kind not in _ARNS:
            raise TemplateError(
                f"{logical}: resources of the type {kind} are not supported here: their ARN is not known"
            )
        key, form = _ARNS[kind]
        name = self.name(logical, key)
        if kind == "AWS::IAM::Role" and key not in resource.get("Properties", {}):
            name = f"{name}-{self.region}"  # roles are global, but each Region's stack creates its own
        if kind == "AWS::Events::Rule":
            bus = self.resolve(resource["Properties"].get("EventBusName", "default"))
            name = name if bus == "default" else f"{str(bus).rpartition('/')[2]}/{name}"
        return form.format(p=self.partition, r=self.region, a=self.account, n=name)

    def _parameters(self, given: Mapping[str, str]) -> dict[str, Any]:
        known: Mapping[str, Any] = self.template.get("Parameters", {})
        if unknown := sorted(given.keys() - known.keys()):
            raise TemplateError(f"the template has no parameter {', '.join(unknown)}")
        missing = [name for name, item in known.items() if name not in given and "Default" not in item]
        if missing:
            raise TemplateError(
                f"the template needs a value for {', '.join(missing)}: --parameter {missing[0]}=…"
            )
        values = {}
        for name, item in known.items():
            value: Any = str(given.get(name, item.get("Default")))
            values[name] = value.split(",") if item.get("Type") == "CommaDelimitedList" else value
        return values

    def _ref(self, name: str) -> Any:
        if name in self._values:
            return self._values[name]
        resource = self.template["Resources"].get(name)
        if resource is None:
            raise TemplateError(f"!Ref {name}: the template has no such parameter or resource")
        kind = resource.get("Type")
        if kind == "AWS::SQS::Queue":
            queue = self.name(name, "QueueName")
            return f"https://sqs.{self.region}.amazonaws.com/{self.account}/{queue}"
        if kind == "AWS::SNS::Topic":
            return self.arn(name)
        return self.name(name, _ARNS[kind][0]) if kind in _ARNS else f"{self.stack}-{name}"

    def _get_att(self, logical: str, attribute: str) -> str:
        if attribute == "Arn" or attribute.endswith("Arn"):
            return self.arn(logical)
        resource = self.template["Resources"].get(logical, {})
        key, _ = _ARNS.get(resource.get("Type"), ("", ""))
        if attribute in {key, "Name", "TopicName", "QueueName"}:
            return self.name(logical, key)
        raise TemplateError(f"!GetAtt {logical}.{attribute} is not supported")

    def _function(self, name: str, argument: Any) -> Any:
        if name in _LAZY:
            return _LAZY[name](self, argument)
        if name in _PLAIN:
            return _PLAIN[name](self.resolve(argument))
        raise TemplateError(f"the function Fn::{name} is not supported")

    def if_(self, argument: Any) -> Any:
        """The chosen branch; the other one is not resolved."""
        condition, yes, no = argument
        return self.resolve(yes if self.condition(condition) else no)

    def get_att(self, argument: Any) -> str:
        """An attribute of a resource."""
        logical, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
        return self._get_att(logical, str(self.resolve(attribute)))

    def find_in_map(self, argument: Any) -> Any:
        """A value of a mapping."""
        first, *keys = self.resolve(argument)
        found = self.template.get("Mappings", {}).get(first, {})
        for key in keys[:2]:
            found = found.get(key, {})
        return found

    def sub(self, argument: Any) -> str:
        """A text with its placeholders replaced."""
        text, more = (argument, {}) if isinstance(argument, str) else (argument[0], argument[1])

        def put(at: re.Match[str]) -> str:
            literal, name = at[1], at[2].strip()
            if literal:
                return f"${{{name}}}"
            if name in more:
                return str(self.resolve(more[name]))
            if "." in name:
                return self._get_att(*name.split(".", 1))
            return str(self._ref(name))

        return _SUB.sub(put, text)

    def _holds(self, value: Any) -> bool:
        (name, argument), *_ = value.items()
        if name == "Condition":
            return self.condition(argument)
        if name == "Fn::Equals":
            left, right = (self.resolve(item) for item in argument)
            return str(left) == str(right)
        if name == "Fn::Not":
            return not self._holds(argument[0])
        if name == "Fn::And":
            return all(self._holds(item) for item in argument)
        if name == "Fn::Or":
            return any(self._holds(item) for item in argument)
        raise TemplateError(f"the condition function {name} is not supported")


_LAZY: dict[str, Callable[[Resolver, Any], Any]] = {
    "If": Resolver.if_,
    "Sub": Resolver.sub,
    "GetAtt": Resolver.get_att,
    "FindInMap": Resolver.find_in_map,
}
_PLAIN: dict[str, Callable[[Any], Any]] = {
    "Join": lambda given: given[0].join(map(str, given[1])),
    "Split": lambda given: str(given[1]).split(given[0]),
    "Select": lambda given: given[1][int(given[0])],
    "Base64": lambda given: base64.b64encode(str(given).encode()).decode(),
}

#: Resource type to the property that names it, and the form of its ARN.
_ARNS = {
    "AWS::Events::Rule": ("Name", "arn:{p}:events:{r}:{a}:rule/{n}"),
    "AWS::Events::EventBus": ("Name", "arn:{p}:events:{r}:{a}:event-bus/{n}"),
    "AWS::SQS::Queue": ("QueueName", "arn:{p}:sqs:{r}:{a}:{n}"),
    "AWS::SNS::Topic": ("TopicName", "arn:{p}:sns:{r}:{a}:{n}"),
    "AWS::IAM::Role": ("RoleName", "arn:{p}:iam::{a}:role/{n}"),
    "AWS::Lambda::Function": ("FunctionName", "arn:{p}:lambda:{r}:{a}:function:{n}"),
    "AWS::Kinesis::Stream": ("Name", "arn:{p}:kinesis:{r}:{a}:stream/{n}"),
    "AWS::KinesisFirehose::DeliveryStream": (
        "DeliveryStreamName",
        "arn:{p}:firehose:{r}:{a}:deliverystream/{n}",
    ),
    "AWS::KMS::Key": ("", "arn:{p}:kms:{r}:{a}:key/{n}"),
    "AWS::CloudTrail::Trail": ("TrailName", "arn:{p}:cloudtrail:{r}:{a}:trail/{n}"),
    "AWS::Logs::LogGroup": ("LogGroupName", "arn:{p}:logs:{r}:{a}:log-group:{n}:*"),
}
