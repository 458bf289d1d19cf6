"""The audit: did every event that CloudTrail wrote to S3 arrive, and if not, why?

``read`` reads log files and delivered files, ``units`` keeps what was read on disk, ``join`` compares the two
sides, ``rules`` knows which rules were enabled when, ``classes`` says why a record did not arrive, ``run``
does all of it, and ``report`` prints the result. ``digests`` checks that the log files are complete.
"""

from __future__ import annotations
