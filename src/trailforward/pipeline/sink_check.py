"""Checks the sinks of a configuration with one test event each, or without sending anything."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from trailforward import formats, sinks
from trailforward.aws.client import Client
from trailforward.aws.own_calls import parsed
from trailforward.aws.secrets import Secrets
from trailforward.errors import (
    MissingExtraError,
    PluginError,
    SecretError,
    SettingError,
    SinkError,
)
from trailforward.message import Message, Origin
from trailforward.pipeline.check_event import make_event
from trailforward.pipeline.copies import Bucket
from trailforward.pipeline.intake import EntryBuilder
from trailforward.pipeline.receipts import object_of
from trailforward.pipeline.sender import PendingEntry
from trailforward.pipeline.sink_fixes import ACTIONS, DENIED, explained, sent_to

if TYPE_CHECKING:
    from trailforward.arn import Arn
    from trailforward.config import Config
    from trailforward.sinks.base import Sink

OK, FAILED, NOT_NEEDED, UNKNOWN = "ok", "failed", "-", "?"
#: Name of the receipts' destination in the results. No sink can have it.
RECEIPTS = "(receipts)"


@dataclass(slots=True)
class SinkCheck:
    """What the check of one sink found. Each part is ``ok``, ``failed``, ``-`` (not needed), or ``?``.

    Attributes:
        name: the sink's name.
        secret: whether the secret can be read and used.
        permission: whether the destination lets the caller send.
        tls: the TLS version; ``-`` without TLS.
        milliseconds: how long sending took, or with a dry run connecting; None if neither finished.
        problem: what failed; empty if nothing did.
        fix: what to do about it.
    """

    name: str
    secret: str = NOT_NEEDED
    permission: str = UNKNOWN
    tls: str = UNKNOWN
    milliseconds: int | None = None
    problem: str = ""
    fix: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not self.problem

    def fail(self, problem: str, fix: str) -> None:
        """Records what failed."""
        self.problem, self.fix = problem, fix


@dataclass(slots=True)
class Caller:
    """The AWS identity that the check runs as.

    Attributes:
        arn: from STS; None if STS did not say.
        why: why it is unknown.
    """

    arn: Arn | None = None
    why: str = ""

    @property
    def policy_source(self) -> str:
        """The ARN that IAM's policy simulator takes; empty if there is none.

        A session does not name the path of its role, so a role with a path is not found there.
        """
        if self.arn is None:
            return ""
        kind, _, rest = self.arn.resource.partition("/")
        if kind == "assumed-role":
            name = rest.partition("/")[0]
            return str(self.arn._replace(service="iam", resource=f"role/{name}"))
        return str(self.arn) if kind == "user" else ""


def caller(config: Config) -> Caller:
    """Asks STS who the caller is, if a sink sends to AWS."""
    if not any(sinks.type_of(settings.to) in ACTIONS for settings in config.sinks.values()):
        return Caller()
    client = None
    try:
        client = Client("sts", _sts_region(config), connect_timeout=2.0, read_timeout=3.0)
        arn = parsed(client.call("get_caller_identity").get("Arn"))
        return Caller(arn, "" if arn else "STS did not return an ARN")
    except (SinkError, MissingExtraError) as error:
        return Caller(None, str(error))
    finally:
        if client is not None:
            client.close()


def check_sinks(config: Config, who: Caller, *, dry_run: bool, timeout: float) -> tuple[str, list[SinkCheck]]:
    """Checks every sink at the same time; one that fails or hangs does not affect the others.

    Args:
        config: names the sinks.
        who: the caller.
        dry_run: connect only; send nothing.
        timeout: seconds for each sink.

    Returns:
        The ID of the test event, and one result per sink, in the order of the configuration. The last one
        is that of the receipts, if there are any.
    """
    event_id = str(uuid4())
    secrets = Secrets()
    checks = [
        _Check(config, name, settings, who, secrets, event_id, dry_run=dry_run)
        for name, settings in config.sinks.items()
    ]
    if config.pipeline.receipts is not None:
        settings = config.pipeline.receipts.destination
        checks.append(_ReceiptsCheck(config, RECEIPTS, settings, who, secrets, event_id, dry_run=dry_run))
    running = []
    for check in checks:
        thread = threading.Thread(target=check.run, name=f"check-{check.name}", daemon=True)
        thread.start()
        running.append((check, thread))
    deadline = time.monotonic() + timeout
    results = []
    for check, thread in running:
        thread.join(max(0.0, deadline - time.monotonic()))
        results.append(check.finish(timeout))
    return event_id, results


@dataclass(slots=True)
class _Check:
    """The check of one sink, in its own thread."""

    config: Config
    name: str
    settings: Any
    who: Caller
    secrets: Secrets
    event_id: str
    dry_run: bool = field(kw_only=True)
    _result: SinkCheck = field(init=False)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)
    _done: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self._result = SinkCheck(self.name)

    def finish(self, timeout: float) -> SinkCheck:
        """Returns the result; a check that still runs has failed, and what it finds later is ignored."""
        with self._lock:
            if not self._done:
                result = replace(self._result)  # with what is known so far
                result.fail(
                    f"no result within {timeout:g} s",
                    "check that the destination is reachable and responds, or raise --timeout",
                )
                return result
            return self._result

    def run(self) -> None:
        """Checks the sink, and records every error as a problem."""
        result = self._result
        settings = self.settings
        sink = None
        try:
            sink = self._make(settings)
            self._check(result, settings, sink)
        except (MissingExtraError, PluginError, SettingError) as error:
            result.fail(str(error), "install what is missing, or correct the configuration")
        except SinkError as error:
            result.permission = FAILED if error.code in DENIED else result.permission
            result.fail(*explained(error, settings))
        except Exception as error:  # noqa: BLE001  # a sink of another package must not hide the others
            result.fail(f"the sink itself failed ({type(error).__name__})", "report it to its authors")
        finally:
            with self._lock:
                self._done = True
            if sink is not None:
                sink.close()

    def _make(self, settings: Any) -> Sink:
        return sinks.make(settings, direct=self.config.pipeline.aws_client == "direct")

    def _check(self, result: SinkCheck, settings: Any, sink: Sink) -> None:
        kind = sinks.type_of(settings.to)
        if kind in {"stdout", "file"}:
            result.tls = NOT_NEEDED
        self._check_secret(result, settings)
        self._check_account(settings)
        started = time.monotonic()
        if kind not in {"stdout", "file"}:
            try:
                result.tls = sink.connect() or NOT_NEEDED
            except SinkError as error:
                result.tls = FAILED if error.code.startswith("tls") else UNKNOWN
                raise
        if self.dry_run or sink.acts or kind == "stdout":  # standard output is for the report
            if not self.dry_run and sink.acts:
                started = time.monotonic()
                result.permission = OK if sink.rehearse() else UNKNOWN
            result.milliseconds = _milliseconds(started)
            if result.permission == UNKNOWN:
                self._ask_permission(result, settings, kind or "")
            return
        entry = self._entry(settings, sink)
        started = time.monotonic()
        rejections = sink.send([entry])
        result.milliseconds = _milliseconds(started)
        for rejection in rejections:
            raise SinkError(rejection.code, rejection.message)
        result.permission = OK

    def _check_secret(self, result: SinkCheck, settings: Any) -> None:
        auth = getattr(settings, "authentication", None)
        certificate = getattr(settings, "client_certificate", None)
        if auth is None and certificate is None:
            return
        try:
            if auth is not None:
                authorizer = auth.authorizer(self.secrets, settings.secret_lifetime_seconds)
                authorizer.prove(settings.to, {"Content-Type": "application/json"}, b"[]")
            if certificate is not None:
                certificate.check_usable(self.secrets, settings.secret_lifetime_seconds)
        except (SinkError, SecretError):
            result.secret = FAILED
            raise
        result.secret = OK

    def _check_account(self, settings: Any) -> None:
        required, arn = settings.required_account, self.who.arn
        if required and arn is not None and arn.account != required:
            text = f"the destination is in account {required}, but its API uses the caller's, {arn.account}"
            raise SinkError("wrong_account", text)

    def _entry(self, settings: Any, sink: Sink) -> PendingEntry:
        """The test event in the sink's format, within its limits."""
        redaction = None
        if settings.redact:
            from trailforward.formats.redaction import Redaction

            redaction = Redaction(settings.redact)
        failures: list[BaseException] = []
        forms = {settings.format: formats.load(settings.format)}
        builder = EntryBuilder(
            self.name, sink, forms, lambda _, error: failures.append(error), redaction, "count"
        )
        message = Message(make_event(self.event_id, settings, self.name), Origin("check-sinks"))
        built = builder.build(settings.format, 0, message, "")
        if isinstance(built, PendingEntry):
            return built
        raise SinkError(built.code, built.reason)

    def _ask_permission(self, result: SinkCheck, settings: Any, kind: str) -> None:
        """Asks IAM's policy simulator, which has no side effects; ``?`` if the caller may not ask it."""
        if kind not in ACTIONS:
            result.permission = NOT_NEEDED if kind in {"stdout", "file"} else UNKNOWN
            return
        if not (source := self.who.policy_source):
            return
        resource = sent_to(settings, kind)
        client = Client("iam", "us-east-1", direct=False, connect_timeout=2.0, read_timeout=3.0)
        try:
            response = client.call(
                "simulate_principal_policy",
                PolicySourceArn=source,
                ActionNames=[ACTIONS[kind]],
                ResourceArns=[resource],
            )
            decision = response["EvaluationResults"][0]["EvalDecision"]
        except (SinkError, LookupError, TypeError):
            return
        finally:
            client.close()
        if decision == "allowed":
            result.permission = OK
            return
        result.permission = FAILED
        what = "denies" if decision == "explicitDeny" else "does not allow"
        result.fail(
            f"the policy of {source} {what} {ACTIONS[kind]} on {resource}",
            "attach the policy that `trailforward iam` prints, or send the test event to see whether a "
            "resource policy allows it",
        )


class _ReceiptsCheck(_Check):
    """The check of the destination of receipts, which gets an empty line: readers skip it."""

    def _make(self, settings: Any) -> Sink:
        direct = self.config.pipeline.aws_client == "direct"
        if sinks.type_of(settings.to) == "s3":
            return Bucket(settings, self.config.pipeline.bucket_owners, direct=direct)
        return sinks.make(settings, direct=direct)

    def _entry(self, settings: Any, sink: Sink) -> PendingEntry:  # noqa: ARG002
        line = b"\n"
        if isinstance(sink, Bucket):
            return object_of(line)
        return PendingEntry(line, "", content_type="text/plain", size=len(line))


def _milliseconds(started: float) -> int:
    return round(1000 * (time.monotonic() - started))


def _sts_region(config: Config) -> str:
    arns = (parsed(settings.resource) for settings in config.sinks.values())
    return next((arn.region for arn in arns if arn is not None and arn.region), "us-east-1")
