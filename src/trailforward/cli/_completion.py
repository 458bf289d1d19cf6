"""Values that the shell completes after the Tab key."""

from __future__ import annotations


def complete_name(incomplete: str) -> list[str]:
    """Names of detections."""
    from trailforward import detections

    return [name for name in detections.load_all() if name.startswith(incomplete)]


def complete_detection(incomplete: str) -> list[str]:
    """Names of detections with ``@`` before them, as a pattern names them."""
    return [f"@{name}" for name in complete_name(incomplete.removeprefix("@"))]


def complete_sample(incomplete: str) -> list[str]:
    """Names of sample events."""
    from trailforward.testing import samples

    return [name for name in samples.names() if name.startswith(incomplete)]
