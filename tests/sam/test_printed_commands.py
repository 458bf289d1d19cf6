"""The ``sam`` commands that the docs print have options that the real command knows."""

from __future__ import annotations

import shlex
from importlib.util import find_spec

import pytest

from tests.support.pages import BLOCKS

pytestmark = pytest.mark.skipif(find_spec("samcli") is None, reason="samcli not installed here")

PRINTED = sorted({command for block in BLOCKS for command in block.commands if command.startswith("sam ")})


@pytest.mark.parametrize("command", PRINTED)
def test_sam_knows_the_options(command: str) -> None:
    """SAM's own parser accepts every printed command, and passes the parameters as they are written."""
    import click
    from samcli.cli.main import cli

    words = shlex.split(command.replace("\\\n", " "))[1:]
    group: click.Command = cli
    # Without an object, sam does not load the options.
    context = click.Context(cli, info_name="sam", obj=True)
    while isinstance(group, click.Group):
        name = words.pop(0)
        found = group.get_command(context, name)
        assert found is not None, name
        group, context = found, click.Context(found, parent=context, info_name=name)
    given, rest, _ = group.make_parser(context).parse_args(words)
    assert rest == []
    chosen = given.get("parameter_overrides") or ()
    option = next((one for one in group.params if one.name == "parameter_overrides"), None)
    for argument in chosen:
        if argument.startswith("file://"):
            continue  # tests/sam/test_configuration_parameter.py
        assert option is not None
        name, value = argument.split("=", 1)
        if value.startswith("$("):
            continue  # the shell puts a word there
        assert option.type.convert((argument,), option, context) == {name: value.strip('"')}
