"""The SAM stack in the shape of the Terraform modules, and its parameters as their variables."""

from __future__ import annotations

import json
from typing import Any

from tests.sam.cfn import SAM, Stack, load
from tests.terraform.convert import snake
from tests.terraform.differences import RESOURCES, left_out

TEMPLATE = load("template.yaml")
REGIONAL = load("regional.yaml")
# Texts with commas in SAM are lists in Terraform.
LISTS = {
    *("DestinationKeyArns", "PolicyArns", "Accounts", "SubnetIds", "SecurityGroupIds"),
    *("Regions", "OrganizationalUnits"),
}
# Resources in CloudFormation that are one with another name in Terraform.
MERGED = {"BusOrganizationPolicy"}
# SAM and CloudFormation take the code and the template from elsewhere.
SOURCES = {"CodeUri", "ContentUri", "TemplateURL", "RetentionPolicy"}


def variables(parameters: dict[str, str], template: dict[str, Any] = TEMPLATE) -> dict[str, Any]:
    """Parameters as variables."""
    found: dict[str, Any] = {}
    for name, value in parameters.items():
        declared = template["Parameters"][name]
        if name in LISTS:
            found[snake(name)] = value.split(",") if value else []
        elif declared.get("AllowedValues") == ["true", "false"]:
            found[snake(name)] = value == "true"
        elif declared["Type"] == "Number":
            found[snake(name)] = float(value) if "." in value else int(value)
        else:
            found[snake(name)] = value
    return found


def expected(stack: Stack, template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Label → properties of what Terraform must create."""
    found = {}
    for name in stack.present:
        if left_out(name, RESOURCES) or name in MERGED:
            continue
        properties = json.loads(json.dumps(stack.properties(name)))
        kind = template["Resources"][name]["Type"]
        if kind == "AWS::Serverless::Function":
            properties = {**template["Globals"]["Function"], **properties}
        found[snake(name)] = _shaped(name, kind, properties, stack)
    return found


def _shaped(  # noqa: C901  # one short case for each type
    name: str, kind: str, properties: dict[str, Any], stack: Stack
) -> dict[str, Any]:
    for source in SOURCES:
        properties.pop(source, None)
    for text in ("EventPattern", "DashboardBody"):
        if isinstance(properties.get(text), str):
            properties[text] = json.loads(properties[text])
    match kind:
        case "AWS::Events::EventBusPolicy":
            statements = [_statement(properties)]
            if "BusOrganizationPolicy" in stack.present:
                statements.append(_statement(stack.properties("BusOrganizationPolicy")))
            document = {"Version": "2012-10-17", "Statement": statements}
            return {"EventBusName": properties["EventBusName"], "PolicyDocument": document}
        case "AWS::CloudWatch::Alarm":
            for metric in properties.get("Metrics", []):
                metric.setdefault("ReturnData", True)
        case "AWS::Serverless::Function":
            if properties["SnapStart"] == {"ApplyOn": "None"}:
                del properties["SnapStart"]
        case "AWS::CloudFormation::StackSet":
            parameters = properties["Parameters"]
            properties["Parameters"] = {one["ParameterKey"]: one["ParameterValue"] for one in parameters}
        case "AWS::KMS::Key":
            # The canary's log group is not here.
            (logs,) = [one for one in properties["KeyPolicy"]["Statement"] if one["Sid"] == "Logs"]
            groups = logs["Condition"]["ArnEquals"]["kms:EncryptionContext:aws:logs:arn"]
            groups[:] = [one for one in groups if not one.endswith("-canary")]
        case "AWS::Events::Rule" if name == "StackSetFailuresRule":
            # Only one of the two StackSets is here.
            sets = properties["EventPattern"]["detail"]["stack-set-arn"]
            sets[:] = [one for one in sets if "organization" in str(one)]
    return properties


def _statement(properties: dict[str, Any]) -> dict[str, Any]:
    return {"Sid": properties["StatementId"], **properties["Statement"]}


def regional_text() -> str:
    """The template that a StackSet deploys."""
    return (SAM / "regional.yaml").read_text()
