"""Telemetry: what an operator learns of an invocation. Counts, ids and error codes; never payloads.

One vocabulary for metrics, logs and the command line's summary: the four fates, ``received``, ``retries``,
``bytes``, ``latency`` and ``ledger_breaks``.
"""

from __future__ import annotations

import logging
import time
from collections import Counter, defaultdict
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from trailforward.errors import MissingExtraError
from trailforward.outcome import Fate

if TYPE_CHECKING:
    from aws_lambda_powertools.logging import Logger

    from trailforward.outcome import Outcome

NAMESPACE = "trailforward"

#: Most values of a metric in one EMF document (CloudWatch's embedded metric format specification).
_EMF_VALUES = 100


class Telemetry(Protocol):
    """Where an outcome is told."""

    def publish(self, outcome: Outcome) -> None:
        """Tells what became of one batch. Never raises: losing a metric must not lose events."""
        ...

    def error(self, text: str, **fields: Any) -> None:
        """Logs an error with ids and codes, never payloads."""
        ...

    def fault(self, sink: str, error: BaseException) -> None:
        """Tells of a bug in a sink or format."""
        ...


def place_of(error: BaseException) -> dict[str, str]:
    """A bug by type and place, since its text might hold payload."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "?"
    return {"error": type(error).__name__, "place": place}


def troubles(outcome: Outcome) -> list[dict[str, Any]]:
    """Everything that was not delivered or filtered: sink, fate, code and count, most frequent first."""
    bad = Fate.DEAD_LETTERED, Fate.RETURNED
    if not (sinks := outcome.meeting(*bad)):
        return []
    counts = Counter(
        (sink, verdict.fate, verdict.code, verdict.reason)
        for sink in sinks
        for verdict in outcome.verdicts[sink].values()
        if verdict.fate in bad
    )
    return [
        {"sink": sink, "fate": str(fate), "code": code, "reason": reason, "count": count}
        for (sink, fate, code, reason), count in counts.most_common(20)
    ]


class PlainTelemetry:
    """Standard logging, for the command line and for programs without Powertools."""

    def __init__(self) -> None:
        self._log = logging.getLogger("trailforward")

    def publish(self, outcome: Outcome) -> None:
        """Logs troubles as warnings, and a broken ledger as an error."""
        for trouble in troubles(outcome):
            self._log.warning("%(count)d %(fate)s at %(sink)s: %(code)s %(reason)s", trouble)
        for fault in outcome.breaks:
            self._log.error("ledger does not add up: %s", fault)
        for kind, count in outcome.forged.items():
            self._log.warning("%d events whose %s shows that they may be forged", count, kind)

    def error(self, text: str, **fields: Any) -> None:
        """Logs an error."""
        self._log.error("%s %s", text, fields)

    def fault(self, sink: str, error: BaseException) -> None:
        """Logs a bug, without its text."""
        self.error("a sink or format failed", sink=sink, **place_of(error))


class PowertoolsTelemetry:
    """JSON logs by Powertools for AWS Lambda, and metrics in CloudWatch's embedded format (EMF).

    Metrics: per ``sink`` the counts of the ledger, ``retries``, ``bytes`` and ``ledger_breaks`` (alarm on
    more than 0); per ``contradiction`` (``source``, ``account``, ``region``) the events with an
    ``envelope_mismatch``; per ``region`` the ``latency`` in milliseconds from event time to delivery.

    Args:
        namespace: of the metrics.
        service: dimension and log key; the function's name.
        metrics: whether to write any.

    Raises:
        MissingExtraError: Powertools is not installed.
    """

    def __init__(
        self, namespace: str = NAMESPACE, service: str = "trailforward", *, metrics: bool = True
    ) -> None:
        if find_spec("aws_lambda_powertools") is None:
            raise MissingExtraError("the Lambda handler", "aws")
        self._namespace = namespace
        self._service = service
        self._wanted = metrics

    @cached_property
    def _log(self) -> Logger:
        # Most invocations have nothing to log, and importing it is a tenth of a cold start.
        from aws_lambda_powertools.logging import Logger

        return Logger(service=self._service)

    def publish(self, outcome: Outcome) -> None:
        """Logs troubles, and writes the metrics to standard output."""
        try:
            for trouble in troubles(outcome):
                self._log.warning("not delivered", extra=trouble)
            breaks = outcome.breaks
            for fault in breaks:
                self._log.error("ledger does not add up", extra={"fault": fault})
            if self._wanted:
                self._metrics(outcome, breaks)
        except Exception as error:  # noqa: BLE001  # events matter more than their metrics
            self._log.error("metrics not published", extra={"error": type(error).__name__})

    def error(self, text: str, **fields: Any) -> None:
        """Logs an error."""
        self._log.error(text, extra=fields)

    def fault(self, sink: str, error: BaseException) -> None:
        """Logs a bug, without its text."""
        self.error("a sink or format failed", sink=sink, **place_of(error))

    def _metrics(self, outcome: Outcome, breaks: list[str]) -> None:
        for name, account in outcome.accounts.items():
            broken = sum(fault.startswith(f"{name}:") for fault in breaks)
            counts = {
                "received": [account.received],
                **{fate.value: [account.fates[fate]] for fate in Fate},
                "retries": [account.retries],
                "ledger_breaks": [broken],
                "bytes": [account.bytes],
            }
            self._write("sink", name, counts)
        for kind, count in outcome.forged.items():
            self._write("contradiction", kind, {"envelope_mismatch": [count]})
        by_region: defaultdict[str, list[int]] = defaultdict(list)
        for region, milliseconds in outcome.latencies:
            by_region[region].append(round(milliseconds))
        for region, values in by_region.items():
            for start in range(0, len(values), _EMF_VALUES):
                self._write("region", region, {"latency": values[start : start + _EMF_VALUES]})

    def _write(self, dimension: str, value: str, metrics: dict[str, list[int]]) -> None:
        """One EMF document. What Powertools writes for the same, without its share of a cold start.

        Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
        """
        directive = {
            "Namespace": self._namespace,
            "Dimensions": [[dimension, "service"]],
            "Metrics": [{"Name": name, "Unit": _UNITS.get(name, "Count")} for name in metrics],
        }
        about = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
        document = {"_aws": about, dimension: value, "service": self._service, **metrics}
        print(orjson.dumps(document).decode())  # noqa: T201  # standard output is where CloudWatch reads


_UNITS = {"bytes": "Bytes", "latency": "Milliseconds"}
