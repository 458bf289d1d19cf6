"""A configuration: what it may contain, where it may be stored, and what the pipeline gets from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.aws import Reader, unique
from trailforward import Config, ConfigError, sinks
from trailforward.config import PipelineSettings, RetrySettings
from trailforward.config.options import PipelineOptions, RetryOptions
from trailforward.pipeline.backoff import Backoff
from trailforward.pipeline.routing import build_routes
from trailforward.settings import fields
from trailforward.sinks.firehose import FirehoseSettings
from trailforward.sinks.http.auth import BearerAuth
from trailforward.sinks.http.settings import HttpSettings
from trailforward.sinks.kinesis import KinesisSettings

if TYPE_CHECKING:
    from pathlib import Path

KINESIS = "arn:aws:kinesis:us-west-2:111122223333:stream/cloudsec"
QUEUE = "arn:aws:sqs:us-west-2:111122223333:dead"
MINIMAL = '[sinks.out]\nto = "stdout:"\n'

FULL = f"""
dead_letter = "{QUEUE}"
retry_queue = "arn:aws:sqs:us-west-2:111122223333:retry"
own_arns = ["arn:aws:iam::111122223333:role/trailforward"]
deadline_margin_seconds = 3

[retry]
max_attempts = 3
initial_seconds = 0
max_seconds = 1.5

[sinks.lake]
to = "{KINESIS}"
partition_key = "recipientAccountId"
limits = {{ max_entry_bytes = 5_000_000 }}

[sinks.firehose]
to = "arn:aws-us-gov:firehose:us-gov-west-1:111122223333:deliverystream/lake"

[sinks.people]
to = "arn:aws-cn:sns:cn-north-1:111122223333:alerts"
format = "text"

[sinks.queue]
to = "arn:aws:sqs:eu-west-1:111122223333:events.fifo"
format = "record"

