"""Signature Version 4 gives the same results as AWS's published examples and botocore."""

from __future__ import annotations

import hmac
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore import auth
from botocore import credentials as botocore_credentials
from botocore.awsrequest import AWSRequest
from hypothesis import given
from hypothesis import strategies as st

from trailforward.aws.sigv4 import Credentials, Scope, sign, signing_key
from trailforward.errors import PermanentError

#: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-examples.html
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
NOW = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)

#: From AWS's test suite, https://github.com/awslabs/aws-c-auth/tree/main/tests/aws-signing-test-suite/v4
TOKEN = (
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwt"
    "hAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVX"
    "AkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
)


def test_the_signing_key_matches_the_documentation() -> None:
    """The signing key and the signature equal the documentation's example (IAM ListUsers)."""
    key = signing_key(SECRET, "20150830", Scope("us-east-1", "iam"))
    assert key.hex() == "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"
    text = (
        b"AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/iam/aws4_request\n"
        b"f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59"
    )
    signature = hmac.digest(key, text, "sha256").hex()
    assert signature == "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"


@pytest.mark.parametrize(
    ("headers", "body", "token", "signature"),
    [
        ({}, b"", "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (
            {"My-Header1": "VALUE1"},
            b"",
            "",
            "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
        ),
        (
            {"Content-Type": "application/x-www-form-urlencoded"},
            b"Param1=value1",
            "",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
        ({}, b"", TOKEN, "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"),
    ],
    ids=["post-vanilla", "post-header-value-case", "post-x-www-form-urlencoded", "post-sts-header-before"],
)
def test_signatures_match_the_aws_test_suite(
    headers: dict[str, str], body: bytes, token: str, signature: str
) -> None:
    """Signatures of POST requests equal those in AWS's test suite."""
    signed = sign(
        Credentials("AKIDEXAMPLE", SECRET, token),
        Scope("us-east-1", "service"),
        "/",
        {"Host": "example.amazonaws.com", **headers},
        body,
        now=NOW.timestamp(),
    )
    names = sorted(name.lower() for name in signed if name != "Authorization")
    assert signed["Authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders={';'.join(names)}, Signature={signature}"
    )


_TEXT = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20)
_NAMES = st.from_regex(r"X-[A-Za-z0-9-]{1,12}", fullmatch=True).map(str.title)
_PATHS = st.from_regex(r"(/([A-Za-z0-9_~-]|%3A|%24){1,9}){0,4}/?", fullmatch=True).map(
    lambda path: path or "/"
)


@given(
    credentials=st.builds(
        Credentials, st.just("AKIDEXAMPLE"), _TEXT.filter(bool), st.sampled_from(["", "hunter2", TOKEN])
    ),
    scope=st.builds(
        Scope,
        st.sampled_from(["us-east-1", "cn-north-1", "us-gov-west-1"]),
        st.sampled_from(["kinesis", "es", "execute-api"]),
    ),
    host=st.sampled_from(
        ["example.com", "localhost:4566", "111122223333.data-kinesis.eu-west-1.amazonaws.com"]
    ),
    path=_PATHS,
    headers=st.dictionaries(_NAMES, _TEXT, max_size=4),
    body=st.binary(max_size=200),
)
def test_signatures_match_botocore(
    credentials: Credentials, scope: Scope, host: str, path: str, headers: dict[str, str], body: bytes
) -> None:
    """For any body, headers, path, and token the Authorization header equals botocore's."""
    sent = {"User-Agent": "trailforward", **headers}
    signed = sign(credentials, scope, path, {"Host": host, **sent}, body, now=NOW.timestamp())
    request = AWSRequest("POST", f"https://{host}{path}", headers=dict(sent), data=body)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(auth, "get_current_datetime", _now)
        same = botocore_credentials.Credentials(
            credentials.access_key, credentials.secret_key, credentials.token or None
        )
        auth.SigV4Auth(same, scope.service, scope.region).add_auth(request)
    assert signed["Authorization"] == request.headers["Authorization"]
    assert signed["X-Amz-Date"] == request.headers["X-Amz-Date"]
    assert signed.get("X-Amz-Security-Token") == request.headers.get("X-Amz-Security-Token")


def _now(*_: Any, **__: Any) -> datetime:
    return NOW.replace(tzinfo=None)


@pytest.mark.parametrize(
    "credentials",
    [Credentials("AKID\n", "hunter2"), Credentials("AKID", "x", "hunter2 "), Credentials("bücher", "x")],
)
def test_credentials_with_invalid_characters_are_an_error(credentials: Credentials) -> None:
    """If an access key or a token contains a line break, the error says so and does not repeat it."""
    with pytest.raises(PermanentError, match=r"NoCredentials: .* correct the environment variable") as caught:
        sign(credentials, Scope("us-east-1", "iam"), "/", {"Host": "example.com"}, b"")
    assert not re.search("AKID|hunter2|bücher", str(caught.value))


def test_credentials_have_no_repr() -> None:
    """Printing credentials does not show them."""
    assert "hunter2" not in repr(Credentials("AKIDEXAMPLE", "hunter2", "hunter2"))
