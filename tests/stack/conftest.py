from __future__ import annotations

import os
import shutil
import ssl
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.stack import local

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.stack.destinations import Destinations

MISSING = [name for name in ("samcli", "ministack", "trustme") if find_spec(name) is None]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without the tools these tests say so, instead of failing."""
    if MISSING:
        here = Path(__file__).parent
        for item in items:
            if here in item.path.parents:
                reason = f"{', '.join(MISSING)} not installed here: run make test-stack"
                item.add_marker(pytest.mark.skip(reason=reason))


class Deployed:
    """The stack as it runs in ministack.

    Attributes:
        aws: the server.
        whole: the template as built.
        template: the same without what ministack does not know.
        left_out: names of what was taken out.
        destinations: where the events go.
        parameters: that the stack was deployed with.
        outputs: of the stack.
    """

    def __init__(
        self, aws: local.Ministack, template: Path, left_out: list[str], destinations: Destinations
    ) -> None:
        self.aws = aws
        self.whole = template.with_name("whole.yaml")
        self.template = template
        self.left_out = left_out
        self.destinations = destinations
        self.parameters = {
            **destinations.parameters,
            "Topology": "hub",
            # PutEvents refuses a source "aws.…", on AWS as well; those of the test must pass.
            "EventPattern": '{"detail-type": [{"suffix": " via CloudTrail"}]}',
            # Nobody wants to wait.
            "RetryDelay": "8",
            "Timeout": "30",
        }
        self.outputs = local.deploy(aws, template, **self.parameters)
        local.allow_batches(aws, self.outputs["FunctionName"])

    @property
    def role(self) -> str:
        """Name of the function's role."""
        function = self.aws.client("lambda").get_function_configuration(
            FunctionName=self.outputs["FunctionName"]
        )
        arn: str = function["Role"]
        return arn.rpartition("/")[2]


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """``sam build && sam deploy`` of the hub, with every kind of destination."""
    import trustme

    from tests.stack.destinations import Destinations, Siem

    folder = tmp_path_factory.mktemp("stack")
    template = local.build(folder / "build")
    shutil.copy(template, template.with_name("whole.yaml"))
    left_out = local.without_unknown(template)
    authority = trustme.CA()
    # The function trusts it through the variable: ministack hands its environment on.
    bundle = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    with Siem(tls) as siem, local.Ministack(folder, SSL_CERT_FILE=str(bundle)) as aws:
        destinations = Destinations(aws, siem)
        try:
            yield Deployed(aws, template, left_out, destinations)
        finally:
            if keep := os.environ.get("TRAILFORWARD_STACK_LOG"):
                Path(keep).write_bytes(aws.log.read_bytes())


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Prints a line even while pytest captures output."""
    said: list[str] = []

    def say(text: str) -> None:
        lines = [f"    {line}" for line in text.splitlines()]
        with capsys.disabled():
            # The first line ends the one that names the test.
            print(*([] if said else [""]), *lines, sep="\n")  # noqa: T201
        said.extend(lines)

    return say
