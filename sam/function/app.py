"""The handler of the stack's function. Its code is in the layer; you can put your own code around it here."""

from trailforward.handler import lambda_handler as handler

__all__ = ["handler"]
