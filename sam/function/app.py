"""The function of the stack. All of it is in the layer; put code of your own around it here."""

from trailforward.handler import lambda_handler as handler

__all__ = ["handler"]
