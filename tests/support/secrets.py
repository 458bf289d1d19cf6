"""Secrets that need no AWS."""

from __future__ import annotations

from trailforward.aws.secrets import Secrets

#: What settings name.
REFERENCE = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:siem-AbCdEf"


class FixedSecrets(Secrets):
    """Each reading gives the next of these values, the last one for ever.

    Args:
        *values: of every secret.
    """

    def __init__(self, *values: str) -> None:
        super().__init__()
        self._values = list(values)

    def _fetch(self, text: str) -> str:
        assert text == REFERENCE
        return self._values.pop(0) if len(self._values) > 1 else self._values[0]
