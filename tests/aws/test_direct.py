"""AWS is called directly only if that is equivalent to botocore, and then with the same request."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl

import pytest
from botocore.session import Session

from tests.support.alerts import alert
from tests.support.aws import point_at
from tests.support.depth import part
from tests.support.entries import FIELDS, ODD
from trailforward import sinks
from trailforward.aws import direct, session
from trailforward.aws.client import Client
from trailforward.formats import load
from trailforward.sinks.base import Entry
from trailforward.testing import samples
from trailforward.transport import connections

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.support.stub_aws import StubAws

PLAIN = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "hunter2"}
ARNS = {
    "kinesis": "arn:{}:kinesis:{}:111122223333:stream/cloudsec",
    "firehose": "arn:{}:firehose:{}:111122223333:deliverystream/archive",
    "sns": "arn:{}:sns:{}:111122223333:alerts.fifo",
    "sqs": "arn:{}:sqs:{}:111122223333:cloudsec.fifo",
    "events": "arn:{}:events:{}:111122223333:event-bus/security",
    "logs": "arn:{}:logs:{}:111122223333:log-group:/security/cloudtrail",
    "securityhub": "arn:{}:securityhub:{}:111122223333:product/111122223333/default",
    "lambda": "arn:{}:lambda:{}:111122223333:function:remediate:prod",
    "stepfunctions": "arn:{}:states:{}:111122223333:stateMachine:remediate:1",
}
REGIONS = [
    ("aws", "us-east-1"),
    ("aws", "eu-south-2"),
    ("aws", "il-central-1"),
    ("aws-cn", "cn-north-1"),
    ("aws-us-gov", "us-gov-west-1"),
]
BATCH = [
    Entry(
        data,
        f"schlüssel-{index}",
        group="1",
        subject="Bücher & more = 100 %",
        fields=FIELDS,
        attributes={"trailforward-reason": "a + b"},
        time="2026-05-04T12:00:00Z",
    )
    for index, data in enumerate(ODD)
]

#: Security Hub accepts findings only.
FINDINGS = [
    Entry(load("asff").data(alert(samples.load(name))), name)
    for name in ("security-group-opened", "console-login-failure")
]


def batch(arn: str) -> list[Entry]:
    """What a sink with this ARN gets."""
    return FINDINGS if ":securityhub:" in arn else BATCH


class Sent(NamedTuple):
    """A request, without the parts that differ each time."""

    url: str
    headers: dict[str, str]
    scope: str
    signed: str
    body: Any


def sent(url: str, headers: Mapping[str, str], body: bytes) -> Sent:
    """The comparable parts of a request."""
    lowered = {name.lower(): value for name, value in headers.items()}
    scope, signed, _ = lowered["authorization"].split(", ")
    assert "trailforward/" in lowered["user-agent"]
    kept = lowered.keys() & {
        "content-type",
        "x-amz-invocation-type",
        "x-amz-target",
        "x-amz-security-token",
        "x-amzn-query-mode",
    }
    form = lowered.get("content-type", "").startswith("application/x-www-form-urlencoded")
    read = parse_qsl(body.decode(), strict_parsing=True, keep_blank_values=True) if form else json.loads(body)
    return Sent(url, {name: lowered[name] for name in kept}, scope, signed, read)


class StopError(Exception):
    """Raised instead of sending."""


def directly(arn: str, patch: pytest.MonkeyPatch) -> list[Sent]:
    """The requests that a sink sends directly."""
    seen: list[Sent] = []

    def post(pool: Any, target: str, headers: Mapping[str, str], body: bytes) -> None:
        scheme = "https" if pool._endpoint.tls else "http"
        assert headers["Host"].partition(":")[0] == pool._endpoint.host
        seen.append(sent(f"{scheme}://{headers['Host']}{target}", headers, body))
        raise StopError

    patch.setattr(connections.Connections, "post", post)
    with pytest.raises(StopError):
        send(arn)
    return seen


def use_botocore(arn: str, patch: pytest.MonkeyPatch) -> list[Sent]:
    """The requests that the same sink sends through botocore."""
    seen: list[Sent] = []

    def before_send(request: Any, **_: Any) -> None:
        headers = {
            name: value if isinstance(value, str) else value.decode()
            for name, value in request.headers.items()
        }
        body = request.body if isinstance(request.body, bytes) else request.body.encode()
        seen.append(sent(request.url, headers, body))
        raise StopError

    made = Client._make

    def watched(client: Client) -> Any:
        boto = made(client)
        boto.meta.events.register("before-send", before_send)
        return boto

    patch.setenv("AWS_ACCOUNT_ID_ENDPOINT_MODE", "preferred")
    patch.setattr(Client, "_make", watched)
    patch.setattr(session, "_shared", [])  # it would keep the credentials of other tests
    with pytest.raises(StopError):
        send(arn)
    return seen


def send(arn: str) -> None:
    """Sends a batch, without checking that a bus exists."""
    kind = sinks.load(sinks.type_of(arn) or "")
    more = {"check_bus": False} if ":events:" in arn else {}
    kind(kind.Settings(to=arn, **more)).send(batch(arn))


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Credentials of a function, and no other settings."""
    point_at("", monkeypatch)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    return monkeypatch


