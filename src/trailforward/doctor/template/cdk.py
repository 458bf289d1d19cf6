"""CDK: the stacks of a ``cdk.out`` folder.

Source: https://docs.aws.amazon.com/cdk/v2/guide/deploy.html ("cloud assembly"); the schema of manifest.json
is in https://github.com/aws/aws-cdk-cli/tree/main/packages/%40aws-cdk/cloud-assembly-schema
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from trailforward.doctor.template.apply import Deployment
from trailforward.doctor.template.document import parse_template
from trailforward.doctor.template.errors import TemplateError
from trailforward.doctor.template.sources import read_source

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_STACK, _NESTED = "aws:cloudformation:stack", "cdk:cloud-assembly"
_MOST_DEPTH = 10


def read_assembly(folder: Path, places: Sequence[tuple[str, str]]) -> list[Deployment]:
    """The stacks of a synthesized CDK app, each in its own account and Region.

    Args:
        folder: ``cdk.out``.
        places: where to deploy stacks that name no account or Region.

    Raises:
        TemplateError: the folder is not a cloud assembly, or has no stacks.
    """
    found = [each for stack in _stacks(folder, 0) for each in _placed(stack, places)]
    if not found:
        raise TemplateError("the cloud assembly has no stacks: run cdk synth")
    return found


def _stacks(folder: Path, depth: int) -> Iterator[tuple[Path, str, dict[str, Any]]]:
    try:
        manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
        artifacts = manifest["artifacts"].items()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise TemplateError(f"{folder.name} has no manifest.json of a CDK app: run cdk synth") from None
    for name, artifact in artifacts:
        properties = artifact.get("properties") or {}
        if artifact.get("type") == _STACK:
            yield folder, str(properties.get("stackName", name)), artifact
        elif artifact.get("type") == _NESTED and depth < _MOST_DEPTH:
            yield from _stacks(folder / str(properties.get("directoryName", "")), depth + 1)


def _placed(
    stack: tuple[Path, str, dict[str, Any]], places: Sequence[tuple[str, str]]
) -> Iterator[Deployment]:
    folder, name, artifact = stack
    file = str((artifact.get("properties") or {}).get("templateFile", ""))
    try:
        text = (folder / file).read_text("utf-8")
        template = parse_template(text)
    except OSError as error:
        raise TemplateError(f"{file}: {error.strerror}") from None
    source = read_source(str(folder / file), text, template)
    _, _, where = str(artifact.get("environment", "")).partition("://")
    account, _, region = where.partition("/")
    for default_account, default_region in places:
        here = (
            default_account if account in {"", "unknown-account"} else account,
            default_region if region in {"", "unknown-region"} else region,
        )
        yield Deployment(template, *here, stack=name, folder=folder, source=source)
        if account not in {"", "unknown-account"} and region not in {"", "unknown-region"}:
            return
