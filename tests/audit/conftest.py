"""What the tests of the audit share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.audit.reports import hostile_audit

if TYPE_CHECKING:
    from trailforward.audit.report import Result


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """The result of an audit in which everything that an attacker can choose is an attack."""
    return hostile_audit(tmp_path_factory.mktemp("hostile"))
