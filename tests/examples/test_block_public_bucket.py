"""Tests of examples/block-public-bucket with a local S3 over HTTP."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.examples.remediation import EXAMPLES, NOTHING, Loaded, outcomes
from tests.sam.cfn import ACCOUNT, REGION, Refused, Stack, parse
from tests.support.aws import unique
from trailforward import Pattern
from trailforward.testing import as_sqs, assumed_role, cloudtrail_event

if TYPE_CHECKING:
    from tests.support.aws import Reader

NAME = "block-public-bucket"
TEMPLATE = parse((EXAMPLES / NAME / "template.yaml").read_text())
ALL_ON = dict.fromkeys(
    ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
)
SETTINGS = "detail.requestParameters.PublicAccessBlockConfiguration"


class Bucket:
    """A private bucket of the local AWS."""

    def __init__(self, aws: Reader) -> None:
        self._s3, self.region = aws("s3"), aws.region
        self.name = unique("bucket")
        location = {"LocationConstraint": aws.region}
        self._s3.create_bucket(Bucket=self.name, CreateBucketConfiguration=location)

    def allow(self, principal: Any = "*") -> None:
        """Gives it a policy that lets somebody read, everybody by default."""
        resource = f"arn:aws:s3:::{self.name}/*"
        statement = {
            "Effect": "Allow",
            "Principal": principal,
            "Action": "s3:GetObject",
            "Resource": resource,
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self._s3.put_bucket_policy(Bucket=self.name, Policy=policy)

    def acl(self, name: str) -> None:
        """Sets its ACL."""
        self._s3.put_bucket_acl(Bucket=self.name, ACL=name)

    def block(self, **settings: bool) -> None:
        """Sets its public access block."""
        self._s3.put_public_access_block(Bucket=self.name, PublicAccessBlockConfiguration=settings)

    def delete(self) -> None:
        """Deletes it."""
        self._s3.delete_bucket(Bucket=self.name)

    def blocked(self) -> dict[str, bool]:
        """Its public access block; empty if it has none."""
        try:
            response = self._s3.get_public_access_block(Bucket=self.name)
        except ClientError:
            return {}
        found: dict[str, bool] = response["PublicAccessBlockConfiguration"]
        return found

    def state(self) -> dict[str, Any]:
        """Everything about access to it."""
        try:
            policy = self._s3.get_bucket_policy(Bucket=self.name)["Policy"]
        except ClientError:
            policy = None
        grants = self._s3.get_bucket_acl(Bucket=self.name)["Grants"]
        return {"block": self.blocked(), "policy": policy, "grants": grants}

    def event(self, name: str = "PutBucketPolicy", **more: Any) -> Any:
        """Returns the event of a call on this bucket."""
        made = cloudtrail_event(name, region=self.region, service="s3", **more)
        return made.with_changes({"detail.requestParameters": {"bucketName": self.name}})


@pytest.fixture
def bucket(local_aws: Reader, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """A bucket in the function's Region."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", local_aws.region)
    return Bucket(local_aws)


def make_public(bucket: Bucket, way: str) -> None:
    """Makes a bucket public in one of the ways."""
    match way:
        case "policy":
            bucket.allow()
        case "policy for every account":
            bucket.allow({"AWS": "*"})
        case "partial block":
            bucket.allow()
            bucket.block(BlockPublicAcls=True, IgnorePublicAcls=True)
        case acl:
            bucket.acl(acl)


WAYS = [
    "policy",
    "policy for every account",
    "partial block",
    "public-read",
    "public-read-write",
    "authenticated-read",
]


