"""Reader: makes the calls of the table in one account, and sorts what AWS refuses."""

from __future__ import annotations

import threading
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from trailforward.doctor.discover.calls import CALLS
from trailforward.doctor.regions import partition_of
from trailforward.errors import MissingExtraError, TrailforwardError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trailforward.doctor.discover.calls import ApiCall

#: Attempts of one call; botocore's standard mode waits in between, with jitter, up to 20 seconds.
ATTEMPTS = 6
CONNECT_TIMEOUT = 5
READ_TIMEOUT = 20

_PAGES = 1000
#: Codes by which services say that something does not exist.
_MISSING = frozenset(
    {
        "AWS.SimpleQueueService.NonExistentQueue",
        "AWSOrganizationsNotInUseException",
        "InsightNotEnabledException",
        "NoSuchEntity",
        "NotFound",
        "NotFoundException",
        "QueueDoesNotExist",
        "ResourceNotFoundException",
    }
)
#: Where a partition's global services answer.
_CENTRES = {"aws": "us-east-1", "aws-us-gov": "us-gov-west-1", "aws-cn": "cn-north-1"}


class LookError(TrailforwardError):
    """A call that AWS refused, or that got no answer.

    Attributes:
        call: the row of the table.
        code: AWS's code, or the kind of error.
        missing: whether AWS says that the thing does not exist.
    """

    def __init__(self, call: ApiCall, code: str, message: str) -> None:
        self.call = call
        self.code = code
        self.missing = code in _MISSING
        super().__init__(f"{call.service}:{call.operation}: {code}{f' ({message})' if message else ''}")


class Reader:
    """Read-only AWS, as one identity.

    Args:
        session: a botocore session; by default the one of the environment.
        region: where global services are asked; by default the environment's Region.

    Raises:
        MissingExtraError: botocore is not installed.
        LookError: the session cannot be made (a profile that is not there).
    """

    def __init__(self, session: Any = None, region: str | None = None) -> None:
        if find_spec("botocore") is None:
            raise MissingExtraError("looking at AWS", "aws")
        from botocore.exceptions import BotoCoreError

        self._session = session or _session()
        try:
            region = region or self._session.get_config_variable("region") or "us-east-1"
        except BotoCoreError as error:
            raise LookError(CALLS["sts", "GetCallerIdentity"], type(error).__name__, str(error)) from None
        self.centre = _CENTRES[partition_of(region)]
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()  # a session is not safe to make clients from several threads

    def call(self, service: str, operation: str, region: str = "", **parameters: Any) -> dict[str, Any]:
        """One call of the table.

        Args:
            service: botocore's name.
            operation: the API's name.
            region: where; by default where global services are asked.
            **parameters: of the call.

        Raises:
            LookError: refused, or no answer, after :data:`ATTEMPTS` attempts.
        """
        from botocore import exceptions, xform_name
        from botocore.parsers import ResponseParserError

        row = CALLS[service, operation]
        try:
            client = self._client(service, region or self.centre)
            answer: dict[str, Any] = getattr(client, xform_name(operation))(**parameters)
        except exceptions.ClientError as error:
            details = error.response.get("Error", {})
            code = str(details.get("Code") or "Unknown").rpartition("#")[2]
            raise LookError(row, code, str(details.get("Message") or "")) from None
        except (exceptions.BotoCoreError, ResponseParserError, ValueError) as error:
            raise LookError(row, type(error).__name__, str(error).partition("\n")[0]) from None
        return answer

    def items(self, service: str, operation: str, key: str, region: str = "", **parameters: Any) -> list[Any]:
        """A whole list, page by page.

        Args:
            service: botocore's name.
            operation: the API's name.
            key: where an answer holds its part of the list.
            region: where.
            **parameters: of the call.

        Raises:
            LookError: refused, or no answer.
        """
        token = CALLS[service, operation].token
        found: list[Any] = []
        more: Mapping[str, Any] = {}
        for _ in range(_PAGES):
            answer = self.call(service, operation, region, **parameters, **more)
            found += answer.get(key) or ()
            if not answer.get(token):
                break
            more = {token: answer[token]}
        return found

    def assume(self, role: str) -> Reader:
        """The same as another role; for an hour, which is more than a look takes.

        Raises:
            LookError: the role cannot be taken.
        """
        taken = self.call("sts", "AssumeRole", RoleArn=role, RoleSessionName="trailforward-doctor")
        keys = taken["Credentials"]
        session = _session()
        # Reading the services' models is dear: once for all accounts.
        session.register_component("data_loader", self._session.get_component("data_loader"))
        session.set_credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
        return Reader(session, self.centre)

    def leave(self, region: str) -> None:
        """Gives up the connections to a Region that nobody is looking at any more."""
        with self._lock:
            done = [key for key in self._clients if key[1] == region != self.centre]
            clients = [self._clients.pop(key) for key in done]
        for client in clients:
            client.close()

    def close(self) -> None:
        """Gives up all connections."""
        while self._clients:
            self._clients.popitem()[1].close()

    def _client(self, service: str, region: str) -> Any:
        with self._lock:
            if (service, region) not in self._clients:
                from botocore.config import Config

                from trailforward._version import __version__

                config = Config(
                    connect_timeout=CONNECT_TIMEOUT,
                    read_timeout=READ_TIMEOUT,
                    retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
                    user_agent_extra=f"trailforward-doctor/{__version__}",
                )
                self._clients[service, region] = self._session.create_client(
                    service, region_name=region, config=config
                )
            return self._clients[service, region]


def _session() -> Any:
    """A session whose STS is asked in a Region: opt-in Regions refuse tokens of the global endpoint.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_enable-regions.html
    """
    from botocore.session import Session

    session = Session()
    session.set_config_variable("sts_regional_endpoints", "regional")
    return session