[sinks.siem]
to = "https://siem.example.com/in"
batch = "ndjson"
gzip = true
headers = {{ X-Tenant = "blue" }}
auth = {{ type = "bearer", secret = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:siem-AbCdEf" }}

[sinks.here]
to = "http://localhost:8080/in"
batch = "single"
format = "text"

[sinks.copy]
to = "file:/tmp/events.ndjson"

[[routes]]
name = "everything"
sinks = ["lake", "firehose", "queue", "siem", "here", "copy"]

[[routes]]
name = "root"
sinks = ["people"]
pattern = {{ detail = {{ userIdentity = {{ type = ["Root"] }} }} }}

[[routes]]
name = "iam"
sinks = ["people"]
pattern = '{{"source": ["aws.iam"]}}'
"""


def test_destinations_alone_are_a_whole_configuration() -> None:
    """Each destination becomes a sink named after its resource or host, and every event goes to all sinks."""
    config = Config.to(KINESIS, "https://siem.example.com:8443/in?x=1", "file:/tmp/a b.ndjson", "stdout:")
    assert list(config.sinks) == ["kinesis-cloudsec", "http-siem.example.com", "file-a-b.ndjson", "stdout"]
    (route,) = build_routes(config)
    assert (route.name, route.sinks, route.pattern) == ("all", tuple(config.sinks), None)


def test_similar_destinations_get_different_names() -> None:
    """Two streams with the same name in two Regions become two sinks with different names."""
    config = Config.to(KINESIS, KINESIS.replace("us-west-2", "eu-west-1"))
    assert list(config.sinks) == ["kinesis-cloudsec", "kinesis-cloudsec-2"]


def test_a_text_format_is_posted_one_by_one() -> None:
    """The format ``text`` works with an HTTP API, which then gets one event per request."""
    config = Config.to("https://siem.example.com/in", "stdout:", format="text")
    assert vars(config.sinks["http-siem.example.com"])["batch"] == "single"


def test_toml_says_everything() -> None:
    """Every key of ``trailforward.toml`` is in the settings of its sink, its route, or the pipeline."""
    config = Config.from_toml(FULL)
    lake, firehose, siem = (config.sinks[name] for name in ("lake", "firehose", "siem"))
    assert isinstance(lake, KinesisSettings)
    assert lake.partition_key == "recipientAccountId"
    assert lake.limits.max_entry_bytes == 5_000_000
    assert lake.arn.region == "us-west-2"
    assert isinstance(firehose, FirehoseSettings)
    assert firehose.resource_name == "lake"
    assert isinstance(siem, HttpSettings)
    assert isinstance(siem.auth, BearerAuth)
    assert config.pipeline.dead_letter == QUEUE
    assert config.pipeline.own_arns == ("arn:aws:iam::111122223333:role/trailforward",)
    assert config.pipeline.retry == RetrySettings(max_attempts=3, initial_seconds=0, max_seconds=1.5)
    assert Backoff.from_settings(config.pipeline.retry) == (3, 0, 1.5)
    event = {"source": "aws.iam", "detail": {"userIdentity": {"type": "IAMUser"}}}
    matches = {route.name: route.pattern and route.pattern.matches(event) for route in build_routes(config)}
    assert matches == {"everything": None, "root": False, "iam": True}


def test_without_routes_everything_goes_everywhere() -> None:
    """Without routes, every event goes to every sink."""
    config = Config.from_toml(MINIMAL + '[sinks.b]\nto = "file:x"\n')
    (route,) = config.routes
    assert (route.name, [target.sink for target in route.sinks]) == ("all", ["out", "b"])


def test_an_environment_with_destinations() -> None:
    """White space separates the destinations in ``TRAILFORWARD_TO``; other variables set top-level keys."""
    config = Config.from_env(
        {
            "TRAILFORWARD_TO": f" {KINESIS}\n stdout: ",
            "TRAILFORWARD_DEAD_LETTER": f" {QUEUE} ",
            "TRAILFORWARD_RETRY_QUEUE": "arn:aws:sqs:us-west-2:111122223333:retry",
            "TRAILFORWARD_OWN_ARNS": "arn:aws:iam::111122223333:role/a arn:aws:iam::111122223333:role/b",
            "TRAILFORWARD_CORPUS": "somebody else's",
        }
    )
    assert list(config.sinks) == ["kinesis-cloudsec", "stdout"]
    assert config.pipeline.dead_letter == QUEUE
    assert len(config.pipeline.own_arns) == 2


@pytest.mark.parametrize("text", [MINIMAL, "\ufeff" + MINIMAL, "sinks = { out = { to = 'stdout:' } }"])
def test_an_environment_with_toml_itself(text: str) -> None:
    """``TRAILFORWARD_CONFIG`` may contain the TOML itself."""
    assert list(Config.from_env({"TRAILFORWARD_CONFIG": text}).sinks) == ["out"]


@pytest.mark.parametrize("name", ["trailforward.toml", "a=b.toml"])
def test_an_environment_with_a_path(tmp_path: Path, name: str) -> None:
    """``TRAILFORWARD_CONFIG`` may name a file, with or without a byte order mark."""
    (tmp_path / name).write_text("\ufeff" + MINIMAL, encoding="utf-8")
    config = Config.from_env(
        {"TRAILFORWARD_CONFIG": str(tmp_path / name), "TRAILFORWARD_DEAD_LETTER": "file:dead"}
    )
    assert (list(config.sinks), config.pipeline.dead_letter) == (["out"], "file:dead")


def test_an_environment_may_repeat_what_the_toml_says() -> None:
    """A variable may repeat the value that the TOML has."""
    text = f'dead_letter = "{QUEUE}"\n{MINIMAL}'
    config = Config.from_env({"TRAILFORWARD_CONFIG": text, "TRAILFORWARD_DEAD_LETTER": QUEUE})
    assert config.pipeline.dead_letter == QUEUE


@pytest.mark.parametrize("by_arn", [False, True])
def test_an_environment_with_a_parameter(local_aws: Reader, *, by_arn: bool) -> None:
    """``ssm:NAME`` is read and decrypted in the function's Region, ``ssm:ARN`` in the Region of the ARN."""
    name = "/" + unique("config")
    local_aws("ssm").put_parameter(Name=name, Value=MINIMAL, Type="SecureString")
    where = f"arn:aws:ssm:{local_aws.region}:123456789012:parameter{name}" if by_arn else name
    region = "eu-north-1" if by_arn else local_aws.region
    config = Config.from_env({"TRAILFORWARD_CONFIG": f"ssm:{where}", "AWS_REGION": region})
    assert list(config.sinks) == ["out"]


def test_an_environment_with_an_object(local_aws: Reader) -> None:
    """``s3://BUCKET/KEY`` is read; an object that is not UTF-8 text is an error."""
    bucket = unique("config")
    place = {"LocationConstraint": local_aws.region}
    local_aws("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration=place)
    local_aws("s3").put_object(Bucket=bucket, Key="a/b.toml", Body=b"\xef\xbb\xbf" + MINIMAL.encode())
    local_aws("s3").put_object(Bucket=bucket, Key="binary", Body=b"\xff\xfe")
    environ = {"TRAILFORWARD_CONFIG": f"s3://{bucket}/a/b.toml", "AWS_DEFAULT_REGION": local_aws.region}
    assert list(Config.from_env(environ).sinks) == ["out"]
    with pytest.raises(ConfigError, match="not UTF-8 text"):
        Config.from_env({**environ, "TRAILFORWARD_CONFIG": f"s3://{bucket}/binary"})


@pytest.mark.parametrize(
    ("where", "text"),
    [
        (
            "ssm:/absent",
            r"cannot read ssm:/absent: ParameterNotFound.*exists in us-east-1, and grant ssm:GetParameter",
        ),
        ("s3://absent-bucket/key", "cannot read s3://absent-bucket/key: NoSuchBucket.*grant s3:GetObject"),
    ],
)
def test_a_configuration_that_does_not_exist(local_aws: Reader, where: str, text: str) -> None:
    """The error names the place, the error code from AWS, and the permission to grant."""
    assert local_aws is not None
    with pytest.raises(ConfigError, match=text):
        Config.from_env({"TRAILFORWARD_CONFIG": where})


@pytest.mark.parametrize(
    ("destination", "calls"),
    [
        ("arn:aws:kinesis:eu-west-1:111122223333:stream/events", 2),
        ("arn:aws:sqs:eu-west-1:111122223333:events", 2),
        ("arn:aws:sqs:eu-west-1:111122223333:events.fifo", 1),
        ("arn:aws:sns:eu-west-1:111122223333:events.fifo", 1),
        ("https://siem.example.com/in", 2),
    ],
)
def test_calls_at_once_are_a_setting(destination: str, calls: int) -> None:
    """`limits.max_concurrency` limits the calls in flight; FIFO destinations always have one."""
    config = Config.from_toml(f'[sinks.a]\nto = "{destination}"\nlimits.max_concurrency = 2\n')
    made = sinks.make(config.sinks["a"])
    assert made.limits.max_concurrency == calls


def test_the_typed_arguments_are_the_top_level_keys() -> None:
    """The keyword arguments of ``Config.to`` that type checkers know are exactly the top-level keys."""
    assert set(PipelineOptions.__annotations__) == set(fields(PipelineSettings))
    assert set(RetryOptions.__annotations__) == set(fields(RetrySettings))
