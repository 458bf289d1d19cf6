"""The ``sam`` command as far as the docs use it: parameters checked by the template, and its queues created.

tests/sam/test_printed_commands.py compares the options with the real command.
"""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING, Any

import yaml

from tests.sam.cfn import Refused, Stack, parse
from tests.support.stand_ins import CommandError, Done

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.support.aws_cli import AwsCli

#: A value without quotation marks ends at a space; SAM drops the rest.
_PAIR = re.compile(r'([A-Za-z0-9]+)=(?:"([^"\\]*)"|([^\s"\'\\]+))')


class SamCli:
    """The command.

    Args:
        aws: the local AWS, which gets the queues of stacks. It has neither stacks nor functions of its own
            without packages that the tests do not need otherwise.
    """

    def __init__(self, aws: AwsCli) -> None:
        self._aws = aws
        self._given: dict[str, dict[str, str]] = {}
        self._stacks: dict[str, Stack] = {}
        aws.own["cloudformation", "describe-stacks"] = self._describe
        aws.own["lambda", "get-function-configuration"] = self._function

    def __call__(self, arguments: list[str], folder: Path) -> Done:
        """Runs ``sam`` with these arguments in a folder.

        Raises:
            CommandError: SAM would reject them, or pass something else than they say.
        """
        command, *options = arguments
        if command in {"build", "logs"}:
            return Done(0)
        config = tomllib.loads((folder / "samconfig.toml").read_text())["default"]
        name = config["global"]["parameters"]["stack_name"]
        if "--stack-name" in options:
            name = options[options.index("--stack-name") + 1]
        if command == "delete":
            del self._stacks[name], self._given[name]
            return Done(0)
        if command != "deploy":
            raise CommandError(f"unknown command {command}")
        chosen: list[str] = []
        if "--parameter-overrides" in options:
            after = options[options.index("--parameter-overrides") + 1 :]
            chosen = after[: next((at for at, one in enumerate(after) if one.startswith("--")), None)]
        # What is not named keeps the value of the last deployment.
        given = {**self._given.get(name, {}), **_overrides(chosen, folder)}
        try:
            stack = Stack(parse((folder / "template.yaml").read_text()), **given)
        except Refused as refused:
            return Done(1, err=f"Error: {refused}\n")
        self._given[name], self._stacks[name] = given, stack
        self._create(name, stack)
        return Done(0)

    def _create(self, name: str, stack: Stack) -> None:
        client, resources = self._aws.client("sqs"), stack.resources
        for key in [key for key, one in resources.items() if one["Type"] == "AWS::SQS::Queue"]:
            client.create_queue(QueueName=stack.resolve({"Ref": key}).rpartition("/")[2])
        for policy in [
            one["Properties"] for one in resources.values() if one["Type"] == "AWS::SQS::QueuePolicy"
        ]:
            text = json.dumps(policy["PolicyDocument"])
            for url in policy["Queues"]:
                client.set_queue_attributes(QueueUrl=url, Attributes={"Policy": text})
        for region in filter(None, stack.parameters.get("Regions", "").split(",")):
            self._aws.client("sqs", region).create_queue(QueueName=f"{name}-regional-dead-letters")

    def _function(self, FunctionName: str) -> dict[str, Any]:  # noqa: N803  # as the parameter of AWS
        if FunctionName not in [stack.outputs.get("FunctionName") for stack in self._stacks.values()]:
            raise CommandError(f"there is no function {FunctionName}")
        return {"FunctionName": FunctionName, "State": "Active", "LastUpdateStatus": "Successful"}

    def _describe(self, StackName: str) -> dict[str, Any]:  # noqa: N803  # as the parameter of AWS
        stack = self._stacks[StackName]
        outputs = [{"OutputKey": key, "OutputValue": value} for key, value in stack.outputs.items()]
        values = [{"ParameterKey": key, "ParameterValue": value} for key, value in stack.parameters.items()]
        status = "UPDATE_COMPLETE"
        return {
            "Stacks": [
                {"StackName": StackName, "StackStatus": status, "Outputs": outputs, "Parameters": values}
            ]
        }


def _overrides(arguments: Iterable[str], folder: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for argument in arguments:
        if argument.startswith("file://"):
            values = yaml.safe_load((folder / argument.removeprefix("file://")).read_text())
            found |= {key: "" if value is None else str(value) for key, value in values.items()}
        elif (pair := _PAIR.fullmatch(argument)) is not None:
            found[pair[1]] = pair[2] or pair[3] or ""
        else:
            raise CommandError(f"sam would not pass {argument!r} as it is written")
    return found
