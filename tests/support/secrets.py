"""Secrets without AWS."""

from __future__ import annotations

from trailforward.aws.secrets import Secrets

#: The reference that settings use.
REFERENCE = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:siem-AbCdEf"


class FixedSecrets(Secrets):
    """A cache of secrets that reads the next value each time, and then always the last one.

    Args:
        *values: values of every secret, in order.
    """

    def __init__(self, *values: str) -> None:
        super().__init__()
        self._values = list(values)

    def _fetch(self, text: str) -> str:
        assert text == REFERENCE
        return self._values.pop(0) if len(self._values) > 1 else self._values[0]
