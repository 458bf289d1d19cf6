"""When AWS may be called without botocore, and where.

botocore knows profiles, credential providers, proxies, FIPS and every partition. All of that is left to it:
the direct way serves the plain case alone, which is what a Lambda function has. Everything here is worked
out from the environment that is handed in.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Literal, NamedTuple

from trailforward.aws.sigv4 import Keys

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Service(NamedTuple):
    """How a service is spoken to (source: the API models).

    Attributes:
        protocol: ``json`` or ``query``.
        version: of the JSON protocol, or of the API.
        operations: those that are called directly, by botocore's method names.
        variable: the end of ``AWS_ENDPOINT_URL_…``.
        target: the prefix of ``X-Amz-Target``, which JSON asks for.
    """

    protocol: Literal["json", "query"]
    version: str
    operations: frozenset[str]
    variable: str
    target: str = ""


SERVICES = {
    "kinesis": Service("json", "1.1", frozenset({"put_records"}), "KINESIS", "Kinesis_20131202"),
    "firehose": Service("json", "1.1", frozenset({"put_record_batch"}), "FIREHOSE", "Firehose_20150804"),
    "sns": Service("query", "2010-03-31", frozenset({"publish_batch"}), "SNS"),
    "sts": Service("query", "2011-06-15", frozenset({"get_caller_identity"}), "STS"),
    "sqs": Service("json", "1.0", frozenset({"send_message_batch"}), "SQS", "AmazonSQS"),
    "events": Service(
        "json", "1.1", frozenset({"put_events", "describe_event_bus"}), "EVENTBRIDGE", "AWSEvents"
    ),
    "logs": Service(
        "json",
        "1.1",
        frozenset({"put_log_events", "create_log_stream"}),
        "CLOUDWATCH_LOGS",
        "Logs_20140328",
    ),
}

#: The Regions of a partition, and what its hosts end in (source: botocore's ``partitions.json``). The
#: isolated partitions have rules of their own.
_PARTITIONS = (
    (re.compile(r"(us|eu|ap|sa|ca|me|af|il|mx)-[a-z]+-[0-9]+"), "amazonaws.com"),
    (re.compile(r"us-gov-[a-z]+-[0-9]+"), "amazonaws.com"),
    (re.compile(r"cn-[a-z]+-[0-9]+"), "amazonaws.com.cn"),
)

#: What botocore obeys and we do not, where it is set to anything.
_ANY = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "AWS_ACCOUNT_ID_ENDPOINT_MODE",
    "AWS_AUTH_SCHEME_PREFERENCE",
    "AWS_DATA_PATH",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
)

#: The same, where it is set to ``true``.
_TRUE = ("AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT")

#: Files with settings of botocore's, and where they lie unless the variable says otherwise.
_FILES = {"AWS_CONFIG_FILE": "~/.aws/config", "AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials"}

_PLAIN_ENDPOINT = re.compile(r"https?://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?/?")


def keys(environ: Mapping[str, str]) -> Keys | None:
    """The credentials of the environment; None where it has none, and botocore must look for others."""
    access_key, secret_key = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
    if not access_key or not secret_key:
        return None
    token = environ.get("AWS_SECURITY_TOKEN") or environ.get("AWS_SESSION_TOKEN", "")  # the old name first
    return Keys(access_key, secret_key, token)


def obstacle(service: str, region: str, environ: Mapping[str, str], home: str) -> str:
    """Why a service cannot be called directly; empty where it can.

    Args:
        service: botocore's name.
        region: of the destination.
        environ: of the process.
        home: of the user: botocore looks for its files there.
    """
    return next(_obstacles(service, region, environ, home), "")


def _obstacles(service: str, region: str, environ: Mapping[str, str], home: str) -> Iterator[str]:
    # Only the first counts: what follows it is not looked at.
    if service not in SERVICES:
        yield f"{service} is called by botocore only"
    if keys(environ) is None:
        yield "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not both set"
    yield from (f"{name} is set" for name in _ANY if environ.get(name))
    yield from (f"{name} is true" for name in _TRUE if _true(environ, name))
    files = [environ.get(name) or usual for name, usual in _FILES.items()]
    yield from (f"{file} holds settings" for file in files if not _empty(file, home))
    custom = _custom_endpoint(service, environ)
    if custom and not _PLAIN_ENDPOINT.fullmatch(custom):
        yield "the endpoint that AWS_ENDPOINT_URL names is more than a scheme, a host and a port"
    if not custom and not _suffix(region):
        yield f"the Region {region} is of another partition than aws, aws-us-gov and aws-cn"


def endpoint(service: str, region: str, environ: Mapping[str, str]) -> tuple[str, bool]:
    """The URL that calls go to, without a slash at its end, and whether it is AWS's own.

    Only for what has no :func:`obstacle`.
    """
    custom = _custom_endpoint(service, environ)
    return (custom.rstrip("/"), False) if custom else (f"https://{service}.{region}.{_suffix(region)}", True)


def _custom_endpoint(service: str, environ: Mapping[str, str]) -> str:
    if _true(environ, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"):
        return ""
    name = f"AWS_ENDPOINT_URL_{SERVICES[service].variable}"
    return environ.get(name) or environ.get("AWS_ENDPOINT_URL", "")


def _suffix(region: str) -> str:
    return next((suffix for shape, suffix in _PARTITIONS if shape.fullmatch(region)), "")


def _true(environ: Mapping[str, str], name: str) -> bool:
    return environ.get(name, "").lower() == "true"


def _empty(path: str, home: str) -> bool:
    """Whether a file is empty or not there. Where its name has variables in it, nobody knows."""
    if "$" in path:
        return False
    try:
        # Not by pathlib, whose import would be felt in a cold start.
        return os.stat(home + path[1:] if path.startswith("~/") else path).st_size == 0  # noqa: PTH116
    except OSError:
        return True
