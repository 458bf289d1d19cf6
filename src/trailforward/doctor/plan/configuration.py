"""Configuration: the expressions of a plan's ``configuration``, by module and address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.doctor.plan.addresses import path_of, steps
from trailforward.doctor.plan.document import objects

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailforward.doctor.plan.document import Instance

#: Nested blocks whose order means nothing.
_SETS = frozenset({"condition", "inline_policy", "not_principals", "principals"})
#: Modules nest; people stop at five or so.
_MOST_DEPTH = 50


class Provider(NamedTuple):
    """The configuration of a provider.

    Attributes:
        key: ``aws``, ``aws.hub``, or ``module.rules:aws``.
        expressions: its arguments.
        module: the address of the module that it is in.
    """

    key: str
    expressions: dict[str, Any]
    module: str


class Configuration:
    """The resources, variables, and outputs of a plan's modules.

    Args:
        raw: ``configuration``; empty if there is none.

    Attributes:
        providers: ``provider_config``, by key.
    """

    def __init__(self, raw: dict[str, Any]) -> None:
        root = raw.get("root_module")
        providers = raw.get("provider_config")
        self.providers: dict[str, dict[str, Any]] = {
            str(key): one
            for key, one in (providers.items() if isinstance(providers, dict) else ())
            if isinstance(one, dict)
        }
        self._modules: dict[tuple[str, ...], dict[str, Any]] = {}
        self._calls: dict[tuple[str, ...], dict[str, Any]] = {}
        self._resources: dict[tuple[tuple[str, ...], str], dict[str, Any]] = {}
        for path, module, call in _walk((), root if isinstance(root, dict) else {}, {}):
            self._modules[path], self._calls[path] = module, call
            for resource in objects(module.get("resources")):
                self._resources[path, str(resource.get("address"))] = resource

    def resource(self, instance: Instance) -> dict[str, Any]:
        """The configuration of an instance's resource; empty if there is none."""
        prefix = "data." if instance.mode == "data" else ""
        address = f"{prefix}{instance.type}.{instance.name}"
        return self._resources.get((path_of(instance.module), address), {})

    def argument(self, module: str, name: str) -> dict[str, Any] | None:
        """The expression of a module's argument, where the module is called; None if there is none."""
        return _expression(self._calls.get(path_of(module), {}).get("expressions"), name)

    def default(self, module: str, name: str) -> Any:
        """The default of a module's variable; None if there is none, or it is sensitive."""
        variables = self._modules.get(path_of(module), {}).get("variables")
        found = variables.get(name) if isinstance(variables, dict) else None
        return found.get("default") if isinstance(found, dict) and not found.get("sensitive") else None

    def is_null_by_default(self, module: str, name: str) -> bool:
        """Whether the default of a module's variable is null."""
        variables = self._modules.get(path_of(module), {}).get("variables")
        found = variables.get(name) if isinstance(variables, dict) else None
        return isinstance(found, dict) and "default" in found and found["default"] is None

    def output(self, module: str, name: str) -> dict[str, Any] | None:
        """The expression of a module's output; None if there is none, or it is sensitive."""
        outputs = self._modules.get(path_of(module), {}).get("outputs")
        found = outputs.get(name) if isinstance(outputs, dict) else None
        if not isinstance(found, dict) or found.get("sensitive"):
            return None
        return _expression(found, "expression")

    def provider(self, instance: Instance) -> Provider:
        """The provider that makes an instance.

        Terraform before version 1.1 names a provider of the module, also if the module gets it from its
        parent. That is only certain if there is just one.
        """
        key = str(self.resource(instance).get("provider_config_key", "aws"))
        found = self.providers.get(key, {})
        if ":" in key and "expressions" not in found:
            name = key.rpartition(":")[2].partition(".")[0]
            roots = [one for one in self.providers if one == name or one.startswith(f"{name}.")]
            if len(roots) > 1:
                return Provider(key, {"region": {}, "assume_role": [{}]}, "")
            key = roots[0] if roots else name
            found = self.providers.get(key, {})
        expressions = found.get("expressions")
        module = found.get("module_address")
        return Provider(
            key,
            expressions if isinstance(expressions, dict) else {},
            module if isinstance(module, str) else "",
        )


def _walk(
    path: tuple[str, ...], module: dict[str, Any], call: dict[str, Any]
) -> Iterator[tuple[tuple[str, ...], dict[str, Any], dict[str, Any]]]:
    yield path, module, call
    calls = module.get("module_calls")
    for name, inner in calls.items() if isinstance(calls, dict) and len(path) < _MOST_DEPTH else ():
        if isinstance(inner, dict):
            child = inner.get("module")
            yield from _walk((*path, str(name)), child if isinstance(child, dict) else {}, inner)


def _expression(expressions: Any, name: str) -> dict[str, Any] | None:
    found = expressions.get(name) if isinstance(expressions, dict) else None
    return found if isinstance(found, dict) else None


def expression_at(
    resource: dict[str, Any], path: tuple[str | int, ...], values: dict[str, Any] | None = None
) -> Any:
    """The expression of an argument, or of one in a nested block; None if it is not certain which one it is.

    Terraform leaves ``dynamic`` blocks out, and sorts the values of sets, so a block's position may differ
    between the configuration and the values.

    Args:
        resource: the configuration of the resource.
        path: the name of the argument; for one in a nested block, the block's name and number first.
        values: the attributes of the instance; needed for nested blocks.
    """
    found: Any = resource.get("expressions")
    known: Any = values
    name = ""
    for step in path:
        if isinstance(found, dict) and isinstance(step, str):
            found, name = found.get(step), step
            known = known.get(step) if isinstance(known, dict) else None
        elif isinstance(found, list) and isinstance(known, list) and isinstance(step, int):
            found = _block(found, known, step, name)
            known = known[step] if step < len(known) else None
        else:
            return None
    return found


def _block(blocks: list[Any], values: list[Any], number: int, name: str) -> Any:
    """The configuration of a nested block with some values."""
    if number >= len(values):
        return None
    if len(blocks) == len(values) and (len(blocks) == 1 or name not in _SETS):
        return blocks[number]
    fitting = [block for block in blocks if _fits(block, values[number])]
    alike = [value for value in values if any(_fits(block, value) for block in fitting)]
    return fitting[0] if len(fitting) == len(alike) == 1 else None


def _fits(block: Any, value: Any) -> bool:
    """Whether a nested block may be the configuration of some values: its constants are among them."""
    if not isinstance(block, dict) or not isinstance(value, dict):
        return False
    for name, expression in block.items():
        if isinstance(expression, dict) and "constant_value" in expression:
            constant, found = expression["constant_value"], value.get(name)
            if isinstance(constant, list) and isinstance(found, list):
                constant, found = sorted(map(str, constant)), sorted(map(str, found))
            if constant != found:
                return False
    return True


def references(expression: Any) -> list[str]:
    """The references of an expression."""
    found = expression.get("references") if isinstance(expression, dict) else None
    return [text for text in found if isinstance(text, str)] if isinstance(found, list) else []


def is_resource(reference: str) -> bool:
    """Whether a reference is to a resource or data source."""
    first = steps(reference)[0].name if reference else ""
    return first == "data" or "_" in first
