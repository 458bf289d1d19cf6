"""Telemetry: metrics and logs of an invocation. Counts, IDs, and error codes; never payloads.

Metrics, logs, and the command line use the same words: the four fates, ``received``, ``retries``, ``bytes``,
``latency``, ``canary_latency``, ``ledger_breaks``, ``envelope_mismatch``, ``unusual_self``, ``refusing``,
``unavailable``, ``matched``, ``alerted``, ``dropped``, ``suppressed``,
``below_threshold``, ``state_unavailable``, and ``receipts_failed``.
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

    from trailforward.outcome import LedgerBreak, Outcome

NAMESPACE = "trailforward"

#: Maximum characters of a value in a log line. Destinations choose some of these texts.
_CHARACTERS = 1_000

#: Maximum values of a metric in one EMF document (CloudWatch's embedded metric format specification).
_EMF_VALUES = 100


class Telemetry(Protocol):
    """Publishes what happened in an invocation."""

    def publish(self, outcome: Outcome) -> None:
        """Publishes the ledger of one batch. Never raises: a lost metric must not cost events."""
        ...

    def error(self, text: str, **fields: Any) -> None:
        """Logs an error with ids and codes, never payloads."""
        ...

    def fault(self, sink: str, error: BaseException) -> None:
        """Logs a bug in a sink or format."""
        ...

    def refusing(self, sink: str, code: str, problem: str, fix: str) -> None:
        """Logs that a sink refuses everything, and counts it. Called once per invocation and sink.

        Args:
            sink: the sink's name.
            code: the error code.
            problem: what the destination refused, without payload.
            fix: what to do.
        """
        ...


def place_of(error: BaseException) -> dict[str, str]:
    """Type and place of a bug. Its text is left out because it might contain payload."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "?"
    return {"error": type(error).__name__, "place": place}


def troubles(outcome: Outcome) -> list[dict[str, Any]]:
    """What was dead-lettered or returned: sink, fate, code, and count, most frequent first; at most 20."""
    bad = Fate.DEAD_LETTERED, Fate.RETURNED
    if not (sinks := outcome.meeting(*bad)):
        return []
    counts = Counter(
        (sink, verdict.fate, verdict.code, verdict.reason, verdict.in_retry_queue)
        for sink in sinks
        for verdict in outcome.verdicts[sink].values()
        if verdict.fate in bad
    )
    return [
        {
            "sink": sink,
            "fate": str(fate),
            "code": _clipped(code),
            "reason": _clipped(reason),
            "count": count,
            **({"in_retry_queue": True} if queued else {}),
        }
        for (sink, fate, code, reason, queued), count in counts.most_common(20)
    ]


def _clipped(value: Any) -> Any:
    """The value; of a long text its beginning."""
    if isinstance(value, str) and len(value) > _CHARACTERS:
        return f"{value[:_CHARACTERS]}…"
    return value


def _unavailable(outcome: Outcome, sink: str) -> bool:
    """Whether a sink accepted nothing of a batch and did not throttle: it is down or refuses everything."""
    fates = outcome.accounts[sink].fates
    if not fates[Fate.RETURNED] or fates[Fate.DELIVERED]:
        return False
    return not any(verdict.throttled for verdict in outcome.verdicts[sink].values())


class PlainTelemetry:
    """Standard logging, for the command line and programs without Powertools."""

    def __init__(self) -> None:
        self._log = logging.getLogger("trailforward")

    def publish(self, outcome: Outcome) -> None:
        """Logs undelivered messages as warnings, and a broken ledger as an error."""
        for trouble in troubles(outcome):
            self._log.warning("%(count)d %(fate)s at %(sink)s: %(code)s %(reason)s", trouble)
        for found in outcome.breaks:
            self._log.error("the ledger does not add up: %s", found)
        for name, count in outcome.mismatches.items():
            self._log.warning("%d events whose envelope's %s contradicts the record", count, name)
        for call, count in outcome.unusual_self.items():
            self._log.warning(
                "%d calls of the function's role that the pipeline never makes: %s", count, call
            )

    def error(self, text: str, **fields: Any) -> None:
        """Logs an error."""
        self._log.error("%s %s", text, {name: _clipped(value) for name, value in fields.items()})

    def fault(self, sink: str, error: BaseException) -> None:
        """Logs a bug, without its text."""
        self.error("a sink or format failed", sink=sink, **place_of(error))

    def refusing(self, sink: str, code: str, problem: str, fix: str) -> None:  # noqa: ARG002  # in the problem
        """Logs the fix."""
        self._log.error("%s refuses everything: %s. Fix: %s", sink, _clipped(problem), fix)