@pytest.mark.parametrize("way", WAYS)
def test_a_public_bucket_is_blocked(
    way: str, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """All four settings are on, policy and ACL stay, and a repeat changes nothing."""
    function = Loaded(NAME, monkeypatch, DRY_RUN="false")
    make_public(bucket, way)
    before = bucket.state()
    event = bucket.event(user="rosa")
    assert function.app.handler(as_sqs(event, event), None) == NOTHING
    assert bucket.state() == before | {"block": ALL_ON}
    assert function.changes == ["PutPublicAccessBlock"]
    assert outcomes(caplog, "bucket") == ["blocked", "already blocked"]
    record = next(record for record in caplog.records if hasattr(record, "bucket"))
    assert (record.actor, record.event_id) == ("rosa", event["detail"]["eventID"])  # type: ignore[attr-defined]


@pytest.mark.parametrize("environ", [{}, {"DRY_RUN": "true"}, {"DRY_RUN": "no"}, {"DRY_RUN": ""}], ids=str)
@pytest.mark.parametrize("way", WAYS)
def test_a_dry_run_changes_nothing(
    way: str,
    environ: dict[str, str],
    bucket: Bucket,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Unless DRY_RUN is "false", the function makes no call but reads, and the bucket's state is the same."""
    function = Loaded(NAME, monkeypatch, **environ)
    make_public(bucket, way)
    before = bucket.state()
    assert function.app.handler(as_sqs(bucket.event()), None) == NOTHING
    assert bucket.state() == before
    assert function.called
    assert function.changes == []
    assert outcomes(caplog, "bucket") == ["would block"]


@pytest.mark.parametrize("way", ["nothing", "policy for an account", "policy, restricted", "ACL, ignored"])
def test_a_bucket_that_is_not_public_stays(
    way: str, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A bucket without public access, or whose block covers it, is left alone."""
    function = Loaded(NAME, monkeypatch, DRY_RUN="false")
    if way == "policy for an account":
        bucket.allow({"AWS": "arn:aws:iam::111122223333:root"})
    elif way == "policy, restricted":
        bucket.allow()
        bucket.block(RestrictPublicBuckets=True)
    elif way == "ACL, ignored":
        bucket.acl("public-read")
        bucket.block(IgnorePublicAcls=True)
    before = bucket.state()
    assert function.app.handler(as_sqs(bucket.event()), None) == NOTHING
    assert bucket.state() == before
    assert function.changes == []
    assert outcomes(caplog, "bucket") == ["not public"]


def test_a_bucket_that_may_be_public_stays(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bucket in MAY_BE_PUBLIC stays public."""
    function = Loaded(NAME, monkeypatch, DRY_RUN="false", MAY_BE_PUBLIC=f"other, {bucket.name}")
    bucket.allow()
    assert function.app.handler(as_sqs(bucket.event()), None) == NOTHING
    assert bucket.blocked() == {}
    assert function.called == []


def test_a_deleted_bucket_counts_as_success(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """If the bucket no longer exists, there is nothing to block."""
    function = Loaded(NAME, monkeypatch, DRY_RUN="false")
    bucket.delete()
    assert function.app.handler(as_sqs(bucket.event()), None) == NOTHING
    assert outcomes(caplog, "bucket") == ["already gone"]


@pytest.mark.parametrize(
    "changes",
    [
        {"detail.eventName": "GetBucketPolicy"},
        {"detail.eventName": "PutObject"},
        {"detail.eventSource": "ec2.amazonaws.com"},
        {"detail.errorCode": "AccessDenied"},
    ],
    ids=["read", "object", "other service", "refused"],
)
def test_all_other_events_are_ignored(
    changes: dict[str, Any], bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other calls and failed calls cause no call."""
    function = Loaded(NAME, monkeypatch, DRY_RUN="false")
    bucket.allow()
    assert function.app.handler(as_sqs(bucket.event().with_changes(changes)), None) == NOTHING
    assert function.called == []


def test_only_failed_messages_are_returned(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """An invalid body and a request without a bucket fail alone; their neighbor is handled."""
    function = Loaded(NAME, monkeypatch, DRY_RUN="false")
    bucket.allow()
    silent = bucket.event().with_changes({"detail.requestParameters": None})
    payload = as_sqs("no event", silent, bucket.event())
    ids = [record["messageId"] for record in payload["Records"]]
    response = function.app.handler(payload, None)
    assert response == {"batchItemFailures": [{"itemIdentifier": ident} for ident in ids[:2]]}
    assert bucket.blocked() == ALL_ON


@pytest.fixture
def pattern() -> Pattern:
    """The pattern of the template's rule."""
    return Pattern(Stack(TEMPLATE).properties("Rule")["EventPattern"])


def call(name: str, **changes: Any) -> Any:
    """The event of an S3 call by the function's own role, in the stack's account and Region."""
    made = cloudtrail_event(
        name,
        service="s3",
        account=ACCOUNT,
        region=REGION,
        user=assumed_role("block-public-bucket-FunctionRole", "session"),
    )
    return made.with_changes({"detail.requestParameters": {"bucketName": "b"}, **changes})


def test_its_own_calls_do_not_trigger_it(
    pattern: Pattern, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rule matches none of the calls that the function makes, as CloudTrail names them."""
    function = Loaded(NAME, monkeypatch, DRY_RUN="false")
    bucket.allow()
    function.app.handler(as_sqs(bucket.event()), None)
    assert function.changes == ["PutPublicAccessBlock"]
    own = call("PutBucketPublicAccessBlock", **{SETTINGS: bucket.blocked()})
    assert not pattern.matches(own)
    for name in function.called:
        recorded = name.replace("PublicAccessBlock", "BucketPublicAccessBlock")
        if recorded != "PutBucketPublicAccessBlock":
            assert not pattern.matches(call(recorded)), recorded


@pytest.mark.parametrize("setting", ALL_ON)
def test_the_rule_matches_a_block_with_a_gap(setting: str, pattern: Pattern) -> None:
    """A block with one setting off or left out matches, also by the function's own role."""
    off = call("PutBucketPublicAccessBlock", **{SETTINGS: {**ALL_ON, setting: False}})
    rest = {name: value for name, value in ALL_ON.items() if name != setting}
    assert pattern.matches(off)
    assert pattern.matches(call("PutBucketPublicAccessBlock", **{SETTINGS: rest}))


def test_the_rule_matches_what_the_function_handles(
    pattern: Pattern, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every call that the function handles matches, if it succeeded in this account and Region."""
    for name in Loaded(NAME, monkeypatch).app.CALLS:
        event = call(name)
        assert pattern.matches(event), name
        for changes in [
            {"detail.errorCode": "AccessDenied"},
            {"account": "123456789012"},
            {"region": "us-east-1"},
        ]:
            assert not pattern.matches(event.with_changes(changes)), (name, changes)


def test_the_role_may_block_and_little_else() -> None:
    """The role may read access to the buckets of this account, and set their blocks."""
    (policy,) = Stack(TEMPLATE).properties("FunctionRole")["Policies"]
    by_sid = {statement["Sid"]: statement for statement in policy["PolicyDocument"]["Statement"]}
    assert set(by_sid) == {"Block", "Source", "Logs"}
    assert [name for name in by_sid["Block"]["Action"] if not name.startswith("s3:Get")] == [
        "s3:PutBucketPublicAccessBlock"
    ]
    assert by_sid["Block"]["Condition"] == {"StringEquals": {"aws:ResourceAccount": ACCOUNT}}


def test_the_template_is_a_dry_run_by_default() -> None:
    """By default the function changes nothing, and failures are reported per message."""
    stack = Stack(TEMPLATE)
    variables = stack.properties("Blocker")["Environment"]["Variables"]
    assert variables == {"DRY_RUN": "true", "MAY_BE_PUBLIC": ""}
    assert stack.properties("EventsToFunction")["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert Stack(TEMPLATE, MayBePublic="www.example.com,other").present
    for wrong in ({"MayBePublic": "a, b"}, {"DryRun": "no"}):
        with pytest.raises(Refused):
            Stack(TEMPLATE, **wrong)
