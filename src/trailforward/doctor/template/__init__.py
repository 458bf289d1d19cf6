"""What-if: adds the resources of CloudFormation templates to a World, before they are deployed.

``document`` parses and expands a template, ``parameters`` and ``values`` evaluate it for one account and
Region, ``stack`` turns its resources into a snapshot's items, ``sources`` knows their lines, and ``apply``
puts stacks, nested stacks, and StackSets together, and ``merge`` adds them to a World. ``cdk`` reads a
``cdk.out`` folder.
"""

from __future__ import annotations

from trailforward.doctor.template.apply import Deployment, apply_stacks, apply_template
from trailforward.doctor.template.cdk import read_assembly
from trailforward.doctor.template.document import parse_template
from trailforward.doctor.template.errors import TemplateError
from trailforward.doctor.template.merge import AppliedTemplate
from trailforward.doctor.template.sources import read_source

__all__ = [
    "AppliedTemplate",
    "Deployment",
    "TemplateError",
    "apply_stacks",
    "apply_template",
    "parse_template",
    "read_assembly",
    "read_source",
]
