"""PagerDuty: the Events API v2. The secret is the routing key (integration key) of a service.

Source: https://developer.pagerduty.com/docs/events-api-v2/overview/
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

from trailforward.errors import PermanentError
from trailforward.sinks.base import Limits
from trailforward.sinks.http.auth import SecretAuth, SecretAuthorizer
from trailforward.sinks.http.presets.base import Preset, json_object, unparseable
from trailforward.sinks.http.proof import Proof
from trailforward.transport.responses import failure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trailforward.aws.secrets import Secrets
    from trailforward.errors import TransientError
    from trailforward.sinks.base import Rejection
    from trailforward.sinks.http.proof import Authorizer
    from trailforward.transport.connections import Response

_KEY = re.compile(r"[A-Za-z0-9]{32}")
#: Bytes that the routing key adds to a body.
_KEY_BYTES = len('"routing_key":"",') + 32
_MAX_BYTES = 512_000 - _KEY_BYTES
_BAD_REQUEST = 400
#: In PagerDuty's messages about the key: ``Length of 'routing_key' is incorrect …``
_ABOUT_KEY = "routing_key"


class RoutingKey(SecretAuth):
    """Adds the secret to the body, as ``routing_key``."""

    def authorizer(self, secrets: Secrets, lifetime: float) -> Authorizer:
        """The authorizer that adds the routing key to bodies."""
        return _KeyAuthorizer(self, secrets, lifetime)


class _KeyAuthorizer(SecretAuthorizer):
    def prove(self, _url: str, _headers: Mapping[str, str], body: bytes) -> Proof:
        secret = self.read()
        key = secret.strip()
        if not _KEY.fullmatch(key):
            reason = f"{self.reference} is not a routing key, which has 32 letters and digits"
            raise PermanentError("secret", reason)
        return Proof({}, secret, body=b'{"routing_key":"' + key.encode() + b'",' + body[1:])


class PagerDuty(Preset):
    """``preset = "pagerduty"``. One alert per request. The rate limit is dynamic."""

    format = "pagerduty"
    formats = ("pagerduty",)
    batch = "single"
    path = "/v2/enqueue"
    limits: ClassVar = Limits(max_entries=1, max_entry_bytes=_MAX_BYTES, max_batch_bytes=_MAX_BYTES)
    gzip = False

    def auth(self, secret: str) -> RoutingKey:
        """The routing key."""
        return RoutingKey(secret=secret)

    def rejections(self, response: Response, count: int) -> list[Rejection]:  # noqa: ARG002
        """None. Success is ``{"status": "success", …}``."""
        if json_object(response).get("status") != "success":
            raise unparseable("PagerDuty")
        return []

    def failure(self, response: Response, origin: str) -> TransientError | PermanentError:
        """Classifies an error response. A refused routing key is not the fault of an event."""
        errors: Any = json_object(response).get("errors")
        texts = errors if isinstance(errors, list) else []
        if response.status == _BAD_REQUEST and any(_ABOUT_KEY in str(text) for text in texts):
            return failure(response, origin, detail=_ABOUT_KEY, divisible=False)
        return failure(response, origin)


PRESET = PagerDuty()
