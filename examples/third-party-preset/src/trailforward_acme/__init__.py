"""The webhook of ACME: ``{"tenant":"…","events":[…]}``, with the key in a header."""

from collections.abc import Mapping, Sequence

from trailforward import Message
from trailforward.formats.base import Format
from trailforward.sinks.base import Entry, Limits
from trailforward.sinks.http.auth import HeaderAuth
from trailforward.sinks.http.framing import Array, Framing, quoted
from trailforward.sinks.http.presets.base import Preset


class Body(Array):
    def __init__(self, tenant: str) -> None:
        self.head = b'{"tenant":' + quoted(tenant.encode()) + b',"events":'
        self.overhead = len(self.head) + len("[]}")

    def body(self, batch: Sequence[Entry]) -> bytes:
        return self.head + super().body(batch) + b"}"


class Acme(Preset):
    limits = Limits(max_entries=200, max_entry_bytes=500_000, max_batch_bytes=2_000_000)
    path = "/v1/events"
    metadata = ("tenant",)

    def auth(self, secret: str) -> HeaderAuth:
        return HeaderAuth(type="header", name="X-Acme-Key", secret=secret)

    def framing(self, metadata: Mapping[str, str]) -> Framing:
        return Body(metadata.get("tenant", "default"))


class AcmeLine(Format):
    name, json, content_type = "acme-line", True, "application/json"

    def data(self, message: Message) -> bytes:
        return b'{"record":' + message.detail + b"}"
