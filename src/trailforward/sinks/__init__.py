"""Sinks: one file per destination, found by what a destination's ARN or URL begins with."""

from __future__ import annotations

import re
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

#: Sink type → what its destinations look like, as a regular expression that JSON Schema shares.
SHAPES = {
    "kinesis": "^arn:[^:]*:kinesis:",
    "firehose": "^arn:[^:]*:firehose:",
    "sns": "^arn:[^:]*:sns:",
    "sqs": "^arn:[^:]*:sqs:",
    "http": "^https?:",
    "file": "^file:",
    "stdout": "^stdout:",
}


def type_of(destination: str) -> str | None:
    """The sink type of a destination: an ARN's service or a URL's scheme; None if there is no such sink."""
    return next((name for name, shape in SHAPES.items() if re.match(shape, destination)), None)


def load(sink_type: str) -> Any:
    """The class of a sink type; its ``Settings`` are the class's own."""
    module, _, name = BUILT_IN[sink_type].partition(":")
    return getattr(import_module(module), name)
