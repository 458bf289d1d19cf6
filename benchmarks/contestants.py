"""Lambda handlers that carry events to a Kinesis stream: from the blog posts' dozen lines to the floor.

Each is made by a function that imports what it needs, as its own module would, so that a measure may run
them in one process (throughput) or one process each (cold start, memory). They find the destination where
any AWS client does: in the environment.
"""

from __future__ import annotations

import contextlib
import json
import os
from binascii import b2a_base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Handler = Callable[[Any, Any], Any]

REGION = "us-east-1"
ARN = f"arn:aws:kinesis:{REGION}:111122223333:stream/benchmark"
STREAM = "benchmark"
FUNCTION = "trailforward-benchmark"
#: What PutRecords takes in one call.
CHUNK = 500


@dataclass(frozen=True, slots=True)
class Contestant:
    """A way to forward.

    Attributes:
        name: in tables.
        make: makes the handler.
        takes: what Lambda hands it: one event (a rule's direct target), or an SQS batch of them.
        cost: roughly how many times dearer an event is than in a batch; measures give it fewer events.
    """

    name: str
    make: Callable[[], Handler]
    takes: Literal["event", "batch"]
    cost: int = 1


def blog_post() -> Handler:
    """What most articles show."""
    import boto3

    def handler(event: Any, context: Any) -> None:  # noqa: ARG001
        client = boto3.client("kinesis")
        client.put_record(StreamName=STREAM, Data=json.dumps(event), PartitionKey="cloudtrail")

    return handler


def module_client() -> Handler:
    """The same with the client made once."""
    import boto3

    client = boto3.client("kinesis")

    def handler(event: Any, context: Any) -> None:  # noqa: ARG001
        client.put_record(StreamName=STREAM, Data=json.dumps(event), PartitionKey="cloudtrail")

    return handler


def batch_loop() -> Handler:
    """A plain boto3 loop over an SQS batch: bodies pass unread, and nobody looks at refusals."""
    import boto3

    client = boto3.client("kinesis")

    def handler(payload: Any, context: Any) -> None:  # noqa: ARG001
        records = [
            {"Data": record["body"], "PartitionKey": record["messageId"]} for record in payload["Records"]
        ]
        for start in range(0, len(records), CHUNK):
            client.put_records(StreamName=STREAM, Records=records[start : start + CHUNK])

    return handler


def library() -> Handler:
    """Trailforward as a library: parsed, guarded, routed, sent, accounted for; logs only."""
    from trailforward import Config, Forwarder

    return _checked(Forwarder(Config.to(ARN)))


def lambda_handler() -> Handler:
    """Trailforward as its Lambda handler makes it: Powertools' logs and metrics, its own role guarded."""
    from trailforward import Forwarder

    environ = {**os.environ, "TRAILFORWARD_TO": ARN, "AWS_LAMBDA_FUNCTION_NAME": FUNCTION}
    handler = _checked(Forwarder.from_env(environ))

    def unseen(payload: Any, context: Any) -> None:
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):  # noqa: PTH123
            handler(payload, context)

    return unseen


def _checked(forwarder: Any) -> Handler:
    def handler(payload: Any, context: Any) -> None:
        answer, outcome = forwarder.process(payload, context)
        if answer["batchItemFailures"] or outcome.breaks:
            raise RuntimeError(
                f"{len(answer['batchItemFailures'])} events were handed back: {outcome.breaks}"
            )

    return handler


def floor() -> Handler:
    """The least that may be called forwarding: parse, base64, one signature and one request per chunk."""
    from http.client import HTTPConnection
    from urllib.parse import urlsplit

    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    url = os.environ["AWS_ENDPOINT_URL"] + "/"
    credentials = Credentials(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
    signer = SigV4Auth(credentials, "kinesis", REGION)
    connection = HTTPConnection(urlsplit(url).netloc)

    def handler(payload: Any, context: Any) -> None:  # noqa: ARG001
        records = payload["Records"]
        for start in range(0, len(records), CHUNK):
            body = put_records_body(record["body"] for record in records[start : start + CHUNK])
            headers = {
                "Content-Type": "application/x-amz-json-1.1",
                "X-Amz-Target": "Kinesis_20131202.PutRecords",
            }
            request = AWSRequest("POST", url, headers, body)
            signer.add_auth(request)
            connection.request("POST", "/", body, dict(request.headers.items()))
            if json.loads(connection.getresponse().read())["FailedRecordCount"]:
                raise RuntimeError("refused")

    return handler


def put_records_body(bodies: Any) -> bytes:
    """The body of a PutRecords request, each event under its own id."""
    entries = []
    for body in bodies:
        raw = body.encode()
        key = json.loads(raw)["id"].encode()
        entries.append(b'{"Data":"%b","PartitionKey":"%b"}' % (b2a_base64(raw, newline=False), key))
    return b'{"StreamARN":"%b","Records":[%b]}' % (ARN.encode(), b",".join(entries))


BLOG_POST = Contestant("blog post: client in the handler, put_record", blog_post, "event", cost=100)
MODULE_CLIENT = Contestant("module-level client, put_record", module_client, "event", cost=15)
BATCH_LOOP = Contestant("module-level client, put_records of 500", batch_loop, "batch")
LIBRARY = Contestant("trailforward, library", library, "batch")
LAMBDA_HANDLER = Contestant("trailforward, Lambda handler with metrics", lambda_handler, "batch")
FLOOR = Contestant("floor: parse, base64, sign, one request", floor, "batch")

ALL = (BLOG_POST, MODULE_CLIENT, BATCH_LOOP, LIBRARY, LAMBDA_HANDLER, FLOOR)


def environment(port: int) -> Mapping[str, str]:
    """What leads every AWS client to an answerer, and to nothing of the person who runs this."""
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }
