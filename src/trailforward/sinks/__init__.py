"""Sinks: one module per type of destination, chosen by the service of an ARN or the scheme of a URL.

Other packages can add sinks through entry points in the group ``trailforward.sinks``, and presets of HTTP
sinks in the group ``trailforward.presets``.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trailforward.sinks.base import Sink
    from trailforward.sinks.settings import SinkSettings

#: Sink type → class. Only the classes in use are imported.
BUILT_IN = {
    "kinesis": "trailforward.sinks.kinesis:KinesisSink",
    "firehose": "trailforward.sinks.firehose:FirehoseSink",
    "sns": "trailforward.sinks.sns:SnsSink",
    "sqs": "trailforward.sinks.sqs:SqsSink",
    "eventbridge": "trailforward.sinks.eventbridge:EventBridgeSink",
    "eventbridge-v2": "trailforward.sinks.eventbridge_v2:EventBridgeV2Sink",
    "logs": "trailforward.sinks.cloudwatch_logs:CloudWatchLogsSink",
    "s3": "trailforward.sinks.s3:S3Sink",
    "securityhub": "trailforward.sinks.security_hub:SecurityHubSink",
    "lambda": "trailforward.sinks.lambda_function:LambdaSink",
    "stepfunctions": "trailforward.sinks.step_functions:StepFunctionsSink",
    "http": "trailforward.sinks.http.sink:HttpSink",
    "file": "trailforward.sinks.local:FileSink",
    "stdout": "trailforward.sinks.local:StdoutSink",
}

#: Sink type → pattern of its destinations. The JSON Schema uses the same regular expressions.
SHAPES = {
    "kinesis": "^arn:[^:]*:kinesis:",
    "firehose": "^arn:[^:]*:firehose:",
    "sns": "^arn:[^:]*:sns:",
    "sqs": "^arn:[^:]*:sqs:",
    "eventbridge": "^arn:[^:]*:events:(?![^:]*:[^:]*:event-busv2/)",
    "eventbridge-v2": "^arn:[^:]*:events:[^:]*:[^:]*:event-busv2/",
    "logs": "^arn:[^:]*:logs:",
    "s3": "^(s3:|arn:[^:]*:s3:)",
    "securityhub": "^arn:[^:]*:securityhub:",
    "lambda": "^arn:[^:]*:lambda:",
    "stepfunctions": "^arn:[^:]*:states:",
    "http": "^https?:",
    "file": "^file:",
    "stdout": "^stdout:",
}


def type_of(destination: str) -> str | None:
    """The sink type of a destination, from an ARN's service or a URL's scheme; None if there is no such sink.

    Plug-ins are looked up only if no built-in sink matches.
    """
    built_in = next((name for name, shape in SHAPES.items() if re.match(shape, destination)), None)
    if built_in is not None:
        return built_in
    from trailforward.sinks import _plugins

    name = _plugins.name_in(destination)
    # A plug-in cannot use the name of a built-in sink type.
    return None if name in BUILT_IN else name


def make(settings: SinkSettings, *, direct: bool = True) -> Sink:
    """Creates the sink that settings describe.

    Args:
        settings: validated settings.
        direct: whether the sink may call AWS without botocore.

    Raises:
        PluginError: the sink's plug-in cannot be used.
        MissingExtraError: the sink needs a package that is not installed.
    """
    cls: Any = load(type_of(settings.to) or "")
    sink: Sink = cls(settings, direct=direct) if cls.uses_direct_client else cls(settings)
    return sink


def preset_names() -> tuple[str, ...]:
    """The presets of HTTP sinks, including those of installed packages."""
    from trailforward.sinks.http import presets

    return presets.names()


def load(sink_type: str) -> Any:
    """The class of a sink type. Its attribute ``Settings`` is the class of its settings.

    Raises:
        PluginError: the sink's plug-in cannot be used.
    """
    if sink_type not in BUILT_IN:
        from trailforward.sinks import _plugins

        return _plugins.load(sink_type)
    module, _, name = BUILT_IN[sink_type].partition(":")
    return getattr(import_module(module), name)
