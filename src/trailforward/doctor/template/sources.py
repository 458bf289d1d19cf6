"""Sources: the lines of a template's resources, so that reports can point to them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.doctor.template.names import TYPES
from trailforward.doctor.world.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from trailforward.doctor.template.values import Values


class Source(NamedTuple):
    """The file of a template.

    Attributes:
        file: its path.
        lines: logical ID to line, counted from 1.
        line: the line of resources that have no line of their own.
    """

    file: str
    lines: Mapping[str, int]
    line: int = 1

    def at(self, logical: str) -> int:
        """The line of a resource; for one that a transform makes, of the resource that it is made from."""
        if logical in self.lines:
            return self.lines[logical]
        made_from = max((name for name in self.lines if logical.startswith(name)), key=len, default="")
        return self.lines.get(made_from, self.line)


def read_source(file: str, text: str, template: Mapping[str, Any]) -> Source:
    """The source of a template.

    Args:
        file: its path.
        text: its text.
        template: the same, parsed. cfn-lint's decoder keeps the position of each key.
    """
    rows = text.splitlines()
    resources = template.get("Resources")
    found = {}
    for key in _keys(resources):
        name = str(key).partition("${")[0]
        line = getattr(getattr(key, "start_mark", None), "line", -1) + 1
        if not (0 < line <= len(rows) and str(key) in rows[line - 1]):  # read from a text that was corrected
            declared = re.compile(rf"""\s*["']?{re.escape(str(key))}["']?\s*:""")
            line = next((number for number, row in enumerate(rows, 1) if declared.match(row)), 0)
        if line:
            found[name] = line
    return Source(file, found)


def _keys(resources: Any) -> Iterator[Any]:
    """The keys of resources, also of those that ``Fn::ForEach`` repeats."""
    for key, value in resources.items() if isinstance(resources, dict) else ():
        yield key
        if str(key).startswith("Fn::ForEach::") and isinstance(value, list) and value:
            yield from _keys(value[-1])


def origins(source: Source | None, values: Values) -> dict[str, Origin]:
    """Link to origin, for the resources of a stack.

    Args:
        source: its template's source; None gives nothing.
        values: its values in one account and Region.
    """
    if source is None:
        return {}
    found = {}
    for logical in map(str, values.resources):
        try:
            links = list(_links(logical, values))
        except Exception:  # noqa: BLE001, S112  # what reads the resource reports what is wrong with it
            continue
        for link in links:
            found[link] = Origin(source.file, source.at(logical), logical)
    return found


def _links(logical: str, values: Values) -> Iterator[str]:
    kind = str(values.resources[logical].get("Type"))
    place = f"{values.account}/{values.region}"
    if kind not in TYPES or values.present(logical) is False:
        return
    if kind == "AWS::Events::Rule":
        bus = str(values.properties(logical).get("EventBusName", "default")).rpartition("/")[2]
        yield f"rule:{place}/{bus}/{values.name(logical)}"
    elif kind == "AWS::Events::EventBus":
        yield f"bus:{place}/{values.name(logical)}"
    elif kind == "AWS::CloudTrail::Trail":
        yield f"trail:{place}/{values.name(logical)}"
    elif kind == "AWS::IAM::Role":
        yield f"role:{values.arn(logical)}"
    else:
        arn = values.arn(logical)
        yield from (f"destination:{arn}", f"topic:{arn}")
