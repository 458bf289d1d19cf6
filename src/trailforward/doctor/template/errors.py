"""The error of the package."""

from __future__ import annotations

from trailforward.errors import TrailforwardError


class TemplateError(TrailforwardError):
    """A template that cannot be used; the text names the part and the fix."""
