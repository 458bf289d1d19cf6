"""Document: parses a CloudFormation template from JSON, or from YAML with CloudFormation's tags."""

from __future__ import annotations

import json
from importlib.util import find_spec
from typing import Any

from trailforward.doctor.template.intrinsic_functions import TemplateError
from trailforward.errors import MissingExtraError


def parse_template(text: str) -> dict[str, Any]:
    """Parses a template; intrinsic functions become the long form (``{"Fn::Sub": …}``).

    Raises:
        TemplateError: the text is not a template.
        MissingExtraError: the text is YAML, and PyYAML is not installed.
    """
    template = _json(text) if text.lstrip().startswith("{") else _yaml(text)
    if not isinstance(template, dict) or not isinstance(template.get("Resources"), dict):
        raise TemplateError("not a CloudFormation template: it has no Resources")
    return template


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise TemplateError(f"the template is not valid JSON: {error}") from None


def _yaml(text: str) -> Any:
    if find_spec("yaml") is None:
        raise MissingExtraError("reading YAML", "cli")
    import yaml

    class Loader(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML ships no types
        """Safe YAML with CloudFormation's tags. Dates stay text, as policies need ("2012-10-17")."""

    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def tagged(loader: Any, suffix: str, node: Any) -> dict[str, Any]:
        if isinstance(node, yaml.ScalarNode):
            value = loader.construct_scalar(node)
            value = value.split(".", 1) if suffix == "GetAtt" else value
        elif isinstance(node, yaml.SequenceNode):
            value = loader.construct_sequence(node, deep=True)
        else:
            value = loader.construct_mapping(node, deep=True)
        return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}

    Loader.add_multi_constructor("!", tagged)
    try:
        return yaml.load(text, Loader)  # noqa: S506  # a safe loader
    except yaml.YAMLError as error:
        raise TemplateError(f"the template is not valid YAML: {error}") from None
