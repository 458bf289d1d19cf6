"""Decides whether AWS can be called without botocore, and finds the endpoint.

Direct calls cover the common case only, which is the environment of a Lambda function. Profiles, credential
providers, proxies, FIPS, and other partitions are left to botocore. All functions are pure: they read nothing
but the environment that is passed in (and whether botocore's configuration files are empty).
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from trailforward.aws.sigv4 import Credentials


class Service(NamedTuple):
    """Protocol details of a service (source: the API models).

    Attributes:
        protocol: ``json``, ``query``, or ``rest-json``.
        version: version of the JSON protocol, or of the query API.
        operations: botocore's method names of the operations that can be called directly.
        variable: suffix of the service's variable ``AWS_ENDPOINT_URL_…``.
        target: prefix of ``X-Amz-Target``; JSON protocol only.
        path: path of the operations; ``/`` except for ``rest-json``. A parameter's name in braces is a label.
        host: beginning of the host, and name in the signature, if that is not botocore's name.
    """

    protocol: Literal["json", "query", "rest-json"]
    version: str
    operations: frozenset[str]
    variable: str
    target: str = ""
    path: str = "/"
    host: str = ""


SERVICES = {
    "kinesis": Service("json", "1.1", frozenset({"put_records"}), "KINESIS", "Kinesis_20131202"),
    "firehose": Service("json", "1.1", frozenset({"put_record_batch"}), "FIREHOSE", "Firehose_20150804"),
    "sns": Service("query", "2010-03-31", frozenset({"publish_batch"}), "SNS"),
    "sts": Service("query", "2011-06-15", frozenset({"get_caller_identity"}), "STS"),
    "sqs": Service("json", "1.0", frozenset({"send_message_batch"}), "SQS", "AmazonSQS"),
    "dynamodb": Service("json", "1.0", frozenset({"get_item", "put_item"}), "DYNAMODB", "DynamoDB_20120810"),
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
    "securityhub": Service(
        "rest-json",
        "2018-10-26",
        frozenset({"batch_import_findings"}),
        "SECURITYHUB",
        path="/findings/import",
    ),
    "lambda": Service(
        "rest-json",
        "2015-03-31",
        frozenset({"invoke"}),
        "LAMBDA",
        path="/2015-03-31/functions/{FunctionName}/invocations",
    ),
    "stepfunctions": Service(
        "json", "1.0", frozenset({"start_execution"}), "SFN", "AWSStepFunctions", host="states"
    ),
}

#: Region pattern and DNS suffix of each partition (source: botocore's ``partitions.json``). The isolated
#: partitions follow other rules, so they are left to botocore.
_PARTITIONS = (
    (re.compile(r"(us|eu|ap|sa|ca|me|af|il|mx)-[a-z]+-[0-9]+"), "amazonaws.com"),
    (re.compile(r"us-gov-[a-z]+-[0-9]+"), "amazonaws.com"),
    (re.compile(r"cn-[a-z]+-[0-9]+"), "amazonaws.com.cn"),
)

#: Variables that only botocore supports, if they have any value.
_BOTOCORE_IF_SET = (
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

#: Variables that only botocore supports, if they are ``true``.
_BOTOCORE_IF_TRUE = ("AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT")

#: Variables that name botocore's configuration files, with their default paths.
_FILES = {"AWS_CONFIG_FILE": "~/.aws/config", "AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials"}

_PLAIN_ENDPOINT = re.compile(r"https?://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?/?")


def environment_credentials(environ: Mapping[str, str]) -> Credentials | None:
    """The credentials in the environment variables; None if botocore must look elsewhere."""
    access_key, secret_key = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
    if not access_key or not secret_key:
        return None
    # The old name takes precedence, as in botocore.
    token = environ.get("AWS_SECURITY_TOKEN") or environ.get("AWS_SESSION_TOKEN", "")
    from trailforward.aws.sigv4 import Credentials  # a function that only sends over HTTP never signs

    return Credentials(access_key, secret_key, token)


def botocore_reason(service: str, region: str, environ: Mapping[str, str], home: str) -> str:
    """Why a service must be called through botocore; empty if it can be called directly.

    Args:
        service: botocore's name of the service.
        region: the destination's Region.
        environ: the process's environment variables.
        home: the user's home directory, with botocore's configuration files.
    """
    return next(_botocore_reasons(service, region, environ, home), "")


def _botocore_reasons(service: str, region: str, environ: Mapping[str, str], home: str) -> Iterator[str]:
    # A generator: the caller takes the first reason, and the checks after it do not run.
    if service not in SERVICES:
        yield f"direct calls do not support {service}"
    if environment_credentials(environ) is None:
        yield "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not both set"
    yield from (f"{name} is set" for name in _BOTOCORE_IF_SET if environ.get(name))
    yield from (f"{name} is true" for name in _BOTOCORE_IF_TRUE if _true(environ, name))
    files = [environ.get(name) or default for name, default in _FILES.items()]
    yield from (f"{file} has settings" for file in files if not _empty(file, home))
    custom = _custom_endpoint(service, environ)
    if custom and not _PLAIN_ENDPOINT.fullmatch(custom):
        yield "the endpoint in AWS_ENDPOINT_URL has more than a scheme, a host, and a port"
    if not custom and not _suffix(region):
        yield f"the Region {region} is not in the partitions aws, aws-us-gov, and aws-cn"


def endpoint(service: str, region: str, environ: Mapping[str, str]) -> tuple[str, bool]:
    """The endpoint's URL without a trailing slash, and whether AWS runs it.

    Valid only if :func:`botocore_reason` is empty.
    """
    custom = _custom_endpoint(service, environ)
    host = SERVICES[service].host or service
    return (custom.rstrip("/"), False) if custom else (f"https://{host}.{region}.{_suffix(region)}", True)


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
    """Whether a file is empty or absent. False if the path contains variables, which are not expanded."""
    if "$" in path:
        return False
    try:
        # Not pathlib: importing it would slow down the cold start.
        return os.stat(home + path[1:] if path.startswith("~/") else path).st_size == 0  # noqa: PTH116
    except OSError:
        return True
