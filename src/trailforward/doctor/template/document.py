"""Document: parses a CloudFormation template from JSON or YAML, and expands what expands before a deployment.

cfn-lint decodes the text and expands language extensions (``Fn::ForEach``); aws-sam-translator turns SAM's
resources into CloudFormation's. Both are AWS's own packages.
"""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.doctor.template.errors import TemplateError
from trailforward.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: CloudFormation accepts templates of at most 1 MB
#: (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html).
MOST_BYTES = 1_000_000

#: The key under which a parsed template holds notes about its text.
_NOTES = "trailforward:notes"
#: How cfn-lint begins its complaint about a key that is repeated, and what people read instead.
_REPEATED = "Duplicate found '"
_TWICE = "{} is repeated in the template: only the last one counts."
_EXTENSIONS = "AWS::LanguageExtensions"
_SAM = "AWS::Serverless-2016-10-31"
#: Properties of SAM's resources that may name a local folder, which ``sam deploy`` uploads.
_LOCAL = ("CodeUri", "ContentUri", "DefinitionUri", "ImageUri")


class Expanded(NamedTuple):
    """A template after its transforms.

    Attributes:
        template: CloudFormation's own resource types and functions only, as far as known.
        notes: what could not be expanded, one sentence each.
    """

    template: dict[str, Any]
    notes: tuple[str, ...]


def parse_template(text: str) -> dict[str, Any]:
    """Parses a template; intrinsic functions become the long form (``{"Fn::Sub": …}``).

    Raises:
        TemplateError: the text is not a template.
        MissingExtraError: cfn-lint is not installed.
    """
    if len(text.encode("utf-8", "replace")) > MOST_BYTES:
        raise TemplateError(f"larger than the {MOST_BYTES:,} bytes that CloudFormation accepts")
    if find_spec("cfnlint") is None:
        raise MissingExtraError("reading CloudFormation templates", "cfn")
    from cfnlint.decode import decode_str

    try:
        template, matches = decode_str(text.removeprefix("\ufeff"))
    except RecursionError:
        raise TemplateError("nested too deeply") from None
    except Exception as error:  # noqa: BLE001  # cfn-lint raises several kinds for text that is not a template
        raise TemplateError(f"cannot be parsed: {_line(error)}") from None
    messages = [str(match.message) for match in matches]
    repeated = sorted({text.split("'")[1] for text in messages if text.startswith(_REPEATED)})
    if repeated:
        template, matches = decode_str(_without_repeated(text))
    if matches:
        first = matches[0]
        raise TemplateError(f"line {first.linenumber}: {first.message}")
    resources = template.get("Resources") if isinstance(template, dict) else None
    if not isinstance(resources, dict):
        made = isinstance(template, dict) and "service" in template and "provider" in template
        hint = ". Run serverless package, and give the template in .serverless" if made else ""
        raise TemplateError(f"not a CloudFormation template: it has no Resources{hint}")
    return {**template, _NOTES: [_TWICE.format(name) for name in repeated]} if repeated else dict(template)


