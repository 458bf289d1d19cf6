"""The built layer under AWS's own runtime client and runtime interface emulator."""

from __future__ import annotations

import json
import os
import platform
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest

from tests.support.events import envelope, sqs, sqs_record
from tests.support.receiver import Receiver, Slow, Status

if TYPE_CHECKING:
    from collections.abc import Mapping

samcli = pytest.importorskip("samcli", reason="samcli not installed here: run make test-stack")
pytest.importorskip("awslambdaric", reason="awslambdaric not installed here: run make test-stack")

ROOT = Path(__file__).parents[2]
MACHINE = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
EMULATOR = Path(samcli.__file__).parent / f"local/rapid/aws-lambda-rie-{MACHINE}"
SPY = """
import trailforward
from trailforward.handler import lambda_handler

def handler(event, context):
    return [lambda_handler(event, context), trailforward.__file__]
"""


@pytest.fixture(scope="session")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The layer for the Python that runs this, unpacked as Lambda unpacks it into /opt."""
    folder = tmp_path_factory.mktemp("opt")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    subprocess.run(
        [
            *("make", "-f", "layer/Makefile", "build-ForwarderLayer", f"ARTIFACTS_DIR={folder}"),
            *(f"LAYER_PYTHON={version}", f"LAYER_ARCHITECTURE={MACHINE}"),
        ],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return folder / "python" / "lib" / f"python{version}" / "site-packages"


class Emulated:
    """A function in the emulator. One request at a time: a second one would end it."""

    def __init__(self, layer: Path, task: Path, environ: Mapping[str, str], *, seconds: int = 30) -> None:
        (task / "spy.py").write_text(SPY)
        self._port = _free_port()
        self._log = task / "emulator.log"
        self._command = [
            str(EMULATOR),
            *("--runtime-interface-emulator-address", f"127.0.0.1:{self._port}"),
            *("--runtime-api-address", f"127.0.0.1:{_free_port()}"),
            *("--log-level", "info", sys.executable, "-m", "awslambdaric", "spy.handler"),
        ]
        self._task = task
        self._environ = {
            "PATH": os.environ["PATH"],
            # The layer comes before whatever this environment has installed.
            "PYTHONPATH": f"{task}:{layer}",
            "LAMBDA_TASK_ROOT": str(task),
            "AWS_REGION": "eu-west-1",
            "AWS_LAMBDA_FUNCTION_NAME": "trailforward",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(seconds),
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_ACCESS_KEY_ID": "ASIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_SESSION_TOKEN": "token",
            **environ,
        }

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command, cwd=self._task, env=self._environ, stdout=log, stderr=log
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def invoke(self, payload: Any) -> Any:
        """Sends one event; returns the function's response or error."""
        url = f"http://127.0.0.1:{self._port}/2015-03-31/functions/function/invocations"
        for _ in range(200):
            try:
                with urllib.request.urlopen(url, json.dumps(payload).encode(), timeout=600) as response:
                    return json.loads(response.read())
            except urllib.error.HTTPError as error:
                return json.loads(error.read())
            except urllib.error.URLError:  # not up yet
                assert self._process.poll() is None, self._log.read_text()
                time.sleep(0.05)
        raise AssertionError(self._log.read_text())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def test_a_direct_event_and_a_batch_are_forwarded_by_the_layer(layer: Path, tmp_path: Path) -> None:
    """The layer alone, and nothing else installed here, serves EventBridge and SQS."""
    with Receiver() as receiver, Emulated(layer, tmp_path, {"TRAILFORWARD_TO": receiver.url}) as function:
        response, file = function.invoke(json.loads(envelope(0)))
        assert response is None
        assert Path(file).is_relative_to(layer)
        response, _ = function.invoke(
            sqs(*(sqs_record(envelope(number), f"m-{number}") for number in (1, 2)))
        )
        assert response == {"batchItemFailures": []}
    assert receiver.requests[1].body == b"[" + envelope(1) + b"," + envelope(2) + b"]"


def test_a_partial_failure_names_the_message(layer: Path, tmp_path: Path) -> None:
    """Only the message that the destination refused goes back to the queue."""
    faults = [Status(400), Status(200), Status(400)]  # whole, first half, second half
    with (
        Receiver(faults) as receiver,
        Emulated(layer, tmp_path, {"TRAILFORWARD_TO": receiver.url}) as function,
    ):
        response, _ = function.invoke(
            sqs(*(sqs_record(envelope(number), f"m-{number}") for number in (1, 2)))
        )
    assert response == {"batchItemFailures": [{"itemIdentifier": "m-2"}]}


def test_the_deadline_is_respected(layer: Path, tmp_path: Path) -> None:
    """If a destination hangs, the function returns its response before Lambda's timeout."""
    with (
        Receiver([Slow(8)]) as receiver,
        Emulated(layer, tmp_path, {"TRAILFORWARD_TO": receiver.url}, seconds=3) as function,
    ):
        response, _ = function.invoke(sqs(sqs_record(envelope(1), "m-1")))
    assert response == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}


def test_a_wrong_configuration_is_an_init_error_with_every_fault(layer: Path, tmp_path: Path) -> None:
    """What Lambda shows of a function that cannot start names each fault and its fix."""
    with Emulated(layer, tmp_path, {"TRAILFORWARD_TO": "ftp://a.example http://b.example/"}) as function:
        response = function.invoke(sqs())
    assert response["errorType"] == "ConfigError"
    assert response["errorMessage"].count("Fix:") == 2
