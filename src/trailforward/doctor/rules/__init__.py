"""Rules: for each rule that leads to a destination, the calls it is meant for, and whether it fires for them.

``intended`` derives the calls from a rule's pattern, ``witness`` makes an example event that the pattern
matches, and ``judge`` follows that event through this one rule with the checks of ``delivery``. A rule that
fires for some of its calls only, or for none, is named with the reason; what is not known stays unknown.
"""

from __future__ import annotations

from trailforward.doctor.rules.judge import is_broad, judge_rules
from trailforward.doctor.rules.rule_verdict import CallVerdict, RuleVerdict

__all__ = ["CallVerdict", "RuleVerdict", "is_broad", "judge_rules"]
