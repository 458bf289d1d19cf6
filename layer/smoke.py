"""Unpacks a layer and forwards an event with it; a second message is invalid. Fails if Python compiles code.

    python3.13 -I -S layer/smoke.py build/layer/trailforward-python3.13-x86_64.zip FOLDER_WITH_BOTO3

Run it with the layer's Python version and architecture. ``-I -S`` keep everything else off the path, so that
only the standard library, the layer, and boto3, which the Lambda runtime has, can be imported. The event goes
to a loopback receiver twice: as an HTTP request and as a Firehose call.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import platform
import sys
import tempfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

STREAM = "arn:aws:firehose:us-west-2:111122223333:deliverystream/smoke"
EVENT = json.dumps(
    {
        "version": "0",
        "id": "11111111-0000-4000-8000-000000000000",
        "detail-type": "AWS API Call via CloudTrail",
        "source": "aws.ec2",
        "account": "111122223333",
        "time": "2026-05-04T09:15:00Z",
        "region": "eu-west-1",
        "resources": [],
        "detail": {
            "eventVersion": "1.11",
            "userIdentity": {"type": "IAMUser", "userName": "rosa", "accountId": "111122223333"},
            "eventTime": "2026-05-04T09:15:00Z",
            "eventSource": "ec2.amazonaws.com",
            "eventName": "StopInstances",
            "awsRegion": "eu-west-1",
            "eventID": "00000000-0000-4000-8000-000000000000",
            "recipientAccountId": "111122223333",
        },
    }
)


def batch(*bodies: str) -> dict[str, Any]:
    """Returns the payload of an SQS event source mapping."""
    return {
        "Records": [
            {
                "messageId": f"m-{number}",
                "body": body,
                "attributes": {},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-west-1:111122223333:trailforward",
            }
            for number, body in enumerate(bodies)
        ]
    }


class Receiver(BaseHTTPRequestHandler):
    """Accepts every request with a Firehose response, which the HTTP sink ignores."""

    bodies: list[bytes] = []  # noqa: RUF012  # one run, one list

    def do_POST(self) -> None:  # noqa: D102
        self.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        response = b'{"FailedPutCount": 0, "RequestResponses": [{"RecordId": "1"}]}'
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(response)))
        self.end_headers()
        self.wfile.write(response)

    def log_message(self, *_: object) -> None:  # noqa: D102
        pass


def count_compilations() -> list[str]:
    """Returns a list to which the path of every source that an import compiles is added from now on."""
    compiled: list[str] = []
    original = SourceFileLoader.source_to_code

    def counting(self: SourceFileLoader, data: Any, path: Any, **options: Any) -> Any:
        compiled.append(str(path))
        return original(self, data, path, **options)

    SourceFileLoader.source_to_code = counting  # type: ignore[method-assign,assignment]
    return compiled


def forward(url: str) -> Any:
    """Runs the layer's handler with two destinations; returns its response."""
    os.environ |= {
        "TRAILFORWARD_TO": f"{url} {STREAM}",
        "AWS_ENDPOINT_URL_FIREHOSE": url,
        "AWS_LAMBDA_FUNCTION_NAME": "smoke",
        "AWS_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "ASIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    import trailforward
    from trailforward.handler import lambda_handler

    # The models too, because functions with their own code parse events.
    (parsed,) = trailforward.parse(batch(EVENT))
    check(parsed.detail.event_name == "StopInstances", f"parsed {parsed!r}")
    # The invalid message causes a log line, for which Powertools is imported.
    return lambda_handler(batch(EVENT, "no event"), None)


def check(holds: object, text: str) -> None:
    """Exits with an error if the condition is false."""
    if not holds:
        sys.exit(f"smoke: {text}")


def main(archive: str, *further: str) -> None:
    """Tests one layer; further folders contain the runtime's packages."""
    # As in Lambda, where /opt is read-only, no bytecode is written.
    sys.dont_write_bytecode = True
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    with tempfile.TemporaryDirectory() as folder:
        zipfile.ZipFile(archive).extractall(folder)
        site = str(Path(folder, "python", "lib", f"python{version}", "site-packages"))
        check(Path(site).is_dir(), f"{archive} is not for Python {version}")
        sys.path += [site, *further]
        compiled = count_compilations()
        with HTTPServer(("127.0.0.1", 0), Receiver) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            with contextlib.redirect_stdout(io.StringIO()):  # metrics
                response = forward(f"http://127.0.0.1:{server.server_port}/")
            server.shutdown()
        check(response == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}, f"response {response}")
        arrived = [
            base64.b64decode(json.loads(body)["Records"][0]["Data"]) if body.startswith(b'{"') else body
            for body in Receiver.bodies
        ]
        wanted = [f"[{EVENT}]".encode(), f"{EVENT}\n".encode()]
        check(sorted(arrived) == sorted(wanted), f"received {arrived}")
        loaded = [name for name, module in sys.modules.items() if _file(module).startswith(site)]
        recompiled = [path for path in compiled if path.startswith(site)]
    check(not recompiled, f"compiled {len(recompiled)} modules of the layer, such as {recompiled[:3]}")
    here = f"Python {platform.python_version()} on {platform.machine()}"
    print(f"{here}: 2 deliveries, {len(loaded)} modules of the layer, 0 compiled")


def _file(module: object) -> str:
    return getattr(module, "__file__", None) or ""


if __name__ == "__main__":
    main(*sys.argv[1:])
