"""The types of the keyword arguments of ``Config.to`` and ``Config.from_toml``; for type checkers only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Required, TypedDict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trailforward.config.settings import OwnCallSettings, ReceiptSettings, RetrySettings


class RetryOptions(TypedDict, total=False):
    """The keys of :class:`RetrySettings`, as a table."""

    max_attempts: int
    initial_seconds: float
    max_seconds: float


class ReceiptOptions(TypedDict, total=False):
    """The keys of :class:`ReceiptSettings`, as a table."""

    to: Required[str]
    sha256: bool


class OwnCallOptions(TypedDict):
    """The keys of :class:`OwnCallSettings`, as a table."""

    call: str
    resource: str


class PipelineOptions(TypedDict, total=False):
    """The keys of :class:`PipelineSettings`, as keyword arguments."""

    dead_letter: str
    dead_letter_bucket: str
    retry_queue: str
    own_arns: Sequence[str]
    own_calls: Sequence[OwnCallSettings | OwnCallOptions]
    canary_roles: Sequence[str]
    deadline_margin_seconds: float
    envelope_mismatch: Literal["count", "tag", "dead_letter"]
    aws_client: Literal["direct", "botocore"]
    bucket_owners: dict[str, str]
    allow_lints: Sequence[str]
    route_metrics: bool
    state: str
    receipts: str | ReceiptSettings | ReceiptOptions
    retry: RetrySettings | RetryOptions
