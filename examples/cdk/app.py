"""trailforward with the CDK: the hub in one Region, and the rules in many Regions of one account.

The stacks are the templates in ``sam/``, so nothing is written twice: ``cdk.json`` sets any parameter of
``sam/template.yaml``, except those of the StackSets, which the CDK replaces.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import yaml
from aws_cdk import aws_s3_assets as assets
from aws_cdk import cloudformation_include as include
from constructs import Construct

ROOT = Path(__file__).resolve().parents[2]
NAME = "trailforward"


class Hub(cdk.Stack):
    """The bus, queue, function, and alarms of ``sam/template.yaml``, with the layer of ``make layer``."""

    def __init__(self, scope: Construct, settings: dict[str, Any], environment: cdk.Environment) -> None:
        super().__init__(scope, "Hub", stack_name=NAME, env=environment)
        template = include.CfnInclude(self, "Template", template_file=as_json("template.yaml"))
        for name, value in {"Topology": "hub", **settings["parameters"]}.items():
            template.get_parameter(name).default = value
        code = assets.Asset(self, "Code", path=str(ROOT / "sam/function"))
        layer = assets.Asset(self, "Layer", path=str(Path(__file__).parent / settings["layer"]))
        template.get_resource("Forwarder").add_property_override("CodeUri", code.s3_object_url)
        template.get_resource("ForwarderLayer").add_property_override("ContentUri", layer.s3_object_url)
        # Fixed names, so that the rules of other Regions can exclude the calls of the function.
        template.get_resource("Forwarder").add_property_override("FunctionName", NAME)
        template.get_resource("FunctionRole").add_property_override("RoleName", function_role(environment))


class Rules(cdk.Stack):
    """The rule of ``sam/regional.yaml`` in one Region."""

    def __init__(
        self, scope: Construct, region: str, hub: cdk.Environment, parameters: dict[str, Any]
    ) -> None:
        super().__init__(
            scope,
            f"Rules-{region}",
            stack_name=f"{NAME}-regional",
            env=cdk.Environment(account=hub.account, region=region),
        )
        arn = f"arn:{cdk.Aws.PARTITION}"
        own = {
            "Topology": "hub",
            "Name": NAME,
            "HubAccount": hub.account,
            "HubRegion": hub.region,
            "FunctionRoleArn": f"{arn}:iam::{hub.account}:role/{function_role(hub)}",
            "FunctionArn": f"{arn}:lambda:{hub.region}:{hub.account}:function:{NAME}",
        }
        include.CfnInclude(
            self, "Template", template_file=as_json("regional.yaml"), parameters={**parameters, **own}
        )


def function_role(hub: cdk.Environment) -> str:
    """The name of the function's role. Roles are global, so it includes the Region."""
    return f"{NAME}-{hub.region}-function"


def as_json(name: str) -> str:
    """Writes a template of ``sam/`` as JSON, because the CDK does not read all of YAML (anchors)."""

    def construct(loader: yaml.SafeLoader, tag: str, node: yaml.Node) -> Any:
        if isinstance(node, yaml.ScalarNode):
            value = loader.construct_scalar(node)
        elif isinstance(node, yaml.SequenceNode):
            value = loader.construct_sequence(node, deep=True)
        else:
            value = loader.construct_mapping(node, deep=True)
        if tag == "GetAtt" and isinstance(value, str):
            value = value.split(".", 1)
        return {tag if tag in {"Ref", "Condition"} else f"Fn::{tag}": value}

    class Loader(yaml.SafeLoader):
        pass

    Loader.add_multi_constructor("!", construct)
    template = yaml.load((ROOT / "sam" / name).read_text("utf-8"), Loader)  # noqa: S506  # derives from SafeLoader
    with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as file:
        json.dump(template, file)
    return file.name


app = cdk.App()
settings = app.node.get_context("trailforward")
hub = cdk.Environment(account=settings["account"], region=settings["hub_region"])
stack = Hub(app, settings, hub)
for region in settings["regions"]:
    Rules(app, region, hub, settings["rules"]).add_dependency(stack)
app.synth()