def _without_repeated(text: str) -> str:
    """A template in which each key counts only where it is written last."""
    import yaml

    root = yaml.compose(text, Loader=yaml.SafeLoader)
    nodes, seen = [root], set()
    while nodes:
        node = nodes.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            last = {(key.tag, str(key.value)): (key, value) for key, value in node.value}
            node.value = list(last.values())
            nodes += [value for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            nodes += node.value
    return str(yaml.serialize(root))


def expand(template: dict[str, Any], region: str, parameters: Mapping[str, str]) -> Expanded:
    """Applies a template's transforms for one Region.

    Args:
        template: from :func:`parse_template`; it is not changed.
        region: where the stack is deployed.
        parameters: given values, which decide how often ``Fn::ForEach`` repeats.
    """
    declared = template.get("Transform") or []
    transforms = declared if isinstance(declared, list) else [declared]
    notes = [str(note) for note in template.get(_NOTES, ())]
    template = {key: value for key, value in template.items() if key != _NOTES}
    for name in transforms:
        if name == _EXTENSIONS:
            template, note = _language_extensions(template, region, parameters)
        elif name == _SAM:
            template, note = _serverless(template, region, parameters)
        else:
            note = f"The macro {str(name)[:80]} is not expanded: what it adds is not known."
        notes += [note] if note else []
    return Expanded(template, tuple(notes))


def _language_extensions(
    template: dict[str, Any], region: str, parameters: Mapping[str, str]
) -> tuple[dict[str, Any], str]:
    from copy import deepcopy

    from cfnlint.template import Template

    copied = deepcopy(template)
    for name, value in parameters.items():
        declared = copied.get("Parameters", {}).get(name)
        if isinstance(declared, dict):
            declared["Default"] = value
    copied["Transform"] = _EXTENSIONS
    cfn = Template("template", copied, [region])
    try:
        with _quiet():
            matches = cfn_transform(cfn)
    except Exception as error:  # noqa: BLE001  # one loop that cannot be expanded must not stop the report
        return template, f"Fn::ForEach and other language extensions are not expanded: {_line(error)}."
    if matches:
        return template, f"Fn::ForEach and other language extensions are not expanded: {matches[0].message}."
    return {**cfn.template, "Parameters": template.get("Parameters", {})}, ""


def cfn_transform(cfn: Any) -> list[Any]:
    """Expands the language extensions of cfn-lint's template in place, and returns its complaints."""
    from cfnlint.template.transforms.transform import Transform

    found: list[Any] = Transform().transform(cfn)
    return found


def _serverless(
    template: dict[str, Any], region: str, parameters: Mapping[str, str]
) -> tuple[dict[str, Any], str]:
    """The template that AWS would make of a SAM template."""
    import json

    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    copied = json.loads(json.dumps(template, default=str))
    for resource in copied["Resources"].values():
        _as_uploaded(resource)
    values = {
        name: parameters.get(name, declared.get("Default", "unknown"))
        for name, declared in copied.get("Parameters", {}).items()
        if isinstance(declared, dict)
    }
    try:
        with _quiet(), _default_region(region):
            return Translator(_ManagedPolicies(), Parser()).translate(copied, values), ""
    except Exception as error:  # noqa: BLE001  # SAM's errors are of several kinds
        causes = getattr(error, "causes", None) or [error]
        return template, f"The SAM resources are not read: {_line(causes[0])}"


class _ManagedPolicies(dict[str, str]):
    """ARNs of AWS's managed policies by name, which SAM accepts in ``Policies``."""

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.startswith(("AWS", "Amazon", "Cloud"))

    def __getitem__(self, name: str) -> str:
        return f"arn:aws:iam::aws:policy/{name}"

    def get(self, name: str, default: Any = None) -> Any:
        """The ARN, or the default."""
        return self[name] if self.__contains__(name) else default


def _as_uploaded(resource: Any) -> None:
    """Replaces local folders by what ``sam deploy`` writes."""
    if not isinstance(resource, dict) or not str(resource.get("Type", "")).startswith("AWS::Serverless::"):
        return
    properties = resource.get("Properties")
    if not isinstance(properties, dict):
        return
    if isinstance(properties.get("Location"), dict):  # SAM would ask the repository for it
        properties["Location"] = "serverlessrepo://application"
    for key in _LOCAL:
        value = properties.get(key)
        if isinstance(value, str) and not value.startswith("s3://") and key != "ImageUri":
            properties[key] = "s3://uploaded/by-sam-deploy"
    is_function = resource["Type"] == "AWS::Serverless::Function" and properties.get("PackageType") != "Image"
    if is_function and "CodeUri" not in properties and "InlineCode" not in properties:
        properties["CodeUri"] = "s3://uploaded/by-sam-deploy"


@contextmanager
def _default_region(region: str) -> Iterator[None]:
    """SAM asks boto3 for the Region; only the environment can tell it."""
    before = os.environ.get("AWS_DEFAULT_REGION")
    os.environ["AWS_DEFAULT_REGION"] = region
    try:
        yield
    finally:
        if before is None:
            del os.environ["AWS_DEFAULT_REGION"]
        else:
            os.environ["AWS_DEFAULT_REGION"] = before


@contextmanager
def _quiet() -> Iterator[None]:
    """Both packages log what they return as well."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(disabled)


def _line(error: object) -> str:
    text = getattr(error, "message", None) or str(error)
    return str(text).partition("\n")[0][:300]
