from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.audit_steps import World
from trailforward.audit.steps import forwarding, lister

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def world(local_aws: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Small limits, so that a few files make several runs, groups, child executions, and parts."""
    monkeypatch.setattr(lister, "RUN_FILES", 7)
    monkeypatch.setattr(lister, "GROUP_FILES", 3)
    monkeypatch.setattr(lister, "PART_EVENTS_PER_MB", 0.01)
    monkeypatch.setattr(forwarding, "_CHUNK_FILES", 2)
    return World(local_aws, tmp_path, monkeypatch)
