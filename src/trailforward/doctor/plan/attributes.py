"""Attributes: the values of instances' arguments, with references resolved where the plan has no value."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from trailforward.doctor.plan.configuration import Configuration, expression_at
from trailforward.doctor.plan.document import objects
from trailforward.doctor.plan.former import Former
from trailforward.doctor.plan.naming import NAMED, Naming
from trailforward.doctor.plan.places import Places
from trailforward.doctor.plan.references import References
from trailforward.doctor.world.unknown import is_unknown, unknown

if TYPE_CHECKING:
    from trailforward.doctor.plan.document import Instance, Plan


class Attributes:
    """The arguments of a plan's instances.

    Args:
        plan: the plan.
        account: the account of providers whose account the plan does not say; empty if not given.
        region: the Region of providers whose Region the plan does not say; empty if not given.

    Attributes:
        references: resolves references.
        places: where the instances are.
        naming: what they are called.
        former: which policies of existing resources other resources change or delete.
    """

    def __init__(self, plan: Plan, account: str, region: str) -> None:
        self._configuration = Configuration(plan.configuration)
        self.references = References(plan, self._configuration, self._computed)
        self.places = Places(plan, self._configuration, self.references, account, region)
        self.former = Former(plan)
        self.naming = Naming(self.places, self.configured)

    def configured(self, instance: Instance, name: str) -> bool | None:
        """Whether the configuration sets an argument; None if there is no configuration."""
        resource = self._configuration.resource(instance)
        if not resource:
            return None
        expression = expression_at(resource, (name,))
        return expression is not None and not self.references.is_null(expression, instance.module)

    def get(self, instance: Instance, *path: str | int) -> Any:
        """The value of an argument; None if it is not set, and a text that says so if it is not known.

        States have an empty text for some arguments that are not set.

        Args:
            instance: the instance.
            path: the name of the argument; for one in a nested block, the block's name and number first.
        """
        value: Any = instance.values
        for position, step in enumerate(path):
            if isinstance(value, str) and is_unknown(value):
                return value
            if isinstance(value, dict) and isinstance(step, str):
                if step not in value and not position and not instance.complete:
                    return unknown(f"the {step} of {instance.address}")
                value = value.get(step)
            elif isinstance(value, list) and isinstance(step, int) and step < len(value):
                value = value[step]
            else:
                return None
        if isinstance(value, str) and is_unknown(value):
            return self._resolved(instance, path, value)
        if isinstance(value, list):
            return self._elements(instance, path, value)
        return None if value == "" else value  # 0 and False are values

    def blocks(self, instance: Instance, name: str) -> list[Any]:
        """The nested blocks of one kind: objects, or a text for blocks that are not known."""
        found = self.get(instance, name)
        if isinstance(found, str):
            return [found]
        return (
            [one if isinstance(one, (dict, str)) else {} for one in found] if isinstance(found, list) else []
        )

    def _resolved(self, instance: Instance, path: tuple[str | int, ...], value: str) -> Any:
        if "(sensitive)" in value:
            return value
        if len(path) == 1 and self.configured(instance, str(path[0])) is False:
            return None  # the provider sets what the configuration leaves out
        found = self.references.argument(instance, path)
        return value if found is None else found

    def _elements(self, instance: Instance, path: tuple[str | int, ...], value: list[Any]) -> list[Any]:
        open_ones = [index for index, one in enumerate(value) if isinstance(one, str) and is_unknown(one)]
        if not open_ones or any("(sensitive)" in value[index] for index in open_ones):
            return value
        found = self.references.arguments(instance, path, len(open_ones))
        if found is None:
            return value
        return [*(one for index, one in enumerate(value) if index not in open_ones), *found]

    def _computed(self, instance: Instance, attribute: str) -> Any:
        """An attribute that Terraform knows only after apply; None if it does not follow from the rest."""
        if instance.mode == "data":
            is_document = instance.type == "aws_iam_policy_document" and attribute == "json"
            return self._document(instance) if is_document else None
        if instance.type == "aws_lambda_alias" and attribute in {"arn", "id"}:
            return self._alias(instance)
        if instance.type == "aws_kms_alias" and attribute in {"name", "id"}:
            return self.get(instance, "name")
        if instance.type == "aws_kms_alias" and attribute in {"target_key_arn", "target_key_id"}:
            return self.get(instance, "target_key_id")
        if instance.type == "aws_cloudformation_stack_set" and attribute == "id":
            return self.get(instance, "name")
        return self.naming.computed(instance, attribute) if instance.type in NAMED else None

    def _alias(self, instance: Instance) -> str | None:
        function, name = self.get(instance, "function_name"), self.get(instance, "name")
        if not isinstance(function, str) or not isinstance(name, str) or is_unknown(function):
            return None
        if not function.startswith("arn:"):
            function = self.naming.function_arn(instance, function)
        return f"{function}:{name}"

    def _document(self, instance: Instance) -> str | None:
        """The JSON of a policy document that Terraform reads only during apply.

        Source: https://registry.terraform.io/providers/hashicorp/aws/latest/docs/data-sources/iam_policy_document
        """
        others = ("source_policy_documents", "override_policy_documents", "source_json", "override_json")
        if any(instance.values.get(name) for name in others):
            return None
        statements = [
            self._statement(instance, number) if isinstance(one, dict) else one
            for number, one in enumerate(self.blocks(instance, "statement"))
        ]
        return json.dumps({"Version": "2012-10-17", "Statement": statements})

    def _statement(self, instance: Instance, number: int) -> dict[str, Any]:
        def one(*path: str | int) -> Any:
            return self.get(instance, "statement", number, *path)

        statement: dict[str, Any] = {"Effect": one("effect") or "Allow"}
        for name, key in (
            ("actions", "Action"),
            ("not_actions", "NotAction"),
            ("resources", "Resource"),
            ("not_resources", "NotResource"),
        ):
            if value := one(name):
                statement[key] = value
        for name, key in (("principals", "Principal"), ("not_principals", "NotPrincipal")):
            if value := self._principals(instance, number, name):
                statement[key] = value
                if isinstance(value, dict) and any(map(is_unknown, value)):  # so whom it is for is not known
                    statement["Effect"] = next(filter(is_unknown, value))
        conditions: dict[str, dict[str, Any]] = {}
        for index, block in enumerate(objects(one("condition"))):
            values = one("condition", index, "values")
            conditions.setdefault(str(block.get("test")), {})[str(block.get("variable"))] = values
        if isinstance(one("condition"), str):  # not known
            conditions["StringEquals"] = {str(one("condition")): "x"}
        return statement | ({"Condition": conditions} if conditions else {})

    def _principals(self, instance: Instance, number: int, name: str) -> Any:
        found: dict[str, Any] = {}
        value = self.get(instance, "statement", number, name)
        if isinstance(value, str):
            return {"AWS": value}
        for index, block in enumerate(objects(value)):
            kind = str(block.get("type"))
            identifiers = self.get(instance, "statement", number, name, index, "identifiers")
            if kind == "*" and identifiers == ["*"]:
                return "*"
            found[kind] = identifiers
        return found
