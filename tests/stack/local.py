"""ministack, an AWS on this machine that runs Lambda functions without Docker, and ``sam`` pointed at it.

docs/local-aws.md lists where it deviates from AWS, and what these tests therefore do not prove.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

ROOT = Path(__file__).parents[2]
REGION = "eu-west-1"
ACCOUNT = "123456789012"
STACK = "trailforward"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
ARCHITECTURE = "arm64" if os.uname().machine == "aarch64" else "x86_64"

#: Types that ministack's CloudFormation does not know. They are left out of what is deployed, and looked at
#: in tests/sam instead.
UNKNOWN_TYPES = {
    "AWS::Events::EventBusPolicy",
    "AWS::CloudFormation::StackSet",
    "AWS::Logs::Delivery",
    "AWS::Logs::DeliveryDestination",
    "AWS::Logs::DeliverySource",
}
#: It refuses alarms on queries.
UNKNOWN_RESOURCES = {"LedgerAlarm", "UnavailableAlarm", "WaitingAlarm", "OutageAlarm", "CanaryAlarm"}

_ROOT_KEYS = {"AWS_ACCESS_KEY_ID": "rootkey", "AWS_SECRET_ACCESS_KEY": "rootsecret"}


def environ(endpoint: str = "") -> dict[str, str]:
    """Variables for tools: dummy credentials, no profile, no way to the real AWS."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TRAILFORWARD_"))
    }
    return {
        **kept,
        **_ROOT_KEYS,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "SAM_CLI_TELEMETRY": "0",
        **({"AWS_ENDPOINT_URL": endpoint} if endpoint else {}),
    }


def tool(*command: str | Path, env: dict[str, str], cwd: Path = ROOT) -> str:
    """Runs a tool of the environment that runs this test; returns what it printed."""
    first = str(Path(sys.executable).parent / str(command[0]))
    done = subprocess.run(
        [first, *map(str, command[1:])], cwd=cwd, env=env, capture_output=True, text=True, check=False
    )
    text = done.stdout + done.stderr
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{text}"
    return text


class Ministack:
    """The server, with IAM enforced, on a free port of 127.0.0.1.

    Args:
        folder: for its files and its log.
        extra: more variables; functions inherit them.
    """

    def __init__(self, folder: Path, **extra: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.endpoint = f"http://127.0.0.1:{port}"
        self.log = folder / "ministack.log"
        work = folder / "work"
        work.mkdir()
        self._env = {
            **environ(),
            "TMPDIR": str(work),
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "MINISTACK_REGION": REGION,
            "AUTH": "true",
            # These would listen on every interface.
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            **extra,
        }
        # Functions inherit it, and with it call AWS by botocore.
        self._env.pop("REQUESTS_CA_BUNDLE", None)
        self._clients: dict[str, Any] = {}

    def __enter__(self) -> Self:
        command = [str(Path(sys.executable).parent / "ministack")]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(command, env=self._env, stdout=log, stderr=subprocess.STDOUT)
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{self.endpoint}/_ministack/health", timeout=5).close()
            except (urllib.error.URLError, OSError):
                assert self._process.poll() is None, self.log.read_text()
                time.sleep(0.1)
            else:
                return self
        raise TimeoutError(self.log.read_text())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._clients.values():
            client.close()
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def client(self, service: str) -> Any:
        """A client with the keys of the account's root."""
        if service not in self._clients:
            import boto3
            from botocore.config import Config

            self._clients[service] = boto3.client(
                service,
                region_name=REGION,
                endpoint_url=self.endpoint,
                aws_access_key_id=_ROOT_KEYS["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=_ROOT_KEYS["AWS_SECRET_ACCESS_KEY"],
                config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
            )
        return self._clients[service]


def build(folder: Path, template: str = "template.yaml") -> Path:
    """``sam build`` for the Python and machine that run this test; returns the built template.

    ministack runs functions with that Python, whatever ``Runtime`` says.
    """
    made_for = {"PYTHON": PYTHON, "ARCHITECTURE": ARCHITECTURE}
    env = environ() | {f"{kind}_{name}": made_for[name] for kind in ("LAYER", "AUDIT") for name in made_for}
    tool("sam", "build", "--template", ROOT / "sam" / template, "--build-dir", folder, env=env)
    return folder / "template.yaml"


def allow_batches(aws: Ministack, function: str) -> None:
    """Adds the batch actions to a function's role, because ministack checks them separately."""
    iam = aws.client("iam")
    role = aws.client("lambda").get_function_configuration(FunctionName=function)["Role"].rpartition("/")[2]
    policy = iam.get_role_policy(RoleName=role, PolicyName="trailforward")["PolicyDocument"]
    batches = [
        {**statement, "Action": f"{statement['Action']}Batch"}
        for statement in policy["Statement"]
        if statement["Action"] in ("sns:Publish", "sqs:SendMessage")
    ]
    document = json.dumps({"Version": "2012-10-17", "Statement": batches})
    iam.put_role_policy(RoleName=role, PolicyName="ministack", PolicyDocument=document)


def package(aws: Ministack, template: Path) -> dict[str, Any]:
    """``sam package``: what the template becomes when its files have been uploaded."""
    target = template.with_name("packaged.json")
    tool(
        *("sam", "package", "--template-file", template, "--resolve-s3", "--use-json"),
        *("--output-template-file", target),
        env=environ(aws.endpoint),
    )
    packaged: dict[str, Any] = json.loads(target.read_text())
    return packaged


def without_unknown(template: Path) -> list[str]:
    """Takes out of a built template what ministack does not know; returns the names."""
    edit = Path(__file__).with_name("edit.py")
    wanted = [json.dumps(sorted(UNKNOWN_TYPES)), json.dumps(sorted(UNKNOWN_RESOURCES))]
    text = tool("python", edit, template, *wanted, env=environ())
    names: list[str] = json.loads(text)
    return names


def deploy(aws: Ministack, template: Path, *, stack: str = STACK, **parameters: str) -> dict[str, str]:
    """``sam deploy``; returns the stack's outputs."""
    chosen = template.with_name("parameters.yaml")
    chosen.write_text(json.dumps(parameters))
    tool(
        *("sam", "deploy", "--template-file", template, "--stack-name", stack, "--resolve-s3"),
        *("--capabilities", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"),
        *("--no-confirm-changeset", "--no-fail-on-empty-changeset", "--no-progressbar"),
        *("--parameter-overrides", f"file://{chosen}"),
        env=environ(aws.endpoint),
    )
    (made,) = aws.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in made["Outputs"]}
