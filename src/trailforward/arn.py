"""Parses ARNs of destinations, secrets, roles, and queues."""

from __future__ import annotations

import re
from typing import NamedTuple, Self

_PARTITION = re.compile(r"aws(-[a-z]+)*")
_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+", re.ASCII)
_ACCOUNT = re.compile(r"\d{12}", re.ASCII)


class Arn(NamedTuple):
    """The parts of ``arn:partition:service:region:account:resource``.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
    """

    partition: str
    service: str
    region: str
    account: str
    resource: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parses an ARN.

        Raises:
            ValueError: the text is not an ARN; the message says which part is wrong.
        """
        parts = text.split(":", 5)
        if parts[0] != "arn" or len(parts) != 6:  # noqa: PLR2004  # the six parts of an ARN
            raise ValueError("an ARN has six parts: arn:partition:service:region:account:resource")
        arn = cls(*parts[1:])
        if not _PARTITION.fullmatch(arn.partition):
            raise ValueError("the second part is not an AWS partition (aws, aws-cn, aws-us-gov)")
        if not arn.service or not arn.resource:
            raise ValueError("the service or the resource of the ARN is empty")
        if arn.region and not _REGION.fullmatch(arn.region):
            raise ValueError("the fourth part is not a Region such as eu-west-1")
        if arn.account and not _ACCOUNT.fullmatch(arn.account):
            raise ValueError("the fifth part is not an account ID of 12 digits")
        return arn

    @property
    def name(self) -> str:
        """The last part of the resource: the name of the stream, role, or queue."""
        return re.split("[:/]", self.resource)[-1]

    def __str__(self) -> str:
        return ":".join(("arn", *self))
