"""Sinks: one file per destination, found by what a destination's ARN or URL begins with.

Other packages bring more, by entry points of the group ``trailforward.sinks``.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trailforward.sinks.base import Sink
    from trailforward.sinks.settings import SinkSettings

#: Sink type → its class. Only the one that is used gets imported.
BUILT_IN = {
    "kinesis": "trailforward.sinks.kinesis:KinesisSink",
    "firehose": "trailforward.sinks.firehose:FirehoseSink",
    "sns": "trailforward.sinks.sns:SnsSink",
    "sqs": "trailforward.sinks.sqs:SqsSink",
    "eventbridge": "trailforward.sinks.eventbridge:EventBridgeSink",
    "logs": "trailforward.sinks.cloudwatch_logs:CloudWatchLogsSink",
    "s3": "trailforward.sinks.s3:S3Sink",
    "http": "trailforward.sinks.http.sink:HttpSink",
    "file": "trailforward.sinks.local:FileSink",
    "stdout": "trailforward.sinks.local:StdoutSink",
}

#: Sink type → what its destinations look like, as a regular expression that JSON Schema shares.
SHAPES = {
    "kinesis": "^arn:[^:]*:kinesis:",
    "firehose": "^arn:[^:]*:firehose:",
    "sns": "^arn:[^:]*:sns:",
    "sqs": "^arn:[^:]*:sqs:",
    "eventbridge": "^arn:[^:]*:events:",
    "logs": "^arn:[^:]*:logs:",
    "s3": "^(s3:|arn:[^:]*:s3:)",
    "http": "^https?:",
    "file": "^file:",
    "stdout": "^stdout:",
}


def type_of(destination: str) -> str | None:
    """The sink type of a destination: an ARN's service or a URL's scheme; None if there is no such sink.

    Plug-ins are looked up only for what no built-in sink takes.
    """
    built_in = next((name for name, shape in SHAPES.items() if re.match(shape, destination)), None)
    if built_in is not None:
        return built_in
    from trailforward.sinks import _plugins

    name = _plugins.name_in(destination)
    # What a built-in type is called belongs to it, too.
    return None if name in BUILT_IN else name


def make(settings: SinkSettings, *, direct: bool = True) -> Sink:
    """The sink that settings describe.

    Args:
        settings: checked.
        direct: whether AWS may be called without botocore.

    Raises:
        PluginError: it is a plug-in's, which cannot be used.
        MissingExtraError: it needs a package that is not installed.
    """
    kind: Any = load(type_of(settings.to) or "")
    made: Sink = kind(settings, direct=direct) if kind.uses_direct_client else kind(settings)
    return made


def load(sink_type: str) -> Any:
    """The class of a sink type; its ``Settings`` are the class's own.

    Raises:
        PluginError: it is a plug-in's, which cannot be used.
    """
    if sink_type not in BUILT_IN:
        from trailforward.sinks import _plugins

        return _plugins.load(sink_type)
    module, _, name = BUILT_IN[sink_type].partition(":")
    return getattr(import_module(module), name)