class PowertoolsTelemetry:
    """JSON logs by Powertools for AWS Lambda, and metrics in CloudWatch's embedded format (EMF).

    Metrics by dimension:

    - ``sink``: the counts of the ledger, ``retries``, ``bytes``, and ``ledger_breaks`` (alarm above 0);
      ``refusing``, 1 for each invocation in which the sink refused everything, with the property ``code``;
      ``unavailable``, 1 for each batch of which a sink accepted nothing without throttling (alarm "outage");
    - ``field`` (``source``, ``account``, ``region``): events that may be spoofed, ``envelope_mismatch``;
    - ``guard`` (``self``): calls of the function's role that the pipeline never makes, ``unusual_self``
      (alarm above 0);
    - ``guard`` (``receipts``): events whose receipt was not written, ``receipts_failed`` (alarm above 0);
    - ``route``, with ``route_metrics``: events of the route, ``matched``; those that at least one sink got
      because of it, ``alerted``; those that it kept from a sink, ``dropped``. Only counts above 0. Of a route
      with ``once`` or ``threshold``, always ``suppressed``, ``below_threshold``, and ``state_unavailable``;
    - ``region``: milliseconds from an event's time to its delivery, ``latency``;
    - ``account`` and ``region``: milliseconds from a canary's call to its arrival, ``canary_latency``.

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
        # Imported on first use: most invocations log nothing, and the import is a tenth of a cold start.
        from aws_lambda_powertools.logging import Logger

        return Logger(service=self._service)

    def publish(self, outcome: Outcome) -> None:
        """Logs undelivered messages, and writes the metrics to standard output."""
        try:
            for trouble in troubles(outcome):
                self._log.warning("not delivered", extra=trouble)
            for call, count in outcome.unusual_self.items():
                self._log.warning("unusual call of the function's role", extra={"call": call, "count": count})
            breaks = outcome.breaks
            for found in breaks:
                self._log.error("the ledger does not add up", extra={"sink": found.sink, "break": found.text})
            if self._wanted:
                self._metrics(outcome, breaks)
                self._canaries(outcome)
        except Exception as error:  # noqa: BLE001  # events matter more than their metrics
            self._log.error("metrics not published", extra={"error": type(error).__name__})

    def error(self, text: str, **fields: Any) -> None:
        """Logs an error."""
        self._log.error(text, extra={name: _clipped(value) for name, value in fields.items()})

    def fault(self, sink: str, error: BaseException) -> None:
        """Logs a bug, without its text."""
        self.error("a sink or format failed", sink=sink, **place_of(error))

    def refusing(self, sink: str, code: str, problem: str, fix: str) -> None:
        """Logs the fix, and writes the metric ``refusing`` with the code as a property."""
        try:
            self.error("the sink refuses everything", sink=sink, code=code, reason=problem, fix=fix)
            if self._wanted:
                self._write("sink", sink, {"refusing": [1]}, code=_clipped(code))
        except Exception as error:  # noqa: BLE001  # events matter more than their metrics
            self._log.error("metrics not published", extra={"error": type(error).__name__})

    def _metrics(self, outcome: Outcome, breaks: list[LedgerBreak]) -> None:
        for name, account in outcome.accounts.items():
            broken = sum(found.sink == name for found in breaks)
            counts = {
                "received": [account.received],
                **{fate.value: [account.fates[fate]] for fate in Fate},
                "retries": [account.retries],
                "ledger_breaks": [broken],
                "bytes": [account.bytes],
            }
            if _unavailable(outcome, name):
                # Only when it happens: a metric costs money in each hour in which it has values.
                counts["unavailable"] = [1]
            self._write("sink", name, counts)
        by_route: defaultdict[str, dict[str, list[int]]] = defaultdict(dict)
        for (route, name), count in outcome.routes.items():
            by_route[route][name] = [count]
        for route, counts in by_route.items():
            self._write("route", route, counts)
        for name, count in outcome.mismatches.items():
            self._write("field", name, {"envelope_mismatch": [count]})
        # One time series for all calls, because events choose their names.
        self._guard("self", "unusual_self", outcome.unusual_self.total())
        self._guard("receipts", "receipts_failed", outcome.receipts_failed)
        by_region: defaultdict[str, list[int]] = defaultdict(list)
        for region, milliseconds in outcome.latencies:
            by_region[region].append(round(milliseconds))
        for region, values in by_region.items():
            for start in range(0, len(values), _EMF_VALUES):
                self._write("region", region, {"latency": values[start : start + _EMF_VALUES]})

    def _guard(self, value: str, name: str, count: int) -> None:
        if count:
            self._write("guard", value, {name: [count]})

    def _canaries(self, outcome: Outcome) -> None:
        for seen in outcome.canaries:
            dimensions = {"account": seen.account, "region": seen.region}
            # At the time of the call, so that the next run of the canary finds it.
            self._document(dimensions, {"canary_latency": [round(seen.latency)]}, {}, seen.at)

    def _write(self, dimension: str, value: str, metrics: dict[str, list[int]], **properties: str) -> None:
        """Writes one EMF document with one dimension, next to the service."""
        self._document({dimension: value}, metrics, properties, time.time())

    def _document(
        self,
        dimensions: dict[str, str],
        metrics: dict[str, list[int]],
        properties: dict[str, str],
        at: float,
    ) -> None:
        """Writes one EMF document, the same as Powertools would, without its import at a cold start.

        Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
        """
        directive = {
            "Namespace": self._namespace,
            "Dimensions": [[*dimensions, "service"]],
            "Metrics": [{"Name": name, "Unit": _UNITS.get(name, "Count")} for name in metrics],
        }
        about = {"Timestamp": int(at * 1000), "CloudWatchMetrics": [directive]}
        document = {"_aws": about, **dimensions, "service": self._service, **metrics, **properties}
        print(orjson.dumps(document).decode())  # noqa: T201  # standard output is where CloudWatch reads


_UNITS = {"bytes": "Bytes", "latency": "Milliseconds", "canary_latency": "Milliseconds"}
