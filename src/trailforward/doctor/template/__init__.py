"""What-if: what a CloudFormation template would change in a World, before it is deployed.

``text`` reads YAML or JSON, ``functions`` resolves ``!Ref`` and its kin for one account and Region, and
``stack`` makes parts of a World of the resources.
"""

from __future__ import annotations

from trailforward.doctor.template.functions import TemplateError
from trailforward.doctor.template.stack import Planned, plan
from trailforward.doctor.template.text import read

__all__ = ["Planned", "TemplateError", "plan", "read"]
