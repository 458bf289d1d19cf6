"""Sinks: one file per destination, found by what a destination's ARN or URL begins with."""

from __future__ import annotations

from importlib import import_module
from typing import Any

#: Sink type → its class. Only the one that is used gets imported.
BUILT_IN = {
    "kinesis": "trailforward.sinks.kinesis:KinesisSink",
    "firehose": "trailforward.sinks.firehose:FirehoseSink",
    "sns": "trailforward.sinks.sns:SnsSink",
    "sqs": "trailforward.sinks.sqs:SqsSink",
    "http": "trailforward.sinks.http:HttpSink",
    "file": "trailforward.sinks.local:FileSink",
    "stdout": "trailforward.sinks.local:StdoutSink",
}


def type_of(destination: str) -> str | None:
    """The sink type of a destination: an ARN's service or a URL's scheme; None if there is no such sink."""
    scheme, colon, rest = destination.partition(":")
    if scheme == "arn":
        service = rest.split(":")[1] if rest.count(":") else ""
        return service if service in {"kinesis", "firehose", "sns", "sqs"} else None
    if scheme in {"http", "https"}:
        return "http"
    return scheme if scheme in {"file", "stdout"} and colon else None


def load(sink_type: str) -> Any:
    """The class of a sink type; its ``Settings`` are the class's own."""
    module, _, name = BUILT_IN[sink_type].partition(":")
    return getattr(import_module(module), name)
