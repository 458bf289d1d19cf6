from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.state import FAULTS, TableFault, result

if TYPE_CHECKING:
    from tests.support.stub_aws import StubAws


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_no_alert_is_lost_without_the_table(fault: TableFault, stub: StubAws) -> None:
    """Whatever the table does, every alert goes out once, and is counted as unsuppressed."""
    assert result(fault, stub) == "12 delivered, 12 counted as unsuppressed, 0 twice"
