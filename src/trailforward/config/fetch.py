"""Reads the TOML that ``TRAILFORWARD_CONFIG`` contains or names (file, SSM parameter, or S3 object)."""

from __future__ import annotations

import re

from trailforward.arn import Arn
from trailforward.aws.own_calls import OwnCall
from trailforward.errors import ConfigError, Problem, SinkError

_VARIABLE = "TRAILFORWARD_CONFIG"
_SOURCES = "set it to the path of a readable file, to TOML text, to ssm:NAME, or to s3://BUCKET/KEY"
# These are not compiled here, because most functions need neither.
#: ``s3://BUCKET/KEY``, with the account that must own the bucket.
_OBJECT = r"s3://(?P<bucket>[^/?]+)/(?P<key>.+?)(?:\?owner=(?P<owner>[0-9]{12}))?"
#: A short value that looks like a path may appear in a message; any other value may be a secret.
_PATH = r"[\w./\\ ~+-]{1,200}"


def fetch(where: str, region: str | None) -> str:
    """Returns the TOML text that ``TRAILFORWARD_CONFIG`` contains or names.

    Args:
        where: the value of the variable, not empty.
        region: the Region of a parameter without an ARN, and of the first call to S3.

    Raises:
        ConfigError: the text cannot be read.
        MissingExtraError: the text is stored in AWS, and botocore is not installed.
    """
    if where.startswith("ssm:"):
        text = _parameter(where, region)
    elif where.startswith("s3://"):
        text = _object(where, region)
    elif where.startswith(("/", ".", "~")) or not re.search("[\n=]", where):
        text = _file(where)
    else:
        text = where
    return text.removeprefix("\ufeff")


def fetch_calls(where: str, region: str | None) -> list[OwnCall]:
    """The AWS calls that :func:`fetch` makes.

    Args:
        where: the variable's value.
        region: as for :func:`fetch`.
    """
    where = where.strip()
    if where.startswith("ssm:"):
        name = where.removeprefix("ssm:")
        if not name.startswith("arn:"):
            # In the function's own account, which the first invocation tells.
            name = f"arn:aws:ssm:{region or 'us-east-1'}::parameter/{name.removeprefix('/')}"
        return [OwnCall("ssm.amazonaws.com", ("GetParameter",), name)]
    if where.startswith("s3://") and (found := re.fullmatch(_OBJECT, where)) is not None:
        read = OwnCall("s3.amazonaws.com", ("GetObject",), f"arn:aws:s3:::{found['bucket']}/{found['key']}")
        asked = OwnCall("sts.amazonaws.com", ("GetCallerIdentity",), "*")
        return [read] if found["owner"] else [read, asked]
    return []


def object_of(where: str) -> str:
    """``BUCKET/KEY`` of ``s3://BUCKET/KEY?owner=ACCOUNT``."""
    found = re.fullmatch(_OBJECT, where)
    return where.removeprefix("s3://") if found is None else f"{found['bucket']}/{found['key']}"


def _file(where: str) -> str:
    from pathlib import Path

    try:
        return Path(where).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        shown = f"the file {where}" if re.fullmatch(_PATH, where) else "the file that it names"
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise _failed(f"cannot read {shown}: {why}", _SOURCES) from None


def _parameter(where: str, region: str | None) -> str:
    name = where.removeprefix("ssm:")
    if name.startswith("arn:"):
        try:
            arn = Arn.parse(name)
        except ValueError as error:
            raise _failed(f"not the ARN of an SSM parameter: {error}", _SOURCES) from None
        region = arn.region
    region = region or "us-east-1"
    fix = f"check that it exists in {region}, and grant ssm:GetParameter (and kms:Decrypt) for it"
    from trailforward.aws.client import Client

    try:
        response = Client("ssm", region).call("get_parameter", Name=name, WithDecryption=True)
    except SinkError as error:
        raise _failed(f"cannot read {where}: {error}", fix) from None
    text: str = response["Parameter"]["Value"]
    return text


def _object(where: str, region: str | None) -> str:
    found = re.fullmatch(_OBJECT, where)
    if found is None:
        raise _failed("the URL has no bucket or no key", "write s3://BUCKET/KEY")
    if "?owner" in found["key"]:
        raise _failed("`owner` is not an account ID of 12 digits", "write s3://BUCKET/KEY?owner=ACCOUNT")
    from trailforward.aws.client import Client

    client = Client("s3", region or "us-east-1")
    from botocore.exceptions import BotoCoreError  # installed, because the client was created

    owner = found["owner"] or _own_account(region)
    try:
        data: bytes = client.call(
            "get_object", Bucket=found["bucket"], Key=found["key"], ExpectedBucketOwner=owner
        )["Body"].read()
        return data.decode()
    except (SinkError, BotoCoreError, UnicodeDecodeError) as error:
        why = "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else error
        fix = (
            f"check that it exists, that account {owner} owns the bucket (another owner: append "
            "?owner=ACCOUNT), and grant s3:GetObject for it"
        )
        raise _failed(f"cannot read {where}: {why}", fix) from None


def _own_account(region: str | None) -> str:
    """The account of the credentials. At this point no invocation has named the function's account."""
    from trailforward.aws.client import caller_account

    try:
        return caller_account(region)
    except SinkError as error:
        fix = "append ?owner=ACCOUNT to s3://BUCKET/KEY, or make STS reachable (in a VPC: with an endpoint)"
        raise _failed(f"cannot ask STS which account must own the bucket: {error}", fix) from None


def _failed(message: str, fix: str) -> ConfigError:
    return ConfigError([Problem(_VARIABLE, message, fix)])
