"""Converts Sigma rules about CloudTrail into routes, and compares the routes with the rules.

``reading`` reads rules with pySigma, ``translate`` turns their conditions into clauses, ``packing`` makes
event patterns of clauses, ``judge`` says what CloudTrail never writes or EventBridge does not deliver, and
``conversion`` puts it all together. ``evaluate`` decides about an event without a pattern: it shares no code
with the conversion, so that a comparison of the two means something.
"""
