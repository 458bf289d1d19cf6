"""Handing messages back by raising, as asynchronous invocations want it: the whole payload comes again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward.errors import PayloadError
from trailforward.outcome import Fate

if TYPE_CHECKING:
    from trailforward.outcome import Outcome

#: The unit of all messages of such a payload.
UNIT = "payload"


def raise_returned(outcome: Outcome) -> None:
    """Raises if any message must go back.

    Raises:
        PayloadError: names each sink with the code of its refusal.
    """
    if not outcome.returned:
        return
    reasons = sorted(
        {
            f"{sink}: {verdict.code}" + (f" ({verdict.reason})" if verdict.reason else "")
            for sink, verdicts in outcome.verdicts.items()
            for verdict in verdicts.values()
            if verdict.fate is Fate.RETURNED
        }
    )
    raise PayloadError(f"not delivered, to be tried again: {'; '.join(reasons)}")
