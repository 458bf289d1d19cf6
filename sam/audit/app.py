"""The handler of the audit's functions. The Makefile beside it adds trailforward to the package."""

from trailforward.audit.steps.function import lambda_handler as handler

__all__ = ["handler"]
