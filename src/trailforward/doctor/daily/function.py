"""The handler of the daily doctor's function."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from trailforward.doctor.changes import Changes, compare
from trailforward.doctor.daily.message import write_message
from trailforward.doctor.daily.settings import DailyDoctorError, Settings
from trailforward.doctor.daily.store import LATEST, PARTIAL, Saved, Store
from trailforward.doctor.discover import DEFAULT_ROLE, discover
from trailforward.doctor.discover.resume import STOPPED
from trailforward.doctor.report import render, survey
from trailforward.doctor.world.world import SnapshotError

if TYPE_CHECKING:
    from trailforward.doctor.discover import Discovery
    from trailforward.doctor.report import Survey
    from trailforward.doctor.world.world import World

#: Seconds that are kept for the verdicts, the report, and a last call that AWS throttles.
RESERVE = 240
#: The first attempt, and the two that Lambda makes if an asynchronous invocation fails.
#: Source: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
ATTEMPTS = 3
_TIMEOUTS = {"connect_timeout": 5, "read_timeout": 60, "attempts": 5}


def lambda_handler(event: Any, context: Any) -> dict[str, Any]:
    """Reads AWS, stores the snapshot and the report, and notifies the topic about changes.

    A run that is out of time saves what it has read, and fails; Lambda's next attempt reads the rest. The
    last attempt reports what is there, and what is unknown.

    Args:
        event: ignored; the function reads its environment.
        context: Lambda's context: the ID of the run, which all its attempts share, and its time.

    Returns:
        The counts, for people who invoke the function.

    Raises:
        DailyDoctorError: the run is not finished, or nothing could be read.
    """
    del event
    settings = Settings.from_env(os.environ)
    done = False
    try:
        counts = _run(settings, context.aws_request_id, context.get_remaining_time_in_millis() / 1000)
        done = True
    finally:
        if not done:
            _publish(settings.stack, doctor_completed=0)
    _publish(settings.stack, doctor_completed=1, **counts)
    return counts


def _run(settings: Settings, run: str, seconds: float) -> dict[str, int]:
    from trailforward.aws.session import make_client

    until = time.monotonic() + seconds - RESERVE
    store = Store(make_client("s3", "", **_TIMEOUTS), settings.bucket)  # type: ignore[arg-type]
    partial = _partial(store, run)
    attempt = partial.attempt + 1 if partial else 1
    found = _discover(settings, partial.world if partial else None, until)
    world = found.world.model_copy(update={"problems": found.problems})
    if not world.accounts:
        raise DailyDoctorError("Nothing could be read. " + " ".join(found.problems))
    moment = datetime.now(UTC)
    saved = Saved(world, f"{moment:%Y-%m-%d %H:%M} UTC", run, attempt)
    incomplete = any(gap.why in STOPPED for gap in world.unseen)
    if incomplete and attempt < ATTEMPTS:
        store.write(PARTIAL, saved)
        raise DailyDoctorError(
            f"Attempt {attempt} of {ATTEMPTS} is out of time; what it has read is saved. "
            "Lambda's next attempt reads the rest, if the function was invoked by its schedule "
            "or with --invocation-type Event."
        )
    now = survey(world, regions=settings.regions or None)
    name = f"{moment:%Y/%m/%d/%H%M%S}"
    store.write(f"snapshots/{name}.json.gz", saved)
    store.write_page(f"reports/{name}.html", render(now, "html"))
    _notify(settings, store, saved, now, name)
    # Only now, so that an attempt that fails before repeats the notification instead of losing it.
    store.write(LATEST, saved)
    store.delete(PARTIAL)
    return {
        "doctor_blind": now.counts["blind"],
        "doctor_unknown": now.counts["unknown"],
        "doctor_incomplete": int(incomplete),
    }


def _partial(store: Store, run: str) -> Saved | None:
    """What an earlier attempt of this run has read."""
    try:
        saved = store.read(PARTIAL)
    except SnapshotError:  # then it is read again
        return None
    return saved if saved is not None and saved.run == run else None


def _discover(settings: Settings, partial: World | None, until: float) -> Discovery:
    """Reads this account, and the accounts of the settings."""
    from trailforward.doctor.discover import Reader, TimeLimit

    reader = Reader(limit=TimeLimit(until), external_id=settings.external_id)
    own = reader.call("sts", "GetCallerIdentity")["Account"]
    return discover(
        accounts=[own, *settings.accounts],
        role=settings.role or DEFAULT_ROLE,
        whole_organization=settings.whole_organization,
        regions=settings.regions,
        destinations=settings.destinations,
        reader=reader,
        resume=partial,
    )


def _notify(settings: Settings, store: Store, saved: Saved, now: Survey, name: str) -> None:
    """Notifies the topic, if something changed or there is nothing to compare with."""
    found: Changes | None = None
    before, why_first = "", ""
    try:
        if (last := store.read(LATEST)) is not None:
            before = last.taken
            earlier = last.world.model_copy(update={"destinations": saved.world.destinations})
            was = survey(earlier, regions=settings.regions or None)
            found = compare(earlier, saved.world, was, now)
    except SnapshotError as error:
        why_first = f"the snapshot of the day before cannot be used ({error})."
    if found is not None and not found:
        return
    message = write_message(
        settings.stack,
        now,
        found,
        taken=saved.taken,
        before=before,
        why_first=why_first,
        problems=saved.world.problems,
        places=(
            f"Report: s3://{settings.bucket}/reports/{name}.html",
            f"Snapshot: s3://{settings.bucket}/snapshots/{name}.json.gz",
        ),
    )
    print(json.dumps({"level": "INFO", "message": message.subject, "changes": message.text}))  # noqa: T201
    if settings.topic:
        from trailforward.aws.session import make_client

        topic = make_client("sns", settings.topic.split(":")[3], **_TIMEOUTS)  # type: ignore[arg-type]
        topic.publish(TopicArn=settings.topic, Subject=message.subject, Message=message.text)


def _publish(stack: str, **counts: int) -> None:
    """Publishes metrics as a log line in CloudWatch's embedded metric format."""
    metrics = [{"Name": name, "Unit": "Count"} for name in counts]
    directive = {"Namespace": "trailforward", "Dimensions": [["service"]], "Metrics": metrics}
    line = {
        "_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]},
        "service": stack,
        **counts,
    }
    print(json.dumps(line), flush=True)  # noqa: T201  # CloudWatch reads standard output
