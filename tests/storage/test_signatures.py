"""S3 accepts the signatures of requests for objects and listings."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials

from trailforward.aws.sigv4 import Credentials, Scope, sign

HOST = "example-trail.s3.eu-west-1.amazonaws.com"


@pytest.mark.parametrize(
    ("key", "query"),
    [("a b/c+d%&=~é.json", ""), ("a//b/../c", ""), ("", "list-type=2&prefix=a%20b%2F%C3%A9%2B~%25")],
)
def test_signatures(key: str, query: str) -> None:
    """A key with any characters, and a query, are signed as botocore signs them."""
    path = "/" + quote(key, safe="/-_.~")
    request = AWSRequest("GET", f"https://{HOST}{path}?{query}".removesuffix("?"), headers={"Host": HOST})
    S3SigV4Auth(BotocoreCredentials("AKIDEXAMPLE", "secret", "token"), "s3", "eu-west-1").add_auth(request)
    stamp = request.context["timestamp"]
    now = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    headers = {"Host": HOST, "X-Amz-Content-Sha256": request.headers["X-Amz-Content-SHA256"]}
    credentials = Credentials("AKIDEXAMPLE", "secret", "token")
    scope = Scope("eu-west-1", "s3")
    signed = sign(credentials, scope, path, headers, b"", now=now, method="GET", query=query)
    ours, theirs = (
        text.rpartition("=")[2] for text in (signed["Authorization"], request.headers["Authorization"])
    )
    assert ours == theirs
