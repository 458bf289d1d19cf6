"""What the Terraform modules do not have on purpose.

A new part of the SAM stack must be added here or to a module.
``terraform/README.md`` names each of these parts, and a test compares.
"""

from __future__ import annotations

# Prefix of logical IDs in sam/template.yaml → why.
RESOURCES = {
    "Canary": "deploy it with SAM",
    "Doctor": "deploy it with SAM, or run the command on a schedule of your own",
    "AccountStackSet": "the module regional-rules, once for each account",
    "StackSetAdministrationRole": "only AccountStackSet needs it",
    "StackSetExecutionRole": "only AccountStackSet needs it",
    "RuleBoundary": "only StackSetExecutionRole needs it",
    "SnapStartVersion": "the function publishes a version with every change",
}

# Prefix of parameters in sam/template.yaml → why.
PARAMETERS = {
    "Canary": "see the resources",
    "DailyDoctor": "see the resources",
    "Doctor": "see the resources",
    "OptInRegions": "only StackSetAdministrationRole needs it",
}

# Parameters in sam/template.yaml → the module that has them instead of the hub.
ELSEWHERE = {
    "Regions": ("regional-rules", "organization"),
    "OrganizationalUnits": ("organization",),
    "StackSetCallAs": ("organization",),
    "RegionalAlarms": ("organization",),
    "RegionalAlarmTopicName": ("organization",),
}

# Prefix of outputs in sam/template.yaml → why.
OUTPUTS = {
    "Canary": "see the resources",
    "Doctor": "see the resources",
    "StackSetAdministrationRoleArn": "see the resources",
    "StackSetFailuresUrl": "in the module organization",
    "FailedInstances": "in the module organization",
}

# Variables that SAM has no parameter for → why.
VARIABLES = {
    "hub": {
        "name": "the name of the stack",
        "layer_zip": "SAM builds the layer",
        "runtime": "written in the template",
        "architecture": "written in the template",
    },
    "regional-rules": {"regions": "of sam/template.yaml"},
}


def left_out(name: str, prefixes: dict[str, str]) -> bool:
    """Whether a list above has a part of SAM."""
    return name.startswith(tuple(prefixes))
