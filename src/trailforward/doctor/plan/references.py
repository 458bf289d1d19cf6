"""References: values that Terraform knows only after apply, from what the configuration refers to.

A new queue has no ARN in the plan, so a target with ``arn = aws_sqs_queue.q.arn`` has none either. The
configuration says that the target refers to the queue, and the queue's ARN follows from its name.

Terraform's JSON lists the references of an expression, but not the text or the functions around them. So only
arguments that hold nothing but one name or ARN (:data:`KINDS`) are resolved this way, and only with what such
an argument accepts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trailforward.doctor.plan.addresses import Step, inside, steps, whole, with_key
from trailforward.doctor.plan.configuration import expression_at, is_resource, references
from trailforward.doctor.world.unknown import holds_unknown

if TYPE_CHECKING:
    from collections.abc import Callable

    from trailforward.doctor.plan.configuration import Configuration
    from trailforward.doctor.plan.document import Instance, Plan

#: What the arguments that are resolved hold: an ARN, the name of something in the same place, either of
#: them, a queue's URL, a policy document, or an account ID. The values of a condition may be anything; a name
#: among them is probably part of an ARN, so it is not one of the things that they hold.
KINDS = {
    "account_id": "account",
    "arn": "arn",
    "assume_role_policy": "document",
    "endpoint": "arn",
    "event_bus_name": "either",
    "function_name": "either",
    "identifiers": "arn",
    "key_arn": "arn",
    "key_id": "either",
    "kms_key_id": "either",
    "kms_key_identifier": "either",
    "kms_master_key_id": "either",
    "managed_policy_arns": "arn",
    "permissions_boundary": "arn",
    "policy": "document",
    "policy_arn": "arn",
    "policy_document": "document",
    "principal": "account",
    "queue_url": "url",
    "region": "region",
    "resources": "arn",
    "role": "name",
    "role_arn": "arn",
    "roles": "name",
    "rule": "name",
    "s3_bucket_name": "name",
    "source_account": "account",
    "source_arn": "arn",
    "stack_set_name": "name",
    "target_key_id": "either",
    "topic_arn": "arn",
    "values": "condition",
}
#: What a resource without an attribute means in an argument of a kind. Terraform leaves the attribute out in
#: ``aws_sqs_queue.q[each.key].arn`` and ``aws_sqs_queue.q[*].arn``, and before version 1.0 everywhere.
_IMPLIED = {"arn": "arn", "url": "url", "document": "json"}
_MOST_DEPTH = 50


class References:
    """Resolves expressions of one plan.

    Args:
        plan: the plan.
        configuration: its configuration.
        computed: gives an attribute that Terraform does not know yet, such as the ARN; None if it cannot.

    Attributes:
        used: whether any value was resolved from a single reference, whose surroundings are not known.
    """

    def __init__(
        self, plan: Plan, configuration: Configuration, computed: Callable[[Instance, str], Any]
    ) -> None:
        self._plan = plan
        self._configuration = configuration
        self._computed = computed
        self._depth = 0
        self.used = False
        self._resources: dict[str, dict[str | int | None, Instance]] = {}
        for one in plan.instances.values():
            prefix = "data." if one.mode == "data" else ""
            address = inside(one.module, f"{prefix}{one.type}.{one.name}")
            self._resources.setdefault(address, {})[one.key] = one

    def argument(self, instance: Instance, path: tuple[str | int, ...]) -> Any:
        """The value of an argument from its references; None if they do not tell."""
        kind = KINDS.get(next(step for step in reversed(path) if isinstance(step, str)))
        if kind is None:
            return None
        expression = expression_at(self._configuration.resource(instance), path, instance.values)
        value = self._checked(self.resolve(expression, instance.module, instance, kind), kind)
        self.used = self.used or value is not None
        return value

    def arguments(self, instance: Instance, path: tuple[str | int, ...], number: int) -> list[Any] | None:
        """The elements of a list that are not known, from their references; None if they do not tell."""
        kind = KINDS.get(next(step for step in reversed(path) if isinstance(step, str)), "")
        expression = expression_at(self._configuration.resource(instance), path, instance.values)
        found = whole(references(expression))
        if not kind or len(found) != number:
            return None
        values = [
            self._checked(self.resolve({"references": [text]}, instance.module, instance, kind), kind)
            for text in found
        ]
        self.used = self.used or None not in values
        return None if None in values else values

    def resolve(self, expression: Any, module: str, instance: Instance | None = None, kind: str = "") -> Any:
        """The value of an expression; None if it is not known.

        Args:
            expression: ``{"constant_value": …}`` or ``{"references": […]}``.
            module: the address of the module instance that it is in.
            instance: the instance whose argument it is.
            kind: what the argument holds (:data:`KINDS`).
        """
        if not isinstance(expression, dict) or self._depth > _MOST_DEPTH:
            return None
        if "constant_value" in expression:
            return expression["constant_value"]
        self._depth += 1
        try:
            return self._from_references(whole(references(expression)), module, instance, kind)
        finally:
            self._depth -= 1

    def is_null(self, expression: Any, module: str, depth: int = 0) -> bool:
        """Whether an expression is certainly null, so that its argument is not set."""
        if not isinstance(expression, dict) or depth > _MOST_DEPTH:
            return False
        if "constant_value" in expression:
            return expression["constant_value"] is None
        found = whole(references(expression))
        path = steps(found[0]) if len(found) == 1 else ()
        if len(path) != 2 or path[0].name != "var" or path[1].key is not None:  # noqa: PLR2004  # var.name
            return False
        name = path[1].name
        if not module:
            return name in self._plan.variables and self._plan.variables[name] is None
        argument = self._configuration.argument(module, name)
        if argument is None:
            return self._configuration.is_null_by_default(module, name)
        return self.is_null(argument, _parent(module), depth + 1)

    def _from_references(self, found: list[str], module: str, instance: Instance | None, kind: str) -> Any:
        own_key = [text for text in found if text in {"each.key", "count.index"}]
        others = [text for text in found if text not in own_key]
        if len(others) > 1:  # such as var.enabled ? aws_sqs_queue.q.arn : null
            open_ones = [text for text in others if self._may_matter(text, module)]
            extensible = [text for text in open_ones if "aws_lambda_function" in text]
            others = others if extensible or kind in {"", "name", "either", "account"} else open_ones
        if len(others) != 1:
            return None
        (text,) = others
        if text.startswith("var."):
            return self._variable(text, module, kind)
        if text.startswith("each.value.") and instance is not None and not own_key:
            return self._each(text, module, instance)
        if text.startswith("module."):
            return None if own_key else self._output(text, module, kind)
        if not is_resource(text):
            return None
        return self._resource(text, module, instance if own_key else None, kind)

    def _may_matter(self, text: str, module: str) -> bool:
        """Whether a reference may be the reason why a value is not known."""
        if text.startswith("var."):
            value = self._variable(text, module, "")
            return value is None or holds_unknown(value)
        return not is_resource(text) or bool(self._instances(text, module)[0])

    def _variable(self, text: str, module: str, kind: str) -> Any:
        _, named, *more = steps(text)
        if not module:
            value = self._plan.variables.get(named.name)
        else:
            expression = self._configuration.argument(module, named.name)
            value = (
                self.resolve(expression, _parent(module), None, kind)
                if expression is not None
                else self._configuration.default(module, named.name)
            )
        return _walk(_keyed(value, named), more)

    def _each(self, text: str, module: str, instance: Instance) -> Any:
        """``each.value.arn``, if ``for_each`` is a resource that has several instances itself."""
        over = whole(references(self._configuration.resource(instance).get("for_each_expression")))
        if len(over) != 1 or not is_resource(over[0]) or instance.key is None:
            return None
        attribute = text.removeprefix("each.value.")
        return self._resource(f"{over[0]}[{_quoted(instance.key)}].{attribute}", module, None, "")

    def _output(self, text: str, module: str, kind: str) -> Any:
        _, called, *rest = steps(text)
        if not rest:
            return None
        named, *more = rest
        child = inside(module, f"module.{with_key(called)}")
        expression = self._configuration.output(child, named.name)
        return _walk(_keyed(self.resolve(expression, child, None, kind), named), more)

    def _resource(self, text: str, module: str, keyed_as: Instance | None, kind: str) -> Any:
        instances, key, attribute = self._instances(text, module)
        if keyed_as is not None and (key is not None or keyed_as.key is None):
            return None
        if keyed_as is not None:
            key = keyed_as.key
        elif not attribute and key is None and len(instances) == 1:  # one(aws_sqs_queue.q[*].arn)
            key = next(iter(instances))
        if not attribute and not text.startswith("aws_lambda_function."):
            attribute = [Step(_IMPLIED.get(kind, ""))]
        chosen = instances.get(key)
        if chosen is None or not attribute:
            return None
        named, *more = attribute
        value = _keyed(chosen.values.get(named.name), named)
        if value is None or holds_unknown(value):
            value = self._computed(chosen, named.name)
        return _walk(value, more)

    def _instances(
        self, text: str, module: str
    ) -> tuple[dict[str | int | None, Instance], str | int | None, list[Step]]:
        """The instances of the resource that a reference names, by key; its key; and the attribute."""
        found = steps(text)
        data = found[0].name == "data"
        parts = found[:3] if data else found[:2]
        if len(parts) < 2:  # noqa: PLR2004  # a type and a name
            return {}, None, []
        address = ".".join([*(step.name for step in parts[:-1]), parts[-1].name])
        instances = self._resources.get(inside(module, address), {})
        return instances, parts[-1].key, list(found[len(parts) :])

    def _checked(self, value: Any, kind: str) -> Any:
        """The value, if an argument of this kind accepts it."""
        if not isinstance(value, str):
            return None
        fits = {
            "arn": value.startswith("arn:"),
            "url": value.startswith("https://"),
            "document": value.lstrip().startswith("{"),
            "name": not value.startswith(("arn:", "https://", "{")) or value.startswith("{{unknown"),
            "account": value.isdigit() or value.startswith("arn:"),
            "condition": value.isdigit() or value.startswith(("arn:", "o-")),
        }
        return value if fits.get(kind, True) else None


def _parent(module: str) -> str:
    found = steps(module)[:-2]
    return ".".join(f"module.{with_key(found[position + 1])}" for position in range(0, len(found) - 1, 2))


def _quoted(key: str | int) -> str:
    return with_key(Step("", key))[1:-1]


def _keyed(value: Any, step: Step) -> Any:
    """The element of a value that a step names with its key."""
    if step.key is None:
        return value
    if isinstance(value, list) and isinstance(step.key, int):
        return value[step.key] if step.key < len(value) else None
    return value.get(str(step.key)) if isinstance(value, dict) else None


def _walk(value: Any, more: list[Step]) -> Any:
    for step in more:
        value = _keyed(value.get(step.name), step) if isinstance(value, dict) else None
    return value
