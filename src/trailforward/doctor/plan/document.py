"""Document: reads the output of ``terraform show -json`` or ``tofu show -json``, of a plan or of a state.

Source: https://developer.hashicorp.com/terraform/internals/json-format; OpenTofu writes the same:
https://opentofu.org/docs/internals/json-format/
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.doctor.plan.addresses import module_of
from trailforward.doctor.template.errors import TemplateError
from trailforward.doctor.world.unknown import unknown
from trailforward.errors import EventError
from trailforward.jsontext import decode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Plans of thousands of resources have some 50 MB.
MOST_BYTES = 500_000_000

_SHOW = "terraform show -json plan.bin > plan.json"
_VERSION = re.compile(r"(0|1)\.\d+")
_ENCODINGS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_GONE = ("delete", "forget")


class Instance(NamedTuple):
    """One instance of a resource or data source.

    Attributes:
        address: the absolute address: ``module.rules["eu-west-1"].aws_cloudwatch_event_rule.all[0]``.
        mode: ``managed`` or ``data``.
        type: ``aws_cloudwatch_event_rule``.
        name: ``all``.
        key: the key of ``for_each``, or the index of ``count``; None without both.
        values: the attributes; those that are not known hold a text that stands for an unknown value.
        complete: whether an attribute that is absent is certainly not set.
        module: the address of the module instance; empty for the root module.
    """

    address: str
    mode: str
    type: str
    name: str
    key: str | int | None
    values: dict[str, Any]
    complete: bool
    module: str


class Plan(NamedTuple):
    """A plan or a state.

    Attributes:
        instances: what exists after the plan is applied; by address.
        gone: managed instances that the plan deletes or replaces, as they are before.
        configuration: ``configuration`` of the plan; empty for a state.
        variables: values of the root module's variables; one that is absent is not known.
        notes: what the plan does not say, one sentence each.
    """

    instances: dict[str, Instance]
    gone: tuple[Instance, ...]
    configuration: dict[str, Any]
    variables: dict[str, Any]
    notes: tuple[str, ...]


def parse_plan(data: bytes) -> Plan:
    """Reads a plan or a state.

    Raises:
        TemplateError: it is not the output of ``terraform show -json``; the text has the command.
    """
    raw = _decoded(data)
    version = raw.get("format_version")
    if not isinstance(version, str) or not any(key in raw for key in ("planned_values", "values", *_CHANGES)):
        raise TemplateError(_why_not(raw))
    if _VERSION.fullmatch(version) is None:
        raise TemplateError(
            f"its format_version is {version[:20]!r}, but this trailforward reads versions 0.x and 1.x"
        )
    if raw.get("errored") is True:
        raise TemplateError("the plan ended with an error, so it is not complete: run terraform plan again")
    changes = {
        str(change.get("address")): change
        for change in objects(raw.get("resource_changes"))
        if "deposed" not in change
    }
    instances = {one.address: one for one in _data_sources(raw)}
    planned = raw.get("planned_values") or raw.get("values")
    for item in _resources(planned):
        one = _instance(item, changes.get(str(item.get("address"))), stored="planned_values" not in raw)
        instances[one.address] = one
    for address, change in changes.items():
        after = _object(change.get("change")).get("after")
        if address not in instances and isinstance(after, dict):
            instances[address] = _instance({**change, "values": after}, change)
    return Plan(
        instances,
        tuple(_gone(changes.values())),
        _object(raw.get("configuration")),
        _variables(raw),
        tuple(_notes(raw)),
    )


_CHANGES = ("resource_changes",)


def _decoded(data: bytes) -> dict[str, Any]:
    if len(data) > MOST_BYTES:
        raise TemplateError(f"larger than {MOST_BYTES:,} bytes")
    if data.startswith(b"PK"):
        raise TemplateError(f"this is the binary plan; convert it to JSON: {_SHOW}")
    if (encoding := _ENCODINGS.get(data[:2])) is not None:  # redirection in Windows PowerShell
        data = data.decode(encoding, "replace").encode()
    try:
        raw = decode(data.removeprefix(b"\xef\xbb\xbf"))
    except EventError as error:
        lines = data.lstrip()[:1] == b"{" and data.count(b"\n") and b'"@level"' in data[:2_000]
        why = "this is the log of terraform plan -json" if lines else f"this is not JSON ({error})"
        raise TemplateError(f"{why}; write the plan as JSON: {_SHOW}") from None
    if not isinstance(raw, dict):
        raise TemplateError(f"a plan is a JSON object; write it with: {_SHOW}")
    return raw


def _why_not(raw: Mapping[str, Any]) -> str:
    if "lineage" in raw or ("serial" in raw and "resources" in raw):
        return "this is a state file; convert it: terraform show -json terraform.tfstate > state.json"
    if "@level" in raw:
        return f"this is the log of terraform plan -json; write the plan as JSON: {_SHOW}"
    if "Resources" in raw or "AWSTemplateFormatVersion" in raw:
        return "this is a CloudFormation template: use --template"
    if "provider_schemas" in raw or "root_module" in raw or raw.keys() == {"format_version"}:
        return f"it has no planned_values and no values; write the plan as JSON: {_SHOW}"
    return f"this is not the output of terraform show -json; write it with: {_SHOW}"


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """The objects of a list; nothing for anything else."""
    yield from (item for item in (value if isinstance(value, list) else ()) if isinstance(item, dict))


def _resources(values: Any) -> Iterator[dict[str, Any]]:
    """The resources of ``planned_values`` or ``values``, with those of child modules."""
    modules = [_object(_object(values).get("root_module"))]
    while modules:
        module = modules.pop()
        yield from objects(module.get("resources"))
        modules += objects(module.get("child_modules"))


def _data_sources(raw: Mapping[str, Any]) -> Iterator[Instance]:
    """The data sources that were read before the plan."""
    for item in _resources(_object(raw.get("prior_state")).get("values")):
        if item.get("mode") == "data":
            yield _instance(item, None, stored=True)


def _gone(changes: Any) -> Iterator[Instance]:
    for change in changes:
        what = _object(change.get("change"))
        actions, before = what.get("actions"), what.get("before")
        if (
            isinstance(actions, list)
            and any(action in actions for action in _GONE)
            and isinstance(before, dict)
            and change.get("mode") != "data"
        ):
            yield _instance({**change, "values": before}, None, stored=True)


def _instance(item: Mapping[str, Any], change: Mapping[str, Any] | None, *, stored: bool = False) -> Instance:
    """An instance from ``planned_values``, with what ``resource_changes`` says about it."""
    address = str(item.get("address", ""))
    change = _object(_object(change).get("change"))
    after, unseen = _object(change.get("after")), change.get("after_unknown")
    values = {**after, **_object(item.get("values"))}
    for why, marks in (
        ("known after apply", unseen),
        ("sensitive", change.get("after_sensitive")),
        ("sensitive", item.get("sensitive_values")),
    ):
        for key, mark in _object(marks).items():
            values[key] = _marked(values.get(key), mark, f"the {key} of {address} ({why})")
        if marks is True:
            values = {key: unknown(f"the {key} of {address} ({why})") for key in values}
    index = item.get("index")
    return Instance(
        address,
        str(item.get("mode", "managed")),
        str(item.get("type", "")),
        str(item.get("name", "")),
        index if isinstance(index, (str, int)) and not isinstance(index, bool) else None,
        values,
        complete=stored or isinstance(unseen, dict),
        module=module_of(address),
    )


def _marked(value: Any, mark: Any, why: str) -> Any:
    """A value with what is not known replaced.

    Args:
        value: the value; unknown parts are absent or null.
        mark: true where the value is not known, in the same form as the value.
        why: what is not known.
    """
    if mark is True:
        return unknown(why)
    if isinstance(mark, dict):
        found = dict(value) if isinstance(value, dict) else {}
        for key, inner in mark.items():
            if _marks(inner):
                found[key] = _marked(found.get(key), inner, why)
        return found if found or isinstance(value, dict) else value
    if isinstance(mark, list) and any(map(_marks, mark)):
        listed = list(value) if isinstance(value, list) else []
        listed += [None] * (len(mark) - len(listed))
        pairs = zip(listed, [*mark, *[False] * (len(listed) - len(mark))], strict=True)
        return [_marked(item, inner, why) for item, inner in pairs]
    return value


def _marks(mark: Any) -> bool:
    """Whether anything in a tree of marks is true."""
    if isinstance(mark, dict):
        return any(map(_marks, mark.values()))
    return any(map(_marks, mark)) if isinstance(mark, list) else mark is True


def _variables(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The values of variables that are not sensitive."""
    root = _object(_object(raw.get("configuration")).get("root_module"))
    declared = _object(root.get("variables"))
    secret = {name for name, variable in declared.items() if _object(variable).get("sensitive")}
    given = {
        name: variable["value"]
        for name, variable in _object(raw.get("variables")).items()
        if isinstance(variable, dict) and "value" in variable
    }
    defaults = {
        name: variable["default"]
        for name, variable in declared.items()
        if isinstance(variable, dict) and "default" in variable
    }
    return {name: value for name, value in (defaults | given).items() if name not in secret}


def _notes(raw: Mapping[str, Any]) -> Iterator[str]:
    if raw.get("complete") is False:
        yield (
            "The plan is not complete (made with -target, or with deferred changes): what it leaves out is "
            "not read."
        )
    for deferred in objects(raw.get("deferred_changes")):
        address = _object(deferred.get("resource_change")).get("address", "a resource")
        yield f"{address} is deferred to a later plan, so it is not read."
