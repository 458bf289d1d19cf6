"""The worst receivers, and the ways to call them: what tests and trials of slow destinations share."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from tests.support.receiver import ENDLESS_CONTINUE, Fault, Mute, Receiver, Trickle

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Receivers that keep a call busy for as long as it likes to wait.
WORST: Mapping[str, Fault] = {
    "a byte at a time": Trickle(seconds=0.05),
    "a body that never ends": Trickle(b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n", seconds=0.05),
    "until the connection ends": Trickle(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", seconds=0.05),
    "endless 100 Continue": ENDLESS_CONTINUE,
    "silence": Mute(),
}

_KINESIS = '[sinks.a]\nto = "arn:aws:kinesis:eu-west-1:111122223333:stream/cloudsec"\n'
#: How the destination is called → the configuration.
WAYS = {
    "http": '[sinks.a]\nto = "{url}"\nbatch = "single"\n',
    "https": '[sinks.a]\nto = "{url}"\nbatch = "single"\nca_file = "{ca_file}"\n',
    "direct": _KINESIS,
    "botocore": 'aws_client = "botocore"\n' + _KINESIS,
}


def invoke(way: str, fault: Fault, *, count: int, seconds: float) -> tuple[dict[str, int], dict[str, int]]:
    """Invokes a forwarder against a receiver, in a process of its own.

    Args:
        way: a key of :data:`WAYS`.
        fault: what the receiver does to every request.
        count: invocations.
        seconds: remaining time of each; half of it is for sending.

    Returns:
        The numbers of threads, file descriptors, connections, and bytes of memory after a tenth of the
        invocations and at the end.
    """
    with Receiver(then=fault, tls="localhost" if way == "https" else "") as receiver:
        config = WAYS[way].format(url=receiver.url, ca_file=receiver.ca_file)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{receiver.port}",
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "example",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "POWERTOOLS_METRICS_DISABLED": "true",
        }
        for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
            environment.pop(name, None)
        command = [sys.executable, "-m", "tests.support.slow_invocations", config, str(count), str(seconds)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2_000:]
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        assert len(receiver.requests) >= 1
        return found["first"], found["last"]
