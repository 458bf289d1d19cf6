"""The daily doctor: a scheduled function that reads AWS, stores what it found, and says what changed.

``function`` is the handler, ``settings`` reads its environment, ``store`` keeps snapshots and reports in S3,
``message`` writes the notification, and ``permissions`` is its IAM policy.
"""

from __future__ import annotations

from trailforward.doctor.daily.message import Message, write_message
from trailforward.doctor.daily.permissions import daily_policy
from trailforward.doctor.daily.settings import Settings

__all__ = ["Message", "Settings", "daily_policy", "write_message"]
