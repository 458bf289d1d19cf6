"""A module of ``terraform/``, evaluated for given variables as ``terraform plan`` would."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.sam.cfn import ACCOUNT, REGION
from tests.support.pages import ROOT
from tests.terraform.computed import computed
from tests.terraform.hcl import Names, Scope, attributes, blocks, evaluate, parse

if TYPE_CHECKING:
    from pathlib import Path

TERRAFORM = ROOT / "terraform"
DATA = {
    "aws_caller_identity": {"account_id": ACCOUNT},
    "aws_partition": {"partition": "aws"},
    "aws_region": {"region": REGION},
    "archive_file": {"output_path": "function.zip", "output_base64sha256": "digest"},
}
META = {"count", "for_each", "depends_on", "provider"}


class Refused(Exception):  # noqa: N818  # the variables are, nothing is in error
    """A validation of the module does not hold."""


class Instance:
    """One instance of a resource.

    Args:
        kind: such as ``aws_sqs_queue``.
        label: such as ``event_queue``.
        body: its block.
        names: what its expressions can refer to.
    """

    def __init__(self, kind: str, label: str, body: Any, names: Names) -> None:
        self.kind = kind
        self.label = label
        self._body = body
        self._names = names
        self._expressions = attributes(body)

    def attribute(self, name: str) -> Any:
        """An argument, or what AWS decides: the same as :mod:`tests.sam.cfn` makes up for the stack."""
        value = computed(self, name)
        return self.argument(name) if value is None else value

    def argument(self, name: str) -> Any:
        """The value that the block gives."""
        return evaluate(self._expressions[name], self._names) if name in self._expressions else None

    def arguments(self) -> dict[str, Any]:
        """All arguments with a value, and the nested blocks as lists."""
        found = _arguments(self._body, self._names)
        return {name: value for name, value in found.items() if name not in META}


def _arguments(body: Any, names: Names) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, expression in attributes(body).items():
        if name not in META and (value := evaluate(expression, names)) is not None:
            found[name] = value
    for kind, labels, inner in blocks(body):
        if kind == "lifecycle":
            continue
        if kind == "dynamic":
            times = evaluate(attributes(inner)["for_each"], names)
            ((_, _, content),) = blocks(inner)
            for one in times:
                scope = Scope(names, **{labels[0]: {"value": one}})
                found.setdefault(labels[0], []).append(_arguments(content, scope))
        else:
            found.setdefault(kind, []).append(_arguments(inner, names))
    return found


class Module(Names):
    """A module with variables put in.

    Args:
        folder: with the ``.tf`` files.
        **variables: what differs from the defaults.

    Raises:
        Refused: a variable is missing or unknown, or a validation says no.
    """

    def __init__(self, folder: Path, **variables: Any) -> None:
        self._folder = folder
        self._declared: dict[str, Any] = {}
        self._locals: dict[str, Any] = {}
        self._blocks: dict[tuple[str, str], Any] = {}
        self._outputs: dict[str, Any] = {}
        self._instances: dict[tuple[str, str], Any] = {}
        for path in sorted(folder.glob("*.tf")):
            for kind, labels, body in blocks(parse(path)):
                match kind:
                    case "variable":
                        self._declared[labels[0]] = body
                    case "locals":
                        self._locals |= attributes(body)
                    case "resource":
                        assert (labels[0], labels[1]) not in self._blocks
                        self._blocks[labels[0], labels[1]] = body
                    case "output":
                        self._outputs[labels[0]] = attributes(body)["value"]
                    case "data":
                        assert labels[0] in DATA, labels
                    case "terraform":
                        pass
                    case _:
                        raise NotImplementedError(kind)
        self._always = {name: one for name, one in variables.items() if name in {"layer_zip", "regions"}}
        self.variables = self._checked(variables)

    def check(self, variables: dict[str, Any]) -> None:
        """Checks other variables, by the validations that mention them.

        Raises:
            Refused: a variable is missing or unknown, or a validation says no.
        """
        before = self.variables
        try:
            self._checked(self._always | variables, set(variables))
        finally:
            self.variables = before

    @property
    def declared(self) -> set[str]:
        """The names of the variables."""
        return set(self._declared)

    @property
    def all_outputs(self) -> set[str]:
        """The names of the outputs."""
        return set(self._outputs)

    @property
    def resources(self) -> dict[tuple[str, str], list[Instance]]:
        """Type and label → the instances that exist with these variables."""
        found = {}
        for kind, label in self._blocks:
            made = self._made(kind, label)
            several = list(made.values()) if isinstance(made, dict) else made
            found[kind, label] = several if isinstance(several, list) else [several]
        return found

    @property
    def outputs(self) -> dict[str, Any]:
        """The outputs that have a value."""
        found = {name: evaluate(expression, self) for name, expression in self._outputs.items()}
        return {name: value for name, value in found.items() if value is not None}

    def name(self, name: str) -> Any:
        """Returns what ``var``, ``local``, ``data``, ``path``, or a type of resources is."""
        match name:
            case "var":
                return self.variables
            case "local":
                return _Locals(self, self._locals)
            case "data":
                return {kind: _Any(values) for kind, values in DATA.items()}
            case "path":
                return {"module": str(self._folder), "root": "root"}
        labels = [label for kind, label in self._blocks if kind == name]
        assert labels, f"{name} is not declared"
        return _Kind(self, name)

    def file(self, path: str) -> str:
        """Returns the text of a file."""
        return (self._folder / path).resolve().read_text()

    def made(self, kind: str, label: str) -> Any:
        """The instance, the list of instances, or the instances by key."""
        return self._made(kind, label)

    def _made(self, kind: str, label: str) -> Any:
        if (kind, label) not in self._instances:
            body = self._blocks[kind, label]
            given = attributes(body)
            if "count" in given:
                self._instances[kind, label] = [
                    Instance(kind, label, body, Scope(self, count={"index": index}))
                    for index in range(evaluate(given["count"], self))
                ]
            elif "for_each" in given:
                self._instances[kind, label] = {
                    key: Instance(kind, label, body, Scope(self, each={"key": key, "value": key}))
                    for key in sorted(evaluate(given["for_each"], self))
                }
            else:
                self._instances[kind, label] = Instance(kind, label, body, self)
        return self._instances[kind, label]

    def _checked(self, given: dict[str, Any], only: set[str] | None = None) -> dict[str, Any]:
        if strangers := set(given) - set(self._declared):
            raise Refused(f"unknown: {strangers}")
        values = {}
        for name, body in self._declared.items():
            declaration = attributes(body)
            if name not in given and "default" not in declaration:
                raise Refused(f"{name}: missing")
            values[name] = given[name] if name in given else evaluate(declaration["default"], Names())
        self.variables = values
        for body in self._declared.values():
            for kind, _, inner in blocks(body):
                assert kind == "validation"
                check = attributes(inner)
                if only is not None and not only & _mentioned(inner):
                    continue
                if not evaluate(check["condition"], self):
                    raise Refused(evaluate(check["error_message"], self))
        return values


def _mentioned(body: Any) -> set[str]:
    """Every identifier in a block."""
    key = id(body)
    if key not in _MENTIONED:
        _MENTIONED[key] = {str(token) for token in body.scan_values(lambda _: True)}
    return _MENTIONED[key]


# Trees are cached by their text, so their identity stays.
_MENTIONED: dict[int, set[str]] = {}


class _Locals:
    def __init__(self, module: Module, expressions: dict[str, Any]) -> None:
        self._module = module
        self._expressions = expressions

    def attribute(self, name: str) -> Any:
        return evaluate(self._expressions[name], self._module)


class _Kind:
    def __init__(self, module: Module, kind: str) -> None:
        self._module = module
        self._kind = kind

    def attribute(self, label: str) -> Any:
        return self._module.made(self._kind, label)


class _Any:
    """A data source, whatever its label."""

    def __init__(self, values: dict[str, str]) -> None:
        self._values = values

    def attribute(self, _label: str) -> dict[str, str]:
        return self._values
