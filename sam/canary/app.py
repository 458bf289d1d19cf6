"""The handler of the canary's function. ``layer/Makefile`` puts the doctor next to it."""

from trailforward.doctor.canary import handler

__all__ = ["handler"]
