"""Settings: the environment of the functions, which ``sam/audit.yaml`` sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self

from trailforward.errors import TrailforwardError

if TYPE_CHECKING:
    from collections.abc import Mapping

_PREFIX = "TRAILFORWARD_AUDIT_"


class StepError(TrailforwardError):
    """A step cannot do its work; the text says what to do."""


class InvalidInputError(StepError):
    """The input of the execution, or what it names, cannot be used. Step Functions shows the text."""


class Settings(NamedTuple):
    """What the stack sets.

    Attributes:
        bucket: the report bucket.
        stack: name of the stack, which metrics show.
        trail: location above ``AWSLogs``.
        delivered: location of the events that arrived; empty if inputs must name it.
        receipts: location of receipts instead, or empty.
        region: of the functions.
        memory: of this function, in MB.
        delay_hours: age of the end of a window that an execution without ``since`` audits.
        sink: name of the sink whose events are at ``delivered``; empty for all.
        own_roles: ARNs of the forwarder's role and resources.
        rule: names of the forwarding rules, with ``*``.
        snapshot: ``s3://…`` of a doctor's snapshot, or empty.
        config: whether the environment has a configuration of the forwarder.
        concurrency: child executions at a time, if the input does not say it.
        groups_per_child: groups of up to 100 log files for each child execution.
        tolerated_failures: percentage of child executions that may fail.
    """

    bucket: str
    stack: str
    trail: str
    delivered: str
    receipts: str
    region: str
    memory: int
    delay_hours: float
    sink: str
    own_roles: tuple[str, ...]
    rule: str
    snapshot: str
    config: bool
    concurrency: int
    groups_per_child: int
    tolerated_failures: int

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Reads the environment.

        Raises:
            StepError: a variable is missing; the text names it.
        """

        def get(name: str) -> str:
            return environ.get(_PREFIX + name, "").strip()

        if missing := [_PREFIX + name for name in ("BUCKET", "TRAIL") if not get(name)]:
            raise StepError(f"Set these environment variables: {', '.join(missing)}")
        return cls(
            bucket=get("BUCKET"),
            stack=get("STACK") or "trailforward-audit",
            trail=get("TRAIL"),
            delivered=get("DELIVERED"),
            receipts=get("RECEIPTS"),
            region=environ.get("AWS_REGION", ""),
            memory=int(environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE") or 1769),
            delay_hours=float(get("DELAY_HOURS") or 6),
            sink=get("SINK"),
            own_roles=tuple(part for part in get("OWN_ROLES").split(",") if part),
            rule=get("RULE") or "*trailforward*",
            snapshot=get("SNAPSHOT"),
            config=bool(
                environ.get("TRAILFORWARD_CONFIG", "").strip() or environ.get("TRAILFORWARD_TO", "").strip()
            ),
            concurrency=int(get("CONCURRENCY") or 100),
            groups_per_child=int(get("GROUPS_PER_CHILD") or 10),
            tolerated_failures=int(get("TOLERATED_FAILURES") or 0),
        )
