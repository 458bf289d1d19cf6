"""The handler of the daily doctor's function. The Makefile beside it adds trailforward to the package."""

from trailforward.doctor.daily.function import lambda_handler as handler

__all__ = ["handler"]
