"""A local world with planted faults: a member account with a rule per Region, and a hub.

Built on moto with ordinary AWS calls, so the doctor has to find everything itself.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

from tests.support.aws_with_gaps_filled import OWN, FilledAws
from trailforward.demo.local_aws import LocalServer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MEMBER, HUB = OWN, "111122223333"
HOME = "us-east-1"
NAME = "trailforward"
LONG = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
BUS = f"arn:aws:events:{HOME}:{HUB}:event-bus/{NAME}"
QUEUE = f"arn:aws:sqs:{HOME}:{HUB}:{NAME}-events"
AUDIT = f"arn:aws:iam::{HUB}:role/audit"
#: All Regions that are enabled by default.
REGIONS = (
    HOME, "us-east-2", "us-west-1", "us-west-2", "ca-central-1", "sa-east-1",
    "eu-central-1", "eu-west-1", "eu-west-2", "eu-west-3", "eu-north-1",
    "ap-south-1", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-southeast-1", "ap-southeast-2",
)  # fmt: skip
PATTERN: dict[str, Any] = {"source": [{"prefix": "aws."}], "detail-type": [{"suffix": " via CloudTrail"}]}

#: Region to the finding code of its fault.
FAULTS = {
    "eu-north-1": "NO_RULE",
    "sa-east-1": "RULE_DISABLED",
    "ca-central-1": "PATTERN_MISMATCH",
    "ap-south-1": "ROLE_TRUST",
    "eu-west-3": "ROLE_POLICY",
    "ap-northeast-3": "BUS_TARGET_NO_ROLE",
    "us-west-1": "TARGET_CROSS_REGION_UNSUPPORTED",
}


class PlantedWorld:
    """A context manager that runs moto with two accounts; ``aws`` is the server that clients connect to.

    Args:
        regions: the Regions of both accounts.
        faults: Region to code; see :data:`FAULTS`.
        moto: URL of a running moto server; by default, a new one is started.
    """

    def __init__(
        self, regions: Sequence[str] = REGIONS, faults: Mapping[str, str] = FAULTS, moto: str | None = None
    ) -> None:
        self.regions = regions
        self.faults = faults
        self._moto = moto
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        moto = self._moto or self._stack.enter_context(LocalServer()).url
        self.aws = self._stack.enter_context(FilledAws(moto))
        for account in (MEMBER, HUB):
            self.aws.regions[account] = dict.fromkeys(self.regions, "ENABLED_BY_DEFAULT")
        self._build()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def environment(self) -> dict[str, str]:
        """Environment variables that make AWS clients connect to it."""
        return {
            "AWS_ENDPOINT_URL": self.aws.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": HOME,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }

    def client(self, service: str, region: str = HOME, account: str = MEMBER) -> Any:
        """A client with the credentials of one account."""
        return self._stack.enter_context(
            _Closing(self._session(account), service, region, self.aws.url)
        ).client

    def _session(self, account: str) -> Any:
        from boto3.session import Session

        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        if account != MEMBER:
            sts = Session(**keys).client("sts", region_name=HOME, endpoint_url=self.aws.url)
            assumed = sts.assume_role(RoleArn=AUDIT, RoleSessionName="build")["Credentials"]
            sts.close()
            keys = {
                "aws_access_key_id": assumed["AccessKeyId"],
                "aws_secret_access_key": assumed["SecretAccessKey"],
                "aws_session_token": assumed["SessionToken"],
            }
        return Session(**keys)

    def _build(self) -> None:
        self._hub()
        self._trail()
        for kind in ("good", "ROLE_TRUST", "ROLE_POLICY"):
            self._role(kind)
        for region in self.regions:
            self._region(region, self.faults.get(region, ""))
        self.aws.requests.clear()

    def _hub(self) -> None:
        events, sqs = self.client("events", account=HUB), self.client("sqs", account=HUB)
        events.create_event_bus(Name=NAME)
        statement = {
            "Sid": "member", "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{MEMBER}:root"},
            "Action": "events:PutEvents", "Resource": BUS,
        }  # fmt: skip
        events.put_permission(EventBusName=NAME, Policy=_document(statement))
        for name in (f"{NAME}-events", f"{NAME}-dead"):
            queue = f"arn:aws:sqs:{HOME}:{HUB}:{name}"
            sqs.create_queue(QueueName=name, Attributes={"Policy": _lets_events_in(queue)})
        self._rule(
            events, "home", NAME, target={"Arn": QUEUE, "DeadLetterConfig": {"Arn": QUEUE[:-6] + "dead"}}
        )

    def _trail(self) -> None:
        trails = self.client("cloudtrail")
        self.client("s3").create_bucket(Bucket="trails-of-the-planted-world")
        trails.create_trail(
            Name="all", S3BucketName="trails-of-the-planted-world", IsMultiRegionTrail=True,
            IncludeGlobalServiceEvents=True,
        )  # fmt: skip
        chosen = {
            "management": [("eventCategory", "Management")],
            "data": [("eventCategory", "Data"), ("resources.type", "AWS::S3::Object")],
            "network": [
                ("eventCategory", "NetworkActivity"),
                ("eventSource", "secretsmanager.amazonaws.com"),
            ],
        }
        selectors = [
            {"Name": name, "FieldSelectors": [{"Field": key, "Equals": [text]} for key, text in fields]}
            for name, fields in chosen.items()
        ]
        trails.put_event_selectors(TrailName="all", AdvancedEventSelectors=selectors)
        trails.put_insight_selectors(
            TrailName="all", InsightSelectors=[{"InsightType": "ApiCallRateInsight"}]
        )
        trails.start_logging(Name="all")

    def _role(self, kind: str) -> None:
        iam = self.client("iam")
        service = "lambda.amazonaws.com" if kind == "ROLE_TRUST" else "events.amazonaws.com"
        allowed = BUS.replace(NAME, "another") if kind == "ROLE_POLICY" else BUS
        trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        send = {"Effect": "Allow", "Action": "events:PutEvents", "Resource": allowed}
        iam.create_role(RoleName=f"{NAME}-{kind}", AssumeRolePolicyDocument=_document(trust))
        iam.put_role_policy(RoleName=f"{NAME}-{kind}", PolicyName="send", PolicyDocument=_document(send))

    def _region(self, region: str, fault: str) -> None:
        dead = f"arn:aws:sqs:{region}:{MEMBER}:{NAME}-dead"
        self.client("sqs", region).create_queue(
            QueueName=f"{NAME}-dead", Attributes={"Policy": _lets_events_in(dead)}
        )
        if fault == "NO_RULE":
            return
        kind = fault if fault.startswith("ROLE_") else "good"
        target: dict[str, Any] = {"Arn": BUS, "DeadLetterConfig": {"Arn": dead}}
        if fault == "TARGET_CROSS_REGION_UNSUPPORTED":
            target["Arn"] = QUEUE
        if fault != "BUS_TARGET_NO_ROLE":
            target["RoleArn"] = f"arn:aws:iam::{MEMBER}:role/{NAME}-{kind}"
        # As if a rule was copied from another account.
        pattern = {**PATTERN, "account": [HUB]} if fault == "PATTERN_MISMATCH" else PATTERN
        events = self.client("events", region)
        self._rule(events, "regional", "default", target=target, pattern=pattern)
        if fault == "RULE_DISABLED":
            events.disable_rule(Name=f"{NAME}-regional")

    def _rule(
        self, events: Any, name: str, bus: str, *, target: Mapping[str, Any], pattern: Any = PATTERN
    ) -> None:
        rule = f"{NAME}-{name}"
        events.put_rule(Name=rule, EventBusName=bus, State=LONG, EventPattern=json.dumps(pattern))
        events.put_targets(Rule=rule, EventBusName=bus, Targets=[{"Id": "forwarder", **target}])


class _Closing:
    """Closes a client at the end."""

    def __init__(self, session: Any, service: str, region: str, url: str) -> None:
        self.client = session.client(service, region_name=region, endpoint_url=url)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.client.close()


def _lets_events_in(queue: str) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue,
    }
    return _document(statement)


def _document(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
