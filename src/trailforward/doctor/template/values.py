"""Values: evaluates a template's parameters, conditions, and functions for one account and Region.

A value that the template alone does not have (an export, an attribute of another stack's resource, a
parameter of Systems Manager) becomes a text that stands for an unknown value, and only what contains it is
unknown.
cfn-lint evaluates functions, too, but a value with one unknown part is unknown to it as a whole
(docs/decisions/0024).

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any

from trailforward.doctor.template.names import NAME_ATTRIBUTES, TYPES
from trailforward.doctor.template.parameters import parameter_values
from trailforward.doctor.world.regions import partition_of
from trailforward.doctor.world.unknown import (
    holds_unknown,
    is_unknown,
    may_be,
    split_known,
    unknown,
    why_unknown,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: What ``AWS::NoValue`` is: the property or the element disappears.
NO_VALUE: Any = object()

_SUB = re.compile(r"\$\{(!?)([^}]{1,300})\}")
_DYNAMIC = re.compile(r"\{\{resolve:([^{}]{1,600})\}\}")
#: Conditions and values nest; a template that nests deeper is hostile.
_MOST_DEPTH = 100
_DOMAINS = {"aws-cn": "amazonaws.com.cn"}


class Values:
    """The values of a template in one place.

    Args:
        template: after its transforms.
        account: the account to deploy to.
        region: the Region to deploy to.
        parameters: given values of parameters.
        stack: the stack's name.
        imports: exports that ``Fn::ImportValue`` finds.

    Attributes:
        outputs: of nested stacks: logical name → output → value. Whoever reads nested stacks fills it.
        missing: parameters without a value.

    Raises:
        TemplateError: a given value is not allowed, or its parameter does not exist.
    """

    def __init__(
        self,
        template: Mapping[str, Any],
        account: str,
        region: str,
        parameters: Mapping[str, Any],
        *,
        stack: str = "trailforward",
        imports: Mapping[str, Any] | None = None,
    ) -> None:
        self.template = template
        self.resources: Mapping[str, Any] = template["Resources"]
        self.account = account
        self.region = region
        self.partition = partition_of(region)
        self.stack = stack
        self.outputs: dict[str, dict[str, Any]] = {}
        found = parameter_values(template, parameters)
        self.missing = found.missing
        self._imports = imports or {}
        self._values: dict[str, Any] = {
            "AWS::AccountId": account,
            "AWS::Region": region,
            "AWS::Partition": self.partition,
            "AWS::StackName": stack,
            "AWS::StackId": f"arn:{self.partition}:cloudformation:{region}:{account}:stack/{stack}/1",
            "AWS::URLSuffix": _DOMAINS.get(self.partition, "amazonaws.com"),
            "AWS::NotificationARNs": [],
            "AWS::NoValue": NO_VALUE,
            **found.values,
        }
        self._conditions: dict[str, bool | None] = {}
        self._evaluating: set[str] = set()
        self._depth = 0

    def present(self, logical: str) -> bool | None:
        """Whether the stack creates a resource; None if that is not known."""
        resource = self.resources[logical]
        condition = resource.get("Condition") if isinstance(resource, dict) else None
        return True if condition is None else self.condition(condition)

    def properties(self, logical: str) -> dict[str, Any]:
        """A resource's properties, with functions evaluated."""
        found = self.of(self.resources[logical].get("Properties", {}))
        return found if isinstance(found, dict) else {}

    def condition(self, name: Any) -> bool | None:
        """Whether a condition holds; None if that is not known."""
        known = self.template.get("Conditions")
        if not isinstance(name, str) or not isinstance(known, dict) or name not in known:
            return None
        if name not in self._conditions:
            if name in self._evaluating:  # a condition that needs itself
                return None
            self._evaluating.add(name)
            self._conditions[name] = self._holds(known[name])
            self._evaluating.discard(name)
        return self._conditions[name]

    def of(self, value: Any) -> Any:
        """A value with its functions evaluated."""
        if self._depth > _MOST_DEPTH:
            return unknown("a value that nests too deeply")
        self._depth += 1
        try:
            return self._of(value)
        finally:
            self._depth -= 1

    def _of(self, value: Any) -> Any:  # noqa: PLR0911  # one for each form of a value
        if isinstance(value, list):
            items = [self.of(item) for item in value]
            return [item for item in items if item is not NO_VALUE]
        if isinstance(value, str):
            return _DYNAMIC.sub(lambda at: unknown(f"the dynamic reference {at[1]}"), value)
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name == "Ref":
                return self.ref(argument)
            if name == "Condition" and isinstance(argument, str) and self._is_condition(argument):
                holds = self.condition(argument)
                return unknown(f"the condition {argument}") if holds is None else holds
            if isinstance(name, str) and name.startswith("Fn::"):
                return self._call(name.removeprefix("Fn::"), argument)
        found = {str(key): self.of(item) for key, item in value.items()}
        return {key: item for key, item in found.items() if item is not NO_VALUE}

    def _is_condition(self, name: str) -> bool:
        known = self.template.get("Conditions")
        return isinstance(known, dict) and name in known

    def _call(self, name: str, argument: Any) -> Any:
        function = _FUNCTIONS.get(name)
        if function is None:
            return unknown(f"the result of Fn::{name}")
        try:
            return function(self, argument)
        except (TypeError, ValueError, LookupError, AttributeError):
            return unknown(f"the result of Fn::{name} with unusual arguments")

    def name(self, logical: str) -> str:
        """A resource's physical name: the given one, or one like those that CloudFormation generates."""
        resource = self.resources[logical]
        named = TYPES.get(str(resource.get("Type")))
        properties = resource.get("Properties")
        if named is not None and named.key and isinstance(properties, dict) and named.key in properties:
            given = self.of(properties[named.key])
            if isinstance(given, (str, int)) and not isinstance(given, bool):
                return str(given)
        generated = f"{self.stack}-{logical}"
        # Roles and policies are global, but each Region's stack creates its own.
        return f"{generated}-{self.region}" if str(resource.get("Type")) in _GLOBAL else generated

    def arn(self, logical: str) -> str:
        """A resource's ARN; unknown if its type or the resource is not known."""
        resource = self.resources.get(logical)
        kind = str(resource.get("Type")) if isinstance(resource, dict) else ""
        named = TYPES.get(kind)
        if named is None:
            return unknown(f"the ARN of {logical}")
        name = self.name(logical)
        properties = resource.get("Properties") if isinstance(resource, dict) else None
        properties = properties if isinstance(properties, dict) else {}
        if kind == "AWS::Events::Rule":
            bus = str(self.of(properties.get("EventBusName", "default"))).rpartition("/")[2]
            name = name if bus == "default" else f"{bus}/{name}"
        elif kind in _GLOBAL and isinstance(path := self.of(properties.get("Path", "/")), str):
            name = f"{path.strip('/')}/{name}".lstrip("/")
        return named.arn.format(p=self.partition, r=self.region, a=self.account, n=name)

    def ref(self, name: Any) -> Any:  # noqa: PLR0911  # one for each kind of name
        """What ``Ref`` returns."""
        if not isinstance(name, str):
            return unknown("a reference")
        if name in self._values:
            return self._values[name]
        resource = self.resources.get(name)
        if not isinstance(resource, dict):
            return unknown(f"the reference {name}")
        kind = str(resource.get("Type"))
        if kind in {"AWS::Lambda::Version", "AWS::Lambda::Alias"}:
            return self._qualified(name, kind)
        named = TYPES.get(kind)
        if named is None:
            return unknown(f"the name of {name}")
        if named.ref == "arn":
            return self.arn(name)
        if named.ref == "url":
            return f"https://sqs.{self.region}.amazonaws.com/{self.account}/{self.name(name)}"
        return self.name(name)

    def attribute(self, logical: str, attribute: str) -> Any:
        """What ``Fn::GetAtt`` returns."""
        if attribute.startswith("Outputs."):
            outputs = self.outputs.get(logical)
            return (outputs or {}).get(attribute.removeprefix("Outputs."), unknown(f"{logical} {attribute}"))
        resource = self.resources.get(logical)
        kind = str(resource.get("Type")) if isinstance(resource, dict) else ""
        if kind in TYPES:
            if attribute in _ARN_ATTRIBUTES:
                return self.arn(logical)
            if attribute in NAME_ATTRIBUTES:
                return self.name(logical)
            if attribute == "QueueUrl":
                return self.ref(logical)
        return unknown(f"{logical} {attribute}")

    def _qualified(self, logical: str, kind: str) -> str:
        """The ARN of a version or an alias."""
        properties = self.resources[logical].get("Properties") or {}
        function = self.of(properties.get("FunctionName"))
        if not isinstance(function, str):
            return unknown(f"the ARN of {logical}")
        arn = function if function.startswith("arn:") else self._function_arn(function)
        suffix = self.of(properties.get("Name")) if kind == "AWS::Lambda::Alias" else "1"
        return f"{arn}:{suffix}"

    def _function_arn(self, name: str) -> str:
        return f"arn:{self.partition}:lambda:{self.region}:{self.account}:function:{name}"

    # Functions. An argument of another shape raises, and the result is unknown.

    def if_(self, argument: Any) -> Any:
        """The chosen branch. If the condition is not known, the branches must agree."""
        name, yes, no = argument
        holds = self.condition(name)
        if holds is not None:
            return self.of(yes if holds else no)
        left, right = self.of(yes), self.of(no)
        return left if left is not NO_VALUE and left == right else unknown(f"the condition {name}")

    def get_att(self, argument: Any) -> Any:
        """An attribute of a resource."""
        logical, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
        return self.attribute(str(logical), str(self.of(attribute)))

    def find_in_map(self, argument: Any) -> Any:
        """A value of a mapping, or the default."""
        first, top, second, *more = (self.of(item) for item in argument)
        if holds_unknown([first, top, second]):
            return unknown("a value of a mapping")
        mappings = self.template.get("Mappings", {})
        try:
            return self.of(mappings[str(first)][str(top)][str(second)])
        except (KeyError, TypeError):
            if more and isinstance(more[0], dict) and "DefaultValue" in more[0]:
                return more[0]["DefaultValue"]
            return unknown(f"the mapping {first}")

    def sub(self, argument: Any) -> str:
        """A text with its placeholders replaced."""
        text, more = (argument, {}) if isinstance(argument, str) else (argument[0], argument[1])

        def put(at: re.Match[str]) -> str:
            literal, name = at[1], at[2].strip()
            if literal:
                return f"${{{name}}}"
            if name in more:
                return as_text(self.of(more[name]))
            if "." in name:
                return as_text(self.attribute(*name.split(".", 1)))
            return as_text(self.ref(name))

        return str(self._of(_SUB.sub(put, text)))

    def join(self, argument: Any) -> str:
        """Texts with a delimiter between them."""
        delimiter, items = argument[0], self.of(argument[1])
        if isinstance(items, str):  # a list that is not known
            return items if is_unknown(items) else unknown("the result of Fn::Join")
        return str(delimiter).join(as_text(item) for item in items)

    def split(self, argument: Any) -> Any:
        """A text cut at a delimiter."""
        delimiter, text = str(argument[0]), as_text(self.of(argument[1]))
        if is_unknown(delimiter):
            return unknown("the parts of a text")
        # The unknown part may contain the delimiter: what is between two of them is only a part of it.
        return [
            unknown(f"a part of {why_unknown(part)}") if is_unknown(part) else part
            for part in split_known(text, delimiter)
        ]

    def select(self, argument: Any) -> Any:
        """One element of a list."""
        index, items = self.of(argument[0]), self.of(argument[1])
        if isinstance(items, str):
            return unknown("an element of a list")
        return items[int(index)]

    def base64(self, argument: Any) -> str:
        """A text in base64."""
        text = as_text(self.of(argument))
        return text if is_unknown(text) else base64.b64encode(text.encode()).decode()

    def import_value(self, argument: Any) -> Any:
        """An export of another stack."""
        name = as_text(self.of(argument))
        return self._imports.get(name, unknown(f"the export {name}"))

    def length(self, argument: Any) -> Any:
        """How many elements a list has."""
        items = self.of(argument)
        return len(items) if isinstance(items, list) else unknown("the length of a list")

    def to_json_string(self, argument: Any) -> str:
        """A value as JSON text."""
        return json.dumps(self.of(argument), separators=(",", ":"))

    def _holds(self, value: Any) -> bool | None:  # noqa: PLR0911  # one for each function
        if not isinstance(value, dict) or len(value) != 1:
            return None
        ((name, argument),) = value.items()
        if name == "Condition":
            return self.condition(argument)
        items = argument if isinstance(argument, list) else []
        if name == "Fn::Equals" and len(items) == 2:  # noqa: PLR2004  # two sides
            return _equal(*(as_text(self.of(item)) for item in items))
        results = [self._holds(item) for item in items]
        if name == "Fn::Not" and len(results) == 1:
            return None if results[0] is None else not results[0]
        if name == "Fn::And" and results:
            return False if False in results else None if None in results else True
        if name == "Fn::Or" and results:
            return True if True in results else None if None in results else False
        return None


_ARN_ATTRIBUTES = frozenset({"Arn", "TopicArn", "FunctionArn", "Ref", "PolicyArn"})
_GLOBAL = frozenset({"AWS::IAM::Role", "AWS::IAM::User", "AWS::IAM::ManagedPolicy"})

_FUNCTIONS: dict[str, Callable[[Values, Any], Any]] = {
    "If": Values.if_,
    "Sub": Values.sub,
    "GetAtt": Values.get_att,
    "FindInMap": Values.find_in_map,
    "Join": Values.join,
    "Split": Values.split,
    "Select": Values.select,
    "Base64": Values.base64,
    "ImportValue": Values.import_value,
    "Length": Values.length,
    "ToJsonString": Values.to_json_string,
}


def as_text(value: Any) -> str:
    """A value inside a text, as CloudFormation writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    if isinstance(value, list):
        return ",".join(map(as_text, value))
    return unknown("a value that is not a text")


def _equal(left: str, right: str) -> bool | None:
    if not is_unknown(left) and not is_unknown(right):
        return left == right
    if is_unknown(left) and is_unknown(right):
        return None
    return None if may_be(left, right) or may_be(right, left) else False
