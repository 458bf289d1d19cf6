"""CloudFormation without CloudFormation: reads a template and resolves it for given parameters.

It knows what our templates use, and fails on anything else.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

SAM = Path(__file__).parents[2] / "sam"
ACCOUNT, REGION = "111122223333", "eu-west-1"
PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Region": REGION,
    "AWS::Partition": "aws",
    "AWS::StackName": "trailforward",
    "AWS::URLSuffix": "amazonaws.com",
}


class _NoValue:
    """``AWS::NoValue``."""


NO_VALUE = _NoValue()


class _Loader(yaml.SafeLoader):
    """YAML with ``!Ref`` and its kin."""


def _tag(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        if suffix == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    else:
        raise TypeError(f"!{suffix} has neither a value nor parts")
    return {name: value}


_Loader.add_multi_constructor("!", _tag)


def parse(text: str) -> dict[str, Any]:
    """A template, with its intrinsic functions in the long form."""
    template: dict[str, Any] = yaml.load(text, _Loader)  # noqa: S506  # a safe loader
    return template


def load(name: str) -> dict[str, Any]:
    """A template of ``sam/``."""
    return parse((SAM / name).read_text())


class Refused(Exception):  # noqa: N818  # the parameters are, nothing is in error
    """CloudFormation would not take these parameters."""


class Stack:
    """A template with parameters put in.

    Args:
        template: as from :func:`load`.
        **parameters: what differs from the defaults.

    Raises:
        Refused: a parameter or a rule says no.
    """

    def __init__(self, template: dict[str, Any], **parameters: str) -> None:
        self._template = template
        self.parameters = self._checked(parameters)
        self._conditions: dict[str, bool] = {}
        for name, rule in template.get("Rules", {}).items():
            if self._rule(rule.get("RuleCondition", True)):
                for assertion in rule["Assertions"]:
                    if not self._rule(assertion["Assert"]):
                        raise Refused(f"{name}: {assertion['AssertDescription']}")
        self.present = {
            name
            for name, resource in template["Resources"].items()
            if "Condition" not in resource or self.condition(resource["Condition"])
        }
        self.resources = {
            name: self.resolve(
                {key: value for key, value in template["Resources"][name].items() if key != "Condition"}
            )
            for name in sorted(self.present)
        }
        self.outputs = {
            name: self.resolve(output["Value"])
            for name, output in template.get("Outputs", {}).items()
            if "Condition" not in output or self.condition(output["Condition"])
        }

    def properties(self, name: str) -> dict[str, Any]:
        """Of a resource."""
        found: dict[str, Any] = self.resources[name].get("Properties", {})
        return found

    def plain(self) -> dict[str, Any]:
        """The template without parameters, conditions and rules: what is really created."""
        return {
            "AWSTemplateFormatVersion": "2010-09-09",
            **({"Transform": self._template["Transform"]} if "Transform" in self._template else {}),
            **({"Globals": self._template["Globals"]} if "Globals" in self._template else {}),
            "Resources": self.resources,
        }

    def condition(self, name: str) -> bool:
        """Whether a condition holds."""
        if name not in self._conditions:
            self._conditions[name] = self._truth(self._template["Conditions"][name])
        return self._conditions[name]

    def _checked(self, given: dict[str, str]) -> dict[str, str]:
        known = self._template["Parameters"]
        if strangers := set(given) - set(known):
            raise Refused(f"unknown: {strangers}")
        values = {}
        for name, parameter in known.items():
            if name not in given and "Default" not in parameter:
                raise Refused(f"{name}: missing")
            value = str(given.get(name, parameter.get("Default")))
            allowed = [str(one) for one in parameter.get("AllowedValues", [])]
            pattern = parameter.get("AllowedPattern")
            if (
                (allowed and value not in allowed)
                or (pattern and not re.fullmatch(pattern, value))
                or len(value) > parameter.get("MaxLength", 4096)
                or ("MinValue" in parameter and float(value) < parameter["MinValue"])
                or ("MaxValue" in parameter and float(value) > parameter["MaxValue"])
            ):
                raise Refused(f"{name}: {parameter.get('ConstraintDescription', 'not allowed')}")
            values[name] = value
        return values

    def _rule(self, value: Any) -> Any:
        """Rules know fewer functions, and parameters only."""
        if not isinstance(value, dict):
            return value
        ((function, arguments),) = value.items()
        match function:
            case "Ref":
                return self.parameters[arguments]
            case "Fn::Equals":
                first, second = map(self._rule, arguments)
                return first == second
            case "Fn::Not":
                return not self._rule(arguments[0])
            case "Fn::And":
                return all(map(self._rule, arguments))
            case "Fn::Or":
                return any(map(self._rule, arguments))
        raise NotImplementedError(function)

    def _truth(self, value: dict[str, Any]) -> bool:
        ((function, arguments),) = value.items()
        match function:
            case "Condition":
                return self.condition(arguments)
            case "Fn::Not":
                return not self._truth(arguments[0])
            case "Fn::And":
                assert 2 <= len(arguments) <= 10
                return all(map(self._truth, arguments))
            case "Fn::Or":
                assert 2 <= len(arguments) <= 10
                return any(map(self._truth, arguments))
            case "Fn::Equals":
                first, second = map(self.resolve, arguments)
                return bool(first == second)
        raise NotImplementedError(function)

    def resolve(self, value: Any) -> Any:
        """Resolves every intrinsic function of a value; a reference to a missing resource is an error."""
        if isinstance(value, list):
            resolved = [self.resolve(one) for one in value]
            return [one for one in resolved if one is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((function, arguments),) = value.items()
            if function == "Ref" or function.startswith("Fn::"):
                return self._call(function, arguments)
        pairs = {key: self.resolve(one) for key, one in value.items()}
        return {key: one for key, one in pairs.items() if one is not NO_VALUE}

    def _call(self, function: str, arguments: Any) -> Any:  # noqa: PLR0911  # one line each
        match function:
            case "Ref":
                return self._ref(arguments)
            case "Fn::GetAtt":
                return self._attribute(*arguments)
            case "Fn::If":
                name, then, otherwise = arguments
                return self.resolve(then if self.condition(name) else otherwise)
            case "Fn::Sub":
                text, names = arguments if isinstance(arguments, list) else (arguments, {})
                local = {name: self.resolve(one) for name, one in names.items()}
                return re.sub(r"\$\{([^!}]+)\}", lambda m: self._sub(m[1], local), text).replace("${!", "${")
            case "Fn::Join":
                separator, parts = arguments
                return separator.join(self.resolve(parts))
            case "Fn::Split":
                separator, text = arguments
                return self.resolve(text).split(separator)
            case "Fn::Select":
                index, parts = arguments
                return self.resolve(parts)[int(index)]
            case "Fn::FindInMap":
                name, first, second = map(self.resolve, arguments)
                return self._template["Mappings"][name][first][second]
        raise NotImplementedError(function)

    def _sub(self, name: str, local: dict[str, Any]) -> str:
        if name in local:
            return str(local[name])
        if "." in name:
            return str(self._attribute(*name.split(".", 1)))
        return str(self._ref(name))

    def _ref(self, name: str) -> Any:  # noqa: C901, PLR0911, PLR0912  # one line each
        if name == "AWS::NoValue":
            return NO_VALUE
        if name in PSEUDO:
            return PSEUDO[name]
        if name in self.parameters:
            return self.parameters[name]
        assert name in self.present, f"{name} does not exist with these parameters"
        match self._template["Resources"][name]["Type"]:
            case "AWS::S3::Bucket":
                return f"{PSEUDO['AWS::StackName']}-{name}".lower()
            case "AWS::SQS::Queue":
                return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{self._name(name, 'QueueName')}"
            case "AWS::Logs::LogGroup":
                return self._name(name, "LogGroupName")
            case "AWS::IAM::Role":
                return self._attribute(name, "Arn").rpartition("/")[2]
            case "AWS::Events::EventBus":
                return self._name(name, "Name")
            case "AWS::CloudWatch::Alarm":
                return self._name(name, "AlarmName")
            case "AWS::Logs::DeliverySource":
                return self._name(name, "Name")
            case "AWS::IAM::ManagedPolicy":
                return f"arn:aws:iam::{ACCOUNT}:policy/{self._name(name, 'ManagedPolicyName')}"
            case "AWS::StepFunctions::StateMachine":
                return (
                    f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{self._name(name, 'StateMachineName')}"
                )
            case "AWS::Serverless::LayerVersion":
                return f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:{name}:1"
        return f"{PSEUDO['AWS::StackName']}-{name}"

    def _name(self, resource: str, key: str) -> str:
        properties = self._template["Resources"][resource]["Properties"]
        # CloudFormation makes up the end of a name that the template does not give.
        made = {"Fn::Sub": f"${{AWS::StackName}}-{resource}-A1B2C3D4E5F6"}
        return str(self.resolve(properties.get(key, made)))

    def _attribute(self, name: str, attribute: str) -> str:  # noqa: C901, PLR0911, PLR0912  # one line each
        assert name in self.present, f"{name} does not exist with these parameters"
        resource = self._template["Resources"][name]
        match resource["Type"], attribute:
            case "AWS::S3::Bucket", "Arn":
                return f"arn:aws:s3:::{self._ref(name)}"
            case "AWS::SQS::Queue", "Arn":
                return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self._name(name, 'QueueName')}"
            case "AWS::SQS::Queue", "QueueName":
                return self._name(name, "QueueName")
            case "AWS::Logs::LogGroup", "Arn":
                return f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{self._name(name, 'LogGroupName')}:*"
            case "AWS::IAM::Role", "Arn":
                named = resource["Properties"].get("RoleName")
                made = self.resolve(named) if named else f"trailforward-{name}-A1B2"
                return f"arn:aws:iam::{ACCOUNT}:role/{made}"
            case "AWS::Events::EventBus", "Arn":
                return f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/{self._name(name, 'Name')}"
            case "AWS::Events::Rule", "Arn":
                bus = self.resolve(resource["Properties"].get("EventBusName", "default"))
                path = "" if bus == "default" else f"{bus}/"
                return f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{path}{self._name(name, 'Name')}"
            case "AWS::Logs::DeliveryDestination", "Arn":
                return f"arn:aws:logs:{REGION}:{ACCOUNT}:delivery-destination:{self._name(name, 'Name')}"
            case "AWS::DynamoDB::Table", "Arn":
                return f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/trailforward-{name}-A1B2"
            case "AWS::KMS::Key", "Arn":
                return f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"
            case (("AWS::CloudWatch::Alarm" | "AWS::CloudWatch::CompositeAlarm"), "Arn"):
                return f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{self._name(name, 'AlarmName')}"
            case "AWS::Serverless::Function", "Arn":
                return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self._ref(name)}"
            case "AWS::Lambda::Version", "Version":
                return "1"
        raise NotImplementedError(f"{resource['Type']} {attribute}")


def grants(policy: dict[str, Any]) -> set[tuple[str, str]]:
    """Returns a policy's pairs of action and resource; it must have neither denials nor conditions."""
    found = set()
    for statement in policy["Statement"]:
        assert statement["Effect"] == "Allow"
        assert set(statement) <= {"Sid", "Effect", "Action", "Resource"}
        found |= {
            (action, arn) for action in listed(statement["Action"]) for arn in listed(statement["Resource"])
        }
    return found


def listed(value: str | list[str]) -> list[str]:
    """A list, where IAM allows a single text instead."""
    return [value] if isinstance(value, str) else value
