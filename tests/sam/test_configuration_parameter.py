"""The parameter ``Configuration``: a whole configuration is accepted, and what ``sam`` leaves of one is not.

``sam deploy --parameter-overrides Configuration="$(cat trailforward.toml)"`` cuts the text at the first space
or quotation mark, and deploys the beginning.
"""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from tests.sam.cfn import Refused, Stack, load
from tests.support.pages import BLOCKS

if TYPE_CHECKING:
    from pathlib import Path

TEMPLATE = load("template.yaml")
needs_sam = pytest.mark.skipif(find_spec("samcli") is None, reason="samcli not installed here")

#: The configurations that the pages show. That of the third-party example needs its package.
SHOWN = [
    block.text
    for block in BLOCKS
    if block.language == "toml" and "[sinks" in block.text and "third-party" not in block.page
]
QUEUE = "arn:aws:sqs:eu-west-1:111122223333:copies"
SINK = f'[sinks.copies]\nto = "{QUEUE}"'
LITERAL = SINK.replace('"', "'")
#: Argument of ``--parameter-overrides`` → the value that sam 1.170.0 passes on.
CUT = {
    f"Configuration={SINK}": "[sinks.copies]\nto",
    f"Configuration={SINK.replace(' ', '')}": "[sinks.copies]\nto=",
    f"Configuration=\n{SINK}": "\n[sinks.copies]\nto",
    f"Configuration=# Copies of everything\n{SINK}": "#",
    f'Configuration=retry_queue="{QUEUE}"\n{SINK}': "retry_queue=",
    f"Configuration={LITERAL.replace(' ', '')}\n  format = 'text'": f"[sinks.copies]\nto='{QUEUE}'\n",
    f"ParameterKey=Configuration,ParameterValue={SINK}": "[sinks.copies]\nto",
    f'Configuration="{SINK}"': "[sinks.copies]\nto = ",
    f'Configuration="{LITERAL}\n# All "urgent" events"': f"{LITERAL}\n# All ",
    f"Configuration='{SINK}\n# Don't forget the others.'": f"{SINK}\n# Don",
    f"Configuration='{SINK}\nformat = 'text''": f"{SINK}\nformat = ",
    f"Configuration='{SINK}\n[[routes]]\nname = \"root's\"'": f'{SINK}\n[[routes]]\nname = "root',
    f"Configuration='{SINK}\n[[routes]]\npattern = {{ source = ['aws.iam'] }}'": (
        f"{SINK}\n[[routes]]\npattern = {{ source = ["
    ),
}
#: Ways to write the argument. Which of them cut a configuration depends on its quotation marks.
WRITTEN = (
    "Configuration={}",
    "Configuration='{}'",
    'Configuration="{}"',
    "ParameterKey=Configuration,ParameterValue={}",
    "Topology=regional Configuration={} LogLevel=DEBUG",
)


def accepted(text: str) -> bool:
    """Whether the template accepts the text as Configuration."""
    try:
        Stack(TEMPLATE, Configuration=text)
    except Refused as refused:
        return not re.match("Configuration: ", str(refused))
    return True


def test_the_message_says_what_to_do() -> None:
    """Whoever passes a part of a configuration learns why it is one, and of two ways to pass all of it."""
    with pytest.raises(Refused, match=r"sam has cut it.*ConfigurationParameter.*file://parameters\.yaml"):
        Stack(TEMPLATE, Configuration="[sinks.copies]")


@pytest.mark.parametrize("text", SHOWN)
def test_whole_configurations_are_accepted(text: str) -> None:
    """Every configuration of the docs can be the value of the parameter, whatever its line endings are."""
    assert len(text) < TEMPLATE["Parameters"]["Configuration"]["MaxLength"]
    assert accepted(text)
    assert accepted(text.rstrip())
    assert accepted(text.replace("\n", "\r\n"))


@pytest.mark.parametrize(
    "line",
    [
        "batch = 10",
        "gzip = true",
        "gzip = false",
        'auth = { type = "bearer", secret = "x" }',
        'redact = [\n  "detail.a", # why\n]',
        "pattern = '''{\n  \"source\": [\"aws.iam\"]\n}'''",
        'title = "the \\"root\\" user\'s # 1"',
        "  title = 'indented'  ",
    ],
)
def test_a_configuration_may_end_with_any_value(line: str) -> None:
    """Numbers, switches, tables, lists, and strings of every kind may be at the end."""
    assert accepted(f"{SINK}\n{line}")
    assert accepted(f"{LITERAL}\n{line}\n\n")


@pytest.mark.parametrize("text", CUT.values())
def test_what_sam_leaves_of_a_configuration_is_rejected(text: str) -> None:
    """A configuration that sam has cut fails before anything is deployed."""
    assert not accepted(text)


def test_a_beginning_of_a_configuration_is_rejected() -> None:
    """Wherever a space or a quotation mark cuts a configuration, the beginning is rejected."""
    text = f'{SINK}\nformat = "text"\n\n[[routes]]\nname = "all"\nsinks = ["copies"]'
    assert [text[:at] for at, one in enumerate(text) if one in ' "' and accepted(text[:at])] == []
    assert accepted(text)


def test_another_revision_replaces_the_environments_of_the_function() -> None:
    """A new revision changes only the function's environment, so Lambda starts new ones that read again."""
    before, after = (
        Stack(TEMPLATE, ConfigurationParameter="/trailforward/config", ConfigurationRevision=revision)
        for revision in ("1", "20261128-085002")
    )
    changed = [name for name, one in before.resources.items() if one != after.resources[name]]
    assert changed == ["Forwarder"]
    first, second = (one.properties("Forwarder")["Environment"]["Variables"] for one in (before, after))
    assert {name for name in first if first[name] != second[name]} == {"CONFIGURATION_REVISION"}


@needs_sam
@pytest.mark.parametrize("argument", CUT)
def test_sam_cuts_as_recorded(argument: str) -> None:
    """The values that the other tests use are those of the real parser of sam."""
    assert parsed(argument)["Configuration"] == CUT[argument]


@needs_sam
def test_whatever_sam_passes_is_whole_or_rejected() -> None:
    """However somebody writes a configuration of the docs on the command line, no part of it is deployed."""
    seen = set()
    for text in SHOWN:
        for changed in (text, text.replace(" = ", "="), f'# Don\'t say "at night".\n{text}'):
            for written in WRITTEN:
                whole = changed.rstrip("\n")
                found = parsed(written.format(whole)).get("Configuration", "")
                seen.add(found == whole)
                assert accepted(found) == (found == whole) or not found
    assert seen == {True, False}


@needs_sam
def test_a_file_of_parameters_arrives_whole(tmp_path: Path) -> None:
    """With ``file://parameters.yaml``, sam passes every configuration of the docs unchanged."""
    import yaml

    for text in SHOWN:
        path = tmp_path / "parameters.yaml"
        path.write_text(yaml.safe_dump({"Configuration": text}))
        assert parsed(f"file://{path}") == {"Configuration": text}


def parsed(argument: str) -> dict[str, str]:
    """What sam makes of an argument of ``--parameter-overrides``."""
    from samcli.cli.types import CfnParameterOverridesType

    found: dict[str, str] = CfnParameterOverridesType().convert((argument,), None, None)
    return found
