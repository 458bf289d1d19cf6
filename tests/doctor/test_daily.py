from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from tests.doctor.daily import BUCKET, DailyAws
from tests.doctor.planted import HOME, NAME, PlantedWorld
from tests.support.moto_process import moto_process
from trailforward.doctor import World
from trailforward.doctor.daily.settings import DailyDoctorError
from trailforward.doctor.daily.store import LATEST, PARTIAL
from trailforward.doctor.discover import reader as reading
from trailforward.doctor.discover.reader import AwsCallError

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def _aws() -> Iterator[DailyAws]:
    with moto_process() as url, PlantedWorld((HOME,), {}, url) as planted, DailyAws(planted) as found:
        yield found


@pytest.fixture
def aws(_aws: DailyAws) -> Iterator[DailyAws]:
    """One Region of two accounts without faults, a bucket without objects, and a topic."""
    regions = {account: dict(known) for account, known in _aws.planted.aws.regions.items()}
    yield _aws
    _aws.planted.aws.reset(regions)
    _aws.clear()


def test_only_changes_are_notified(aws: DailyAws) -> None:
    """The first run says that it is the first; a run notifies what changed, and then no more."""
    first = aws.run()
    assert (first["doctor_completed"], first["doctor_incomplete"], first["doctor_unknown"]) == (1, 0, 0)
    (message,) = aws.messages()
    assert "This is the first run" in message.text
    rules = aws.planted.client("events")
    rules.disable_rule(Name=f"{NAME}-regional")
    try:
        second = aws.run()
        aws.run()
    finally:
        rules.enable_rule(Name=f"{NAME}-regional")
    assert second["doctor_blind"] > first["doctor_blind"]
    (message,) = aws.messages()
    assert message.subject == f"trailforward doctor {NAME}: {HOME} became blind"
    assert f"{HOME} of account 123456789012: became blind." in message.text
    assert "Fix: Enable the rule." in message.text
    assert "BETTER" not in message.text
    keys = aws.objects()
    assert LATEST in keys
    assert PARTIAL not in keys
    (page,) = [key for key in keys if key in message.text and key.endswith(".html")]
    assert b"<html" in aws.s3.get_object(Bucket=BUCKET, Key=page)["Body"].read()


def test_a_run_out_of_time_is_continued(aws: DailyAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run saves what it has read and fails, and Lambda's next attempt reads only the rest."""
    requests = aws.planted.aws.requests

    def listed() -> int:
        return sum(one.operation == "ListRules" for one in requests)

    def end_early() -> None:
        """Lets the time be over as soon as the rules of the first bus were listed."""
        requests.clear()
        monkeypatch.setattr(reading, "monotonic", lambda: float("inf") if listed() else 0.0)

    end_early()
    with pytest.raises(DailyDoctorError, match="out of time"):
        aws.run()
    assert aws.metrics == {"doctor_completed": 0}
    assert aws.objects() == [PARTIAL]
    assert list(aws.messages()) == []
    part = aws.s3.get_object(Bucket=BUCKET, Key=PARTIAL)["Body"].read()
    assert {gap.why for gap in World.from_json(gzip.decompress(part)).unseen} == {"the time was over"}
    monkeypatch.undo()
    whole = aws.run()
    assert (whole["doctor_incomplete"], whole["doctor_unknown"]) == (0, 0)
    assert PARTIAL not in aws.objects()
    list(aws.messages())
    # The last attempt reports what is there.
    marks = {"run": "run", "attempt": "2"}
    aws.s3.put_object(Bucket=BUCKET, Key=PARTIAL, Body=part, Metadata=marks)
    end_early()
    last = aws.run()
    assert (last["doctor_completed"], last["doctor_incomplete"]) == (1, 1)
    assert last["doctor_unknown"] > 0
    (message,) = aws.messages()
    assert "Stopped, because the time was over" in message.text
    assert "(before: covered)" in message.text
    assert "recovered" not in message.text


def test_a_run_that_reads_nothing_fails(aws: DailyAws) -> None:
    """Without access, the run fails, publishes so, and leaves the last snapshot as it is."""
    aws.planted.aws.refuse("AccessDenied", service="sts", operation="GetCallerIdentity")
    with pytest.raises(AwsCallError):
        aws.run()
    assert aws.metrics == {"doctor_completed": 0}
    assert aws.objects() == []


def test_a_damaged_snapshot_and_a_rejected_notification(aws: DailyAws) -> None:
    """A snapshot that cannot be read is said; a notification that the topic rejects is repeated."""
    aws.s3.put_object(Bucket=BUCKET, Key=LATEST, Body=b"not gzip")
    topic = aws.environment["TRAILFORWARD_DOCTOR_TOPIC"]
    aws.environment["TRAILFORWARD_DOCTOR_TOPIC"] = f"{topic}-of-nobody"
    with pytest.raises(Exception, match="NotFound"):
        aws.run()
    assert aws.metrics == {"doctor_completed": 0}
    aws.environment["TRAILFORWARD_DOCTOR_TOPIC"] = topic
    assert aws.run()["doctor_completed"] == 1
    (message,) = aws.messages()
    assert "Nothing to compare with: the snapshot of the day before cannot be used" in message.text