@pytest.mark.parametrize(("partition", "region"), REGIONS)
@pytest.mark.parametrize("service", ARNS)
def test_requests_are_the_same_as_botocores(
    service: str, partition: str, region: str, plain: pytest.MonkeyPatch
) -> None:
    """URL, headers, credential scope, and body equal botocore's in every partition."""
    arn = ARNS[service].format(partition, region)
    direct_requests = directly(arn, plain)
    assert direct_requests == use_botocore(arn, plain)
    assert len(direct_requests) == 1


@pytest.mark.parametrize(
    "environ",
    part(
        [
            {"AWS_ENDPOINT_URL": "http://localhost:4566"},
            {"AWS_ENDPOINT_URL": "https://localhost:4566/"},
            {
                "AWS_ENDPOINT_URL": "http://localhost:1",
                "AWS_ENDPOINT_URL_{}": "https://kinesis-vpce.example.com",
            },
            {"AWS_ENDPOINT_URL": "http://localhost:1", "AWS_ENDPOINT_URL_{}": ""},
            {"AWS_ENDPOINT_URL_{}": "http://localhost:1", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "True"},
            {"AWS_ENDPOINT_URL": "http://localhost:1", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "1"},
        ],
        2,
    ),
    ids=str,
)
@pytest.mark.parametrize("service", ARNS)
def test_endpoint_variables_are_used_as_in_botocore(
    service: str, environ: dict[str, str], plain: pytest.MonkeyPatch
) -> None:
    """``AWS_ENDPOINT_URL``, a service's variable, and the variable that disables both work as in botocore."""
    for name, value in environ.items():
        plain.setenv(name.format(direct.SERVICES[service].variable), value)
    arn = ARNS[service].format("aws", "eu-west-1")
    assert directly(arn, plain) == use_botocore(arn, plain)


def test_every_region_has_the_same_host_as_in_botocore() -> None:
    """All Regions of three partitions have botocore's host; other partitions are left to botocore."""
    session = Session()
    partitions = {"aws", "aws-cn", "aws-us-gov"}
    for partition in session.get_available_partitions():
        for region in session.get_available_regions("kinesis", partition):
            reason = direct.botocore_reason("kinesis", region, PLAIN, "/nowhere")
            assert bool(reason) is (partition not in partitions)
            if not reason:
                end = ".cn" if partition == "aws-cn" else ""
                url = f"https://kinesis.{region}.amazonaws.com{end}"
                assert direct.endpoint("kinesis", region, PLAIN) == (url, True)


def botocore_reason(home: Path, service: str = "kinesis", region: str = "eu-west-1", **environ: str) -> str:
    """Why botocore is needed with plain credentials and these variables."""
    return direct.botocore_reason(service, region, {**PLAIN, **environ}, str(home))


def test_plain_credentials_need_no_botocore(tmp_path: Path) -> None:
    """In the environment of a Lambda function calls are direct."""
    assert (
        botocore_reason(
            tmp_path, AWS_SESSION_TOKEN="hunter2", AWS_REGION="eu-west-1", AWS_DEFAULT_REGION="eu-west-1"
        )
        == ""
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_PROFILE", "rosa"),
        ("AWS_DEFAULT_PROFILE", "rosa"),
        ("AWS_CA_BUNDLE", "/ca.pem"),
        ("REQUESTS_CA_BUNDLE", "/ca.pem"),
        ("AWS_ACCOUNT_ID_ENDPOINT_MODE", "required"),
        ("AWS_AUTH_SCHEME_PREFERENCE", "sigv4a"),
        ("AWS_DATA_PATH", "/models"),
        ("HTTPS_PROXY", "http://proxy:3128"),
        ("http_proxy", "http://proxy:3128"),
        ("ALL_PROXY", "http://proxy:3128"),
        ("AWS_USE_FIPS_ENDPOINT", "true"),
        ("AWS_USE_DUALSTACK_ENDPOINT", "True"),
        ("AWS_SECRET_ACCESS_KEY", ""),
        ("AWS_ACCESS_KEY_ID", ""),
        ("AWS_ENDPOINT_URL", "http://localhost:4566/path"),
        ("AWS_ENDPOINT_URL", "http://rosa:hunter2@localhost"),
        ("AWS_ENDPOINT_URL", "localhost:4566"),
        ("AWS_ENDPOINT_URL_KINESIS", "http://[::1]:4566"),
    ],
)
def test_settings_that_only_botocore_supports_are_left_to_it(tmp_path: Path, name: str, value: str) -> None:
    """Each setting that direct calls do not support sends calls through botocore, and the reason names it."""
    reason = botocore_reason(tmp_path, **{name: value})
    assert name.removesuffix("_KINESIS") in reason
    assert "hunter2" not in reason


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_USE_FIPS_ENDPOINT", "false"),
        ("AWS_PROFILE", ""),
        ("AWS_CONFIG_FILE", "/nowhere"),
        ("NO_PROXY", "*"),
    ],
)
def test_settings_without_effect_need_no_botocore(tmp_path: Path, name: str, value: str) -> None:
    """A setting with its default value does not need botocore."""
    assert botocore_reason(tmp_path, **{name: value}) == ""


