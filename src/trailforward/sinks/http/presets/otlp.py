"""OpenTelemetry: logs by OTLP/HTTP, in JSON or protobuf, for every collector and many vendors.

Sources: https://opentelemetry.io/docs/specs/otlp/#otlphttp and
https://github.com/open-telemetry/opentelemetry-proto/tree/main/opentelemetry/proto (field names and types).
"""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from trailforward._version import __version__
from trailforward.errors import PermanentError, SettingError
from trailforward.sinks.base import DETECTION, SEVERITY, Limits
from trailforward.sinks.http.auth import BearerAuth
from trailforward.sinks.http.framing import Framing, quoted
from trailforward.sinks.http.presets.base import Preset, json_object, unparseable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trailforward.sinks.base import Entry, Rejection
    from trailforward.transport.connections import Response

#: Severity of the detections that matched → ``severityNumber`` (ERROR, WARN …, in steps of four).
_SEVERITIES = {"critical": 21, "high": 17, "medium": 13, "low": 10}
_INFO = 9

#: Field of an entry → attribute, by OpenTelemetry's semantic conventions where they have one.
_ATTRIBUTES = {
    "account": "cloud.account.id",
    "region": "cloud.region",
    "eventSource": "aws.cloudtrail.event_source",
    "eventName": "aws.cloudtrail.event_name",
    "errorCode": "aws.cloudtrail.error_code",
    DETECTION: DETECTION,
}
_NO_CONTENT = 204


class LogRecords(Framing):
    """One ``LogRecord`` per event, all in one ``ResourceLogs``. The body of a record is the event's text."""

    content_type = "application/json"

    def __init__(self, metadata: Mapping[str, str]) -> None:
        resource, scope = common(metadata)
        self._head = (
            b'{"resourceLogs":[{"resource":{"attributes":'
            + _json(_attributes(resource))
            + b'},"scopeLogs":[{"scope":'
            + _json(scope)
            + b',"logRecords":['
        )
        self._tail = b"]}]}]}"
        self.overhead = len(self._head) + len(self._tail)

    def frame(self, entry: Entry) -> bytes:
        """One log record."""
        record, attributes = fields(entry)
        record["attributes"] = _attributes(attributes)
        return _json(record)[:-1] + b',"body":{' + _value(entry.data) + b"}}"

    def size(self, entry: Entry) -> int:
        """The record plus a comma."""
        return len(self.frame(entry)) + 1

    def body(self, batch: Sequence[Entry]) -> bytes:
        """The request: ``ExportLogsServiceRequest``."""
        return self._head + b",".join(map(self.frame, batch)) + self._tail


def common(metadata: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """The attributes of the resource, and the scope: what all log records of a request share."""
    resource = {name: value for name, value in metadata.items() if name != "encoding"}
    scope = {"name": "trailforward", "version": __version__}
    return {"service.name": "cloudtrail", "cloud.provider": "aws", **resource}, scope


def fields(entry: Entry) -> tuple[dict[str, Any], dict[str, str]]:
    """The fields of a log record, named as in JSON and without its body, and its attributes."""
    said = entry.fields.get(SEVERITY, "")
    attributes = {"log.record.uid": entry.key}
    attributes |= {
        name: entry.fields[field] for field, name in _ATTRIBUTES.items() if entry.fields.get(field)
    }
    record = {
        **_time(entry.time),
        "observedTimeUnixNano": str(time.time_ns()),
        "severityNumber": _SEVERITIES.get(said, _INFO),
        "severityText": said or "INFO",
    }
    return record, attributes


def is_text(data: bytes) -> bool:
    """Whether an event is a string. One with a lone surrogate is not: no receiver could keep it."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _attributes(values: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in values.items()]


def _value(data: bytes) -> bytes:
    """The event as a string, or as bytes."""
    if is_text(data):
        return b'"stringValue":' + quoted(data)
    import base64

    return b'"bytesValue":"' + base64.b64encode(data) + b'"'


def _time(text: str) -> dict[str, str]:
    """``timeUnixNano``, as a string like every 64-bit number in protobuf's JSON; empty if unknown."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return {}
    if moment.tzinfo is None or (seconds := int(moment.timestamp())) < 0:
        return {}
    return {"timeUnixNano": str((seconds * 1_000_000 + moment.microsecond) * 1_000)}


class Otlp(Preset):
    """``preset = "otlp"``. A response that counts rejected records does not say which ones they are.

    The batch is divided then, until each rejected event is alone. Events that were accepted arrive again,
    with the same ``log.record.uid``: a repetition is better than a loss.
    """

    metadata = ("encoding", "deployment.environment.name", "host.name", "service.name", "service.namespace")
    path = "/v1/logs"
    needs_secret = False
    uses_fields = True
    #: OTLP has none. Collectors read 20 MiB by default; New Relic, the strictest vendor, reads 1 MB.
    limits: ClassVar = Limits(
        max_entries=1_000, max_entry_bytes=999_000, max_batch_bytes=1_000_000, max_concurrency=4
    )

    def check_metadata(self, metadata: Mapping[str, str]) -> None:
        """Allows the encodings of OTLP/HTTP."""
        if metadata.get("encoding", "json") not in {"json", "protobuf"}:
            raise SettingError("unknown value of `metadata.encoding`", 'write "json" or "protobuf"')

    def auth(self, secret: str) -> BearerAuth:
        """``Authorization: Bearer …``. Vendors with another header need ``auth``."""
        return BearerAuth(type="bearer", secret=secret)

    def framing(self, metadata: Mapping[str, str]) -> Framing:
        """One log record per event."""
        if metadata.get("encoding") == "protobuf":
            from trailforward.sinks.http.otlp_protobuf import ProtobufRecords

            return ProtobufRecords(metadata)
        return LogRecords(metadata)

    def rejections(self, response: Response, count: int) -> list[Rejection]:
        """None. Grafana Cloud returns 204; an empty body and ``{}`` are successes as well.

        Raises:
            PermanentError: ``partial_success``: the receiver rejected at least one record.
        """
        if response.status == _NO_CONTENT or not response.body.strip():
            return []
        rejected = _rejected(response)
        if not rejected:
            return []
        text = f"the receiver rejected {rejected} of {count} log records"
        raise PermanentError("partial_success", text, divisible=True)


def _rejected(response: Response) -> int:
    """The number of rejected records. A receiver responds in the encoding of the request."""
    if "protobuf" in response.headers.get("content-type", ""):
        from trailforward.sinks.http import otlp_protobuf

        try:
            return otlp_protobuf.rejected(response.body)
        except ValueError:
            raise unparseable("an OTLP receiver") from None
    content = json_object(response)
    if not content and response.body.strip() != b"{}":
        raise unparseable("an OTLP receiver")
    partial = content.get("partialSuccess", content.get("partial_success"))
    if not isinstance(partial, dict):
        return 0
    # Protobuf's JSON writes the number as a string; some receivers do not.
    number: Any = partial.get("rejectedLogRecords", partial.get("rejected_log_records", 0))
    try:
        return max(0, int(number))
    except (TypeError, ValueError):
        return 1  # something was rejected


PRESET = Otlp()
