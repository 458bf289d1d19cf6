"""The base class of sinks that call an AWS API through one client."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from trailforward.aws.client import Client
from trailforward.sinks.base import Limits, Sink

if TYPE_CHECKING:
    from trailforward.sinks.settings import SinkSettings


class AwsSink(Sink):
    """A destination behind an AWS API.

    Args:
        settings: the sink's settings.
        region: the destination's Region.
        direct: False to always call through botocore.

    Attributes:
        service: botocore's name of the service.
        default_limits: the service's documented limits, which the settings can override.
    """

    service: ClassVar[str]
    default_limits: ClassVar[Limits]
    uses_direct_client: ClassVar[bool] = True

    def __init__(self, settings: SinkSettings, region: str, *, direct: bool) -> None:
        self.arn = settings.resource
        self.limits = settings.limits.over(self.default_limits)
        self._client = Client(self.service, region, direct=direct)

    def connect(self) -> str:
        """Does the TLS handshake with the service's endpoint, and sends nothing."""
        return self._client.connect()

    def prepare(self) -> None:
        """Creates the client. Errors are deferred to the first call."""
        self._client.prepare()

    def close(self) -> None:
        """Closes the client's connections."""
        self._client.close()