@pytest.mark.parametrize("name", ["config", "credentials"])
def test_configuration_files_are_left_to_botocore(tmp_path: Path, name: str) -> None:
    """A configuration file needs botocore, wherever it is; an empty file does not."""
    variable = {"config": "AWS_CONFIG_FILE", "credentials": "AWS_SHARED_CREDENTIALS_FILE"}[name]
    file = tmp_path / ".aws" / name
    file.parent.mkdir()
    file.touch()
    assert botocore_reason(tmp_path) == ""
    file.write_text("[default]\nregion = eu-west-1\n")
    assert f"~/.aws/{name}" in botocore_reason(tmp_path)
    for path in (str(file), f"~/.aws/{name}", "$SOMEWHERE/file"):
        assert path in botocore_reason(tmp_path, **{variable: path})
    assert botocore_reason(tmp_path / "another") == ""


def test_the_old_name_of_the_session_token_is_supported() -> None:
    """If both variables for the session token are set, the old one takes precedence, as in botocore."""
    for name, value in (("AWS_SESSION_TOKEN", "new"), ("AWS_SECURITY_TOKEN", "old")):
        credentials = direct.environment_credentials({**PLAIN, "AWS_SESSION_TOKEN": "new", name: value})
        assert credentials is not None
        assert credentials.token == value


def test_other_services_and_partitions_are_left_to_botocore(tmp_path: Path) -> None:
    """S3, the isolated partitions, and unknown Regions need botocore, unless an endpoint is set."""
    assert "s3" in botocore_reason(tmp_path, "s3")
    assert "us-iso-east-1" in botocore_reason(tmp_path, region="us-iso-east-1")
    assert "xx-nowhere-1" in botocore_reason(tmp_path, region="xx-nowhere-1")
    assert botocore_reason(tmp_path, region="us-iso-east-1", AWS_ENDPOINT_URL="http://localhost:1") == ""


_SEND = """
import sys
from trailforward import sinks
from trailforward.formats import load
from trailforward.sinks.base import Entry
finding, *destinations = sys.argv[1:]
for to in destinations:
    kind = sinks.load(sinks.type_of(to))
    sink = kind(kind.Settings(to=to))
    data = finding.encode() if ":securityhub:" in to else b"{}"
    assert sink.send([Entry(data, "key")]) == []
    sink.close()
print(*sorted({"boto3", "botocore", "urllib3"} & set(sys.modules)))
"""


def imported(stub: StubAws, tmp_path: Path, **environ: str) -> str:
    """The AWS libraries that a process imports when it sends to each of the services."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    for name in [name for name in kept if name.lower().endswith(("_proxy", "_ca_bundle"))]:
        del kept[name]
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            _SEND,
            FINDINGS[0].data,
            *(arn.format("aws", "eu-west-1") for arn in ARNS.values()),
        ],
        env={**kept, **PLAIN, "AWS_ENDPOINT_URL": stub.url, "HOME": str(tmp_path), **environ},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_a_batch_is_sent_without_botocore(stub: StubAws, tmp_path: Path) -> None:
    """A function that sends to these services does not import boto3, botocore, or urllib3."""
    assert imported(stub, tmp_path) == ""
    assert {place.partition(":")[0] for place in stub.calls} == {arn.split(":")[2] for arn in ARNS.values()}


def test_a_profile_needs_botocore(stub: StubAws, tmp_path: Path) -> None:
    """With a profile, calls go through botocore."""
    config = tmp_path / "config"
    config.write_text("[profile rosa]\nregion = eu-west-1\n")
    names = imported(stub, tmp_path, AWS_PROFILE="rosa", AWS_CONFIG_FILE=str(config))
    assert names == "botocore urllib3"


@pytest.mark.parametrize("service", ARNS)
def test_direct_calls_can_be_disabled(service: str, stub: StubAws) -> None:
    """With ``direct=False`` a sink calls through botocore."""
    arn = ARNS[service].format("aws", "eu-west-1")
    kind = sinks.load(sinks.type_of(arn) or "")
    for directly in (True, False):
        made = kind(kind.Settings(to=arn), direct=directly)
        assert made.send(batch(arn)[:1]) == []
        assert (made._client._client is None) is directly
        made.close()


def test_the_endpoint_is_the_same_both_ways(stub: StubAws) -> None:
    """Direct calls and botocore have the same endpoint, which is the start of a queue's URL."""
    for directly in (True, False):
        assert Client("sqs", "eu-west-1", direct=directly).endpoint == stub.url
