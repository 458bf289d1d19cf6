"""Returns messages to the source by raising an error.

Lambda retries an asynchronous invocation that raises, with the whole payload.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward.errors import PayloadError
from trailforward.outcome import Fate

if TYPE_CHECKING:
    from trailforward.outcome import Outcome

#: Most reasons in an error, and most characters of each: Lambda logs the error.
_MOST, _CHARACTERS = 20, 500

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
            (f"{sink}: {verdict.code}" + (f" ({verdict.reason})" if verdict.reason else ""))[:_CHARACTERS]
            for sink, verdicts in outcome.verdicts.items()
            for verdict in verdicts.values()
            if verdict.fate is Fate.RETURNED
        }
    )
    more = f"; and {len(reasons) - _MOST} more" if len(reasons) > _MOST else ""
    raise PayloadError(f"not delivered; the payload must be retried: {'; '.join(reasons[:_MOST])}{more}")
