"""What-if: adds the resources of a CloudFormation template to a World, before the template is deployed.

``document`` parses YAML or JSON, ``intrinsic_functions`` resolves ``!Ref`` and similar functions for one
account and Region, and ``stack`` turns the resources into a World's models.
"""

from __future__ import annotations

from trailforward.doctor.template.document import parse_template
from trailforward.doctor.template.intrinsic_functions import TemplateError
from trailforward.doctor.template.stack import AppliedTemplate, apply_template

__all__ = ["AppliedTemplate", "TemplateError", "apply_template", "parse_template"]
