"""What-if: adds the resources of a Terraform or OpenTofu plan to a World, before they are applied.

``document`` reads the JSON and marks what is not known, ``configuration`` and ``references`` find values that
are known only after apply, ``places`` and ``naming`` say where instances are and what they are called,
``convert`` gives them the form of CloudFormation's resources, and ``apply`` adds them to a World as those of
a template.
"""

from __future__ import annotations

from trailforward.doctor.plan.apply import apply_plan
from trailforward.doctor.plan.document import Plan, parse_plan

__all__ = ["Plan", "apply_plan", "parse_plan"]
