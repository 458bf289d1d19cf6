"""Returns messages to the source by raising an error.

Lambda retries an asynchronous invocation that raises, with the whole payload.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward.errors import PayloadError
from trailforward.outcome import Fate

if TYPE_CHECKING:
    from trailforward.outcome import Outcome

#: The unit of all messages of such a payload.
UNIT = "payload"


def raise_returned(outcome: Outcome) -> None:
    """Raises an error if the source must deliver any message again.

    Raises:
        PayloadError: names each sink with its error code.
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
    raise PayloadError(f"not delivered; the payload must be retried: {'; '.join(reasons)}")
