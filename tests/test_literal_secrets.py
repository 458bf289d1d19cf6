"""A configuration with a secret in it is refused, wherever the secret is."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trailforward.config import Config
from trailforward.config.lint import lint
from trailforward.errors import ConfigError

KEY_ID = "AKIA" + "IOSFODNN7EXAMPLE"
SLACK = "xoxb-" + "1234567890-hunter2hunter2"
UUID = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"
HEX = "0123456789abcdef" * 2
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2ln"
REFERENCE = "arn:aws:secretsmanager:"
STORED = f"{REFERENCE}eu-west-1:111122223333:secret:x"


def problems(text: str) -> list[str]:
    """The problems of a configuration."""
    with pytest.raises(ConfigError) as caught:
        Config.from_toml(text)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("url", "fix"),
    [
        ("https://hooks.slack.com/services/T0/B0/hunter2", 'preset = "slack"'),
        ("https://HOOKS.slack.com/%73ervices/T0/B0/hunter2", 'preset = "slack"'),
        ("https://hooks.slack.com/workflows/T0/hunter2", 'preset = "slack"'),
        ("https://endpoint4.collection.sumologic.com/receiver/v1/http/hunter2==", 'preset = "sumo"'),
        ("https://x.webhook.office.com/webhookb2/hunter2/IncomingWebhook/1", 'type = "url"'),
        ("https://discord.com/api/webhooks/1/hunter2", 'type = "url"'),
        ("https://events.pagerduty.com/integration/hunter2/enqueue", 'type = "url"'),
        ("https://x.example.com/in?sig=hunter2", 'type = "url"'),
        ("https://x.example.com/in?a=1&api_key=hunter2", 'type = "url"'),
        ("https://x.example.com/in?a=1;Api-Key=hunter2", 'type = "url"'),
        ("https://x.example.com/in?token=hunter2", 'type = "url"'),
        ("https://x.example.com/in?to%6ben=hunter2", 'type = "url"'),
        ("https://x.azurewebsites.net/api/f?code=hunter2", 'type = "url"'),
        ("https://x.example.com/in?X-Amz-Signature=hunter2", 'type = "url"'),
        ("https://x.example.com/in?client_secret=hunter2", 'type = "url"'),
        (f"https://x.example.com/in?a={SLACK}", 'type = "url"'),
        (f"https://x.example.com/{SLACK}/in", 'type = "url"'),
    ],
)
def test_a_url_with_a_secret_is_refused(url: str, fix: str) -> None:
    """The error names the spelling by reference, and never the secret; also in TRAILFORWARD_TO."""
    (problem,) = problems(f'[sinks.s]\nto = "{url}"\n')
    assert fix in problem
    assert REFERENCE in problem
    assert "hunter2" not in problem
    with pytest.raises(ConfigError) as caught:
        Config.from_env({"TRAILFORWARD_TO": f"stdout: {url}"})
    assert "TRAILFORWARD_TO, destination 2" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_user_name_in_a_url_is_refused_without_repeating_it() -> None:
    """A URL with a user name and password names basic authentication."""
    (problem,) = problems('[sinks.s]\nto = "https://rosa:hunter2@x.example.com/in"\n')
    assert 'type = "basic"' in problem
    assert "hunter2" not in problem


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Tenant", KEY_ID),
        ("X-Team", SLACK),
        ("X-Splunk", UUID),
        ("X-Splunk", f"Splunk {UUID}"),
        ("X-Datadog", HEX),
        ("X-Datadog", f"{HEX}01234567"),
        ("X-Datadog", f"pub{HEX}"),
        ("X-Any", f"Bearer {JWT}"),
        ("X-Any", "Basic aHVudGVyMjpodW50ZXIy"),
        ("DD-API-KEY", "hunter2"),
        ("X-Auth-Token", "hunter2"),
        ("X-Honeycomb-Team", "hunter2"),
        ("X-Vault-Token", "hunter2"),
        ("Ocp-Apim-Subscription-Key", "hunter2"),
    ],
)
def test_a_header_with_a_secret_is_refused(name: str, value: str) -> None:
    """A secret is recognized by the name of its header, or by its shape under any name."""
    (problem,) = problems(f'[sinks.s]\nto = "https://x.example.com"\nheaders = {{ {name} = "{value}" }}\n')
    assert f'auth = {{ type = "header", name = "{name}", secret = "{REFERENCE}' in problem
    assert value not in problem


@pytest.mark.parametrize(
    "line",
    [
        f'preset = "splunk-hec"\nsecret = "{STORED}"\nmetadata = {{ host = "@" }}',
        f'auth = {{ type = "header", name = "X-K", prefix = "@ ", secret = "{STORED}" }}',
        f'auth = {{ type = "basic", username = "@", secret = "{STORED}" }}',
        'secret = "@"\npreset = "datadog"',
    ],
)
@pytest.mark.parametrize("value", [KEY_ID, SLACK])
def test_a_secret_in_any_other_setting_is_refused(line: str, value: str) -> None:
    """Metadata, prefixes, user names, and misplaced secrets are checked too."""
    (problem,) = problems(f'[sinks.s]\nto = "https://x.example.com"\n{line.replace("@", value)}\n')
    assert "arn:aws:secretsmanager" in problem
    assert value not in problem


@pytest.mark.parametrize(
    "line",
    [
        'to = "https://x.example.com/in?pipeline=trail&topic=a,b&version=1"',
        'to = "https://x.example.com/services/collector/event"',
        f'to = "https://x.example.com/in"\nheaders = {{ X-Splunk-Request-Channel = "{UUID}" }}',
        f'to = "https://x.example.com/in"\nheaders = {{ X-Tenant-Id = "{UUID}", X-Author = "rosa" }}',
        'to = "https://x.example.com/in"\nheaders = { X-Sumo-Category = "aws/cloudtrail", Accept = "*/*" }',
        'to = "file:/tmp/token,secret.ndjson"',
    ],
)
def test_settings_without_secrets_stay_valid(line: str) -> None:
    """Identifiers, ordinary parameters, and names that merely resemble secrets are accepted."""
    assert Config.from_toml(f"[sinks.s]\n{line}\n").sinks


def test_a_pattern_may_name_an_access_key() -> None:
    """An access key ID in a pattern is what a detection looks for, and is accepted."""
    pattern = f'{{ detail = {{ userIdentity = {{ accessKeyId = ["{KEY_ID}"] }} }} }}'
    route = f'[[routes]]\nname = "r"\nsinks = ["s"]\npattern = {pattern}\n'
    assert Config.from_toml(f'[sinks.s]\nto = "stdout:"\n{route}').routes


@given(
    name=st.sampled_from(["sig", "token", "api_key", "apikey", "code", "access_token", "x-goog-signature"]),
    value=st.from_regex(r"[A-Za-z0-9]{12,40}", fullmatch=True),
)
def test_no_value_of_a_secret_parameter_is_repeated(name: str, value: str) -> None:
    """Whatever the secret is, the error does not contain it."""
    (problem,) = problems(f'[sinks.s]\nto = "https://x.example.com/in?{name}={value}"\n')
    assert value not in problem


@pytest.mark.parametrize("separator", [",", ";", "|", ",;"])
@pytest.mark.parametrize(
    "second", ["arn:aws:sns:eu-west-1:111122223333:a", "https://b.example.com", "stdout:"]
)
@pytest.mark.parametrize("first", ["https://siem.example.com/in", "file:out", "s3://bucket?region=eu-west-1"])
def test_destinations_are_separated_by_spaces_only(first: str, separator: str, second: str) -> None:
    """Another separator between destinations is refused, because a URL or a path may contain it."""
    with pytest.raises(ConfigError, match="contains another destination after a separator") as caught:
        Config.from_env({"TRAILFORWARD_TO": first + separator + second})
    assert "separate those of TRAILFORWARD_TO by spaces" in str(caught.value)


@pytest.mark.parametrize(
    "text", ["https://siem.example.com/in, stdout:", "https://siem.example.com/in; stdout:"]
)
def test_a_separator_before_a_space_is_refused(text: str) -> None:
    """A comma that ends a destination is a separator, not a part of its path."""
    with pytest.raises(ConfigError, match="contains another destination after a separator"):
        Config.from_env({"TRAILFORWARD_TO": text})


def test_own_arns_are_separated_by_spaces_only() -> None:
    """A comma between the ARNs of TRAILFORWARD_OWN_ARNS is refused."""
    role = "arn:aws:iam::111122223333:role/a"
    with pytest.raises(ConfigError, match="contains another ARN after a separator"):
        Config.from_env({"TRAILFORWARD_TO": "stdout:", "TRAILFORWARD_OWN_ARNS": f"{role},{role}"})


@pytest.mark.parametrize(
    ("url", "arn"),
    [
        ("https://sqs.eu-west-1.amazonaws.com/111122223333/q", "arn:aws:sqs:eu-west-1:111122223333:q"),
        ("https://eu-west-1.queue.amazonaws.com/111122223333/q", "arn:aws:sqs:eu-west-1:111122223333:q"),
        ("https://queue.amazonaws.com/111122223333/q", "arn:aws:sqs:us-east-1:111122223333:q"),
        (
            "https://sqs.cn-north-1.amazonaws.com.cn/111122223333/q.fifo",
            "arn:aws-cn:sqs:cn-north-1:111122223333:q.fifo",
        ),
        ("https://sqs.us-gov-west-1.amazonaws.com/", "arn:aws-us-gov:sqs:us-gov-west-1:ACCOUNT:NAME"),
    ],
)
def test_the_url_of_a_queue_is_refused_with_its_arn(url: str, arn: str) -> None:
    """An SQS queue URL is not an HTTP receiver; the error gives the ARN to write."""
    (problem,) = problems(f'[sinks.s]\nto = "{url}"\n')
    assert problem.endswith(f"write the queue's ARN: {arn}")


def test_regions_that_do_not_exist_are_lints() -> None:
    """A Region that botocore's list lacks is reported with the most similar one; it may be a new Region."""
    config = Config.from_toml(
        'dead_letter = "arn:aws:sqs:eu-west-1:111122223333:d"\n'
        'retry_queue = "arn:aws:sqs:eu-wset-1:111122223333:r"\n'
        '[sinks.k]\nto = "arn:aws:kinesis:us-east-9:111122223333:stream/a"\n'
        '[sinks.s]\nto = "s3://bucket/x?region=eu-nowhere-1"\n'
        '[sinks.h]\nto = "https://x.example.com"\n'
        'auth = { type = "bearer", secret = "arn:aws:secretsmanager:xx-west-1:111122223333:secret:x" }\n'
        '[sinks.v]\nto = "https://y.example.com"\n'
        'auth = { type = "sigv4", service = "es", region = "eu-west-11" }\n'
        '[sinks.china]\nto = "arn:aws-cn:sns:cn-north-1:111122223333:t"\n'
        '[sinks.mixed]\nto = "arn:aws:sns:cn-north-1:111122223333:t"\n'
    )
    found = {one.key: one.message for one in lint(config) if one.code == "unknown-region"}
    assert list(found) == [
        "retry_queue",
        "sinks.k.to",
        "sinks.s.to",
        "sinks.h.auth.secret",
        "sinks.v.auth.region",
        "sinks.mixed.to",
    ]
    assert re.search("eu-west-1", found["retry_queue"])
    assert "aws-cn" in found["sinks.mixed.to"]


def test_a_region_of_the_wrong_shape_is_an_error() -> None:
    """What cannot be the name of a Region is refused at once, without botocore's list."""
    (problem,) = problems(
        '[sinks.v]\nto = "https://y.example.com"\nauth = { type = "sigv4", service = "es", region = "eu" }\n'
    )
    assert "sinks.v.auth.region" in problem
