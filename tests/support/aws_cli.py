"""The ``aws`` command as far as the docs use it: options by botocore's service models, sent to a local AWS.

It knows the rules by which the AWS CLI derives its commands and options from the models. An unknown command
or option, a missing one, and a value of the wrong type are errors, as there.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jmespath  # type: ignore[import-untyped]  # it ships no types
from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session
from botocore.validate import ParamValidator

from tests.support.stand_ins import CommandError, Done

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from botocore.model import OperationModel, Shape

#: Operations that the local AWS does not have. Their parameters are checked, and nothing is called.
CHECKED_ONLY = {
    ("cloudformation", "create-stack"),
    ("cloudformation", "list-stack-instances"),
    ("iam", "simulate-principal-policy"),
    ("lambda", "list-layers"),
    ("lambda", "publish-layer-version"),
    ("sqs", "start-message-move-task"),
    ("sqs", "list-message-move-tasks"),
}
_REGION = "eu-west-1"
#: Commands that are not named as in botocore.
_COMMANDS = {"s3api": "s3"}
_GLOBAL = {"region", "output", "query", "profile"}
_NUMBERS = {"integer": int, "long": int, "float": float, "double": float}


class AwsCli:
    """The command.

    Args:
        endpoint: URL of the local AWS.

    Attributes:
        own: service and operation → function that gives the response, for what the local AWS lacks.
    """

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._session = Session()
        self._clients: dict[tuple[str, str], Any] = {}
        self.own: dict[tuple[str, str], Callable[..., dict[str, Any]]] = {}

    @property
    def services(self) -> set[str]:
        """Names of the services that were called."""
        return {service for service, _ in self._clients}

    def close(self) -> None:
        """Closes the connections to the local AWS."""
        for client in self._clients.values():
            client.close()

    def client(self, service: str, region: str = _REGION) -> Any:
        """A client of a service in a Region."""
        if (service, region) not in self._clients:
            self._clients[service, region] = self._session.create_client(
                service,
                region_name=region,
                endpoint_url=self._endpoint,
                aws_access_key_id="test",
                aws_secret_access_key="test",  # a dummy
            )
        return self._clients[service, region]

    def __call__(self, arguments: list[str], folder: Path) -> Done:
        """Runs ``aws`` with these arguments in a folder.

        Raises:
            CommandError: the AWS CLI would reject them.
        """
        service, name, *rest = arguments
        service = _COMMANDS.get(service, service)
        if service not in self._session.get_available_services():
            raise CommandError(f"there is no service {service}")
        values = _options(rest)
        common = {key: values.pop(key)[0] for key in list(values) if key in _GLOBAL}
        client = self.client(service, common.get("region", _REGION))
        operations = {xform_name(one, "-"): one for one in client.meta.service_model.operation_names}
        if name not in operations:
            raise CommandError(f"there is no operation {service} {name}")
        model = client.meta.service_model.operation_model(operations[name])
        parameters = _parameters(model, values, folder)
        report = ParamValidator().validate(parameters, model.input_shape)
        if report.has_errors():
            raise CommandError(report.generate_report())
        if (service, name) in CHECKED_ONLY:
            return Done(0)
        if name == "receive-message":
            parameters.pop("WaitTimeSeconds", None)  # nobody sends anything meanwhile
        call = self.own.get((service, name)) or getattr(client, xform_name(operations[name]))
        try:
            response = call(**parameters)
        except (ClientError, BotoCoreError) as error:
            return Done(254, err=f"{error}\n")
        response.pop("ResponseMetadata", None)
        found = jmespath.search(common["query"], response) if "query" in common else response
        return Done(0, _text(found) if common.get("output") == "text" else json.dumps(found, default=str))


def _options(arguments: list[str]) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    name = ""
    for argument in arguments:
        if argument.startswith("--"):
            name, equals, value = argument[2:].partition("=")
            values[name] = [value] if equals else []
        elif not name:
            raise CommandError(f"unexpected argument {argument}")
        else:
            values[name].append(argument)
    return values


def _parameters(model: OperationModel, values: dict[str, list[str]], folder: Path) -> dict[str, Any]:
    members = model.input_shape.members if model.input_shape else {}
    options = {xform_name(member, "-"): (member, shape) for member, shape in members.items()}
    found: dict[str, Any] = {}
    for name, given in values.items():
        positive = name.removeprefix("no-")
        if name in options:
            member, shape = options[name]
            found[member] = _value(shape, given, folder, name)
        elif positive in options and options[positive][1].type_name == "boolean" and not given:
            found[options[positive][0]] = False
        elif (model.name, name) in _SHORT:
            found |= _short(model.name, values)
        else:
            raise CommandError(f"unknown option --{name}")
    return found


#: Options that the AWS CLI adds to the model.
_SHORT = {
    *(("AuthorizeSecurityGroupIngress", name) for name in ("protocol", "port", "cidr")),
    ("PublishLayerVersion", "zip-file"),
}


def _short(operation: str, values: dict[str, list[str]]) -> dict[str, Any]:
    if operation == "PublishLayerVersion":
        return {"Content": {"ZipFile": values["zip-file"][0].encode()}}
    port = int(values["port"][0])
    rule = {"IpProtocol": values["protocol"][0], "FromPort": port, "ToPort": port}
    return {"IpPermissions": [{**rule, "IpRanges": [{"CidrIp": values["cidr"][0]}]}]}


def _value(shape: Shape, given: list[str], folder: Path, name: str) -> Any:
    """The value of an option, as the type of its shape."""
    kind = shape.type_name
    if kind == "boolean":
        if given:
            raise CommandError(f"--{name} takes no value")
        return True
    if not given:
        raise CommandError(f"--{name} needs a value")
    if kind == "list" and shape.member.type_name not in {"structure", "map", "list"} and given[0][:1] != "[":
        return [_value(shape.member, [one], folder, name) for one in given]
    if len(given) != 1 and kind != "list":
        raise CommandError(f"--{name} takes one value, and has {len(given)}")
    texts = [_read(one, folder) for one in given]
    if kind in {"structure", "map", "list"}:
        if texts[0].lstrip()[:1] in {"{", "["}:
            return json.loads(texts[0])
        pairs = [dict(pair.split("=", 1) for pair in text.split(",")) for text in texts]
        return pairs if kind == "list" else pairs[0]
    if kind in _NUMBERS:
        return _NUMBERS[kind](texts[0])
    return texts[0].encode() if kind == "blob" else texts[0]


def _read(value: str, folder: Path) -> str:
    return (folder / value.removeprefix("file://")).read_text() if value.startswith("file://") else value


def _text(value: Any) -> str:
    if isinstance(value, list):
        flat = all(not isinstance(one, list | dict) for one in value)
        return ("\t" if flat else "\n").join(_text(one).rstrip("\n") for one in value) + "\n"
    if isinstance(value, dict):
        return "\t".join(str(one) for _, one in sorted(value.items())) + "\n"
    return f"{value}\n"
