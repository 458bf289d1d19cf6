"""Loops: calls of the pipeline itself whose events would return to it, and trails that record themselves."""

from trailforward.doctor.loops.find import find_loops

__all__ = ["find_loops"]
