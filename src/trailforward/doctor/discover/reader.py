"""Reader: makes the calls of ``api_calls`` in one account, and classifies errors."""

from __future__ import annotations

import re
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any

from trailforward.aws.session import make_client, new_session, require_botocore
from trailforward.doctor.discover.api_calls import CALLS
from trailforward.doctor.world.regions import global_region, partition_of
from trailforward.errors import TrailforwardError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from trailforward.doctor.discover.api_calls import ApiCall

#: Attempts for one call; botocore's standard mode waits up to 20 seconds in between, with jitter.
ATTEMPTS = 6
CONNECT_TIMEOUT = 5
READ_TIMEOUT = 20

_PAGES = 1000
_OK = 200
#: Error codes that say that something does not exist.
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


#: The code of an error for a response that is not what the API returns.
UNUSUAL = "UnusualResponse"
#: The code of an error for a call that would begin after the reader's time is over.
OUT_OF_TIME = "OutOfTime"
#: The code of an error for a call that would begin after somebody pressed Ctrl-C.
INTERRUPTED = "Interrupted"
#: Error codes of credentials that worked before and no longer do. Some services send the code of invalid
#: credentials, with a message that says that they expired.
#: Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_disable-perms.html
_EXPIRED = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        INTERRUPTED,
        OUT_OF_TIME,  # nothing more can be read, as without credentials, and the rest can be read later
        "RequestExpired",
        "SSOTokenLoadError",
        "TokenRefreshRequired",
        "TokenRetrievalError",
        "UnauthorizedSSOTokenError",
    }
)
_INVALID = frozenset({"AuthFailure", "InvalidClientTokenId", "UnrecognizedClientException"})
#: The kind of policy that AWS names as the reason of a denial.
#: Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
_DENIED_BY = re.compile(
    r"(?:explicit deny in (?:an? )?|because no )((?:service control|resource control|session) policy"
    r"|permissions boundary|VPC endpoint policy)"
)


class TimeLimit:
    """When reading ends. Shared by all readers of a run.

    Args:
        until: as :func:`time.monotonic` counts; None for no limit. A call that has begun may take some
            minutes longer if AWS throttles it.
    """

    def __init__(self, until: float | None = None) -> None:
        self._until = until
        self._interrupted = False

    def interrupt(self) -> None:
        """Ends reading now. Signal handlers and other threads may call this."""
        self._interrupted = True

    @property
    def over(self) -> str:
        """The code of the error that calls raise from now on; empty as long as reading may continue."""
        if self._interrupted:
            return INTERRUPTED
        return OUT_OF_TIME if self._until is not None and monotonic() >= self._until else ""


class AwsCallError(TrailforwardError):
    """AWS rejected a call, or did not respond.

    Attributes:
        call: the call's row in ``api_calls``.
        code: AWS's error code, or the class name of botocore's exception.
        message: AWS's message.
        missing: whether AWS says that the resource does not exist.
        expired: whether the credentials have expired, or the reader's time is over.
        denied_by: the kind of policy that denies the call, if it is not one that the caller's own account can
            simply change: ``service control policy``; else empty.
    """

    def __init__(self, call: ApiCall, code: str, message: str) -> None:
        self.call = call
        self.code = code
        self.message = message
        self.missing = code in _MISSING
        self.expired = code in _EXPIRED or (code in _INVALID and "expired" in message)
        found = _DENIED_BY.search(message)
        self.denied_by = found[1] if found else ""
        super().__init__(f"{call.service}:{call.operation}: {code}{f' ({message})' if message else ''}")


class Reader:
    """Read-only access to AWS with one identity.

    Args:
        session: a botocore session; by default, one with the environment's credentials.
        region: used to find the partition; by default, the environment's Region.
        renew: creates a session with new credentials when the session's have expired; None if nothing can.
        limit: when to stop; by default, reading has no limit.
        external_id: the external ID to assume roles with; empty for none.

    Attributes:
        expired: the error that says that the credentials have expired, or that the time is over; None as long
            as calls are possible. Then every call raises it, without a request.

    Raises:
        MissingExtraError: botocore is not installed.
        AwsCallError: the session cannot be created (for example, the profile does not exist).
    """

    def __init__(
        self,
        session: Any = None,
        region: str | None = None,
        renew: Callable[[], Any] | None = None,
        *,
        limit: TimeLimit | None = None,
        external_id: str = "",
    ) -> None:
        require_botocore("reading AWS")
        from botocore.exceptions import BotoCoreError

        self._session = session or _new_session()
        try:
            region = region or self._session.get_config_variable("region") or "us-east-1"
        except BotoCoreError as error:
            raise AwsCallError(CALLS["sts", "GetCallerIdentity"], type(error).__name__, str(error)) from None
        self.global_region = global_region(partition_of(region))
        self.expired: AwsCallError | None = None
        self._limit = limit or TimeLimit()
        self._external_id = external_id
        self._renew = renew
        self._renewals = 0
        self._renewing = threading.Lock()
        self._old_clients: list[Any] = []
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()  # creating clients from one session is not thread-safe

    def call(self, service: str, operation: str, region: str = "", **parameters: Any) -> dict[str, Any]:
        """Makes one call of ``api_calls``.

        Args:
            service: the service's name in botocore.
            operation: the API's operation name.
            region: the Region; by default, the Region of global endpoints.
            **parameters: the call's parameters.

        Raises:
            AwsCallError: AWS rejected the call, did not respond after :data:`ATTEMPTS` attempts, or responded
                with something else than the API returns.
        """
        row = CALLS[service, operation]
        if self.expired is None and (over := self._limit.over):
            self.expired = AwsCallError(row, over, "the time for reading is over")
        if self.expired is not None:
            raise AwsCallError(row, self.expired.code, self.expired.message)
        renewals = self._renewals
        try:
            return self._call(row, region, parameters)
        except AwsCallError as error:
            if not error.expired:
                raise
            self._with_new_credentials(renewals, error)
        return self._call(row, region, parameters)

    def _call(self, row: ApiCall, region: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        from botocore import exceptions, xform_name

        try:
            client = self._client(row.service, region or self.global_region)
            response: dict[str, Any] = getattr(client, xform_name(row.operation))(**parameters)
        except exceptions.ClientError as error:
            details = error.response.get("Error", {})
            code = str(details.get("Code") or "Unknown").rpartition("#")[2]
            raise AwsCallError(row, code, str(details.get("Message") or "")) from None
        except exceptions.BotoCoreError as error:
            raise AwsCallError(row, type(error).__name__, str(error).partition("\n")[0]) from None
        except Exception as error:  # noqa: BLE001  # botocore's parsers raise anything for unusual responses
            raise AwsCallError(row, UNUSUAL, f"{type(error).__name__}: {error}".partition("\n")[0]) from None
        return response

    def _with_new_credentials(self, renewals: int, error: AwsCallError) -> None:
        """Assumes the role again, once for all threads whose call failed with the same credentials.

        Raises:
            AwsCallError: nothing can renew the credentials, or the role can no longer be assumed.
        """
        with self._renewing:
            if self._renewals != renewals:
                return
            if self._renew is None:
                self.expired = error
                raise error
            try:
                session = self._renew()
            except AwsCallError as failed:
                self.expired = failed if failed.expired else None
                raise
            with self._lock:
                self._session = session
                self._old_clients += self._clients.values()  # other threads may be using them
                self._clients = {}
            self._renewals += 1

    def items(self, service: str, operation: str, key: str, region: str = "", **parameters: Any) -> list[Any]:
        """Reads a whole list, page by page.

        Args:
            service: the service's name in botocore.
            operation: the API's operation name.
            key: the response's key that holds the list's items.
            region: the Region.
            **parameters: the call's parameters.

        Raises:
            AwsCallError: AWS rejected the call, or did not respond.
        """
        token = CALLS[service, operation].token
        found: list[Any] = []
        more: Mapping[str, Any] = {}
        for _ in range(_PAGES):
            response = self.call(service, operation, region, **parameters, **more)
            listed = response.get(key) or []
            if not isinstance(listed, list):
                raise AwsCallError(CALLS[service, operation], UNUSUAL, f"{key} is not a list")
            found += listed
            if not response.get(token):
                break
            more = {token: response[token]}
        return found

    def assume(self, role: str) -> Reader:
        """A reader with an assumed role, which assumes it again when its credentials expire.

        Raises:
            AwsCallError: the role cannot be assumed.
        """

        def session() -> Any:
            identified = {"ExternalId": self._external_id} if self._external_id else {}
            assumed = self.call(
                "sts", "AssumeRole", RoleArn=role, RoleSessionName="trailforward-doctor", **identified
            )
            keys = assumed["Credentials"]
            created = _new_session()
            # Loading service models is slow: all accounts share one loader.
            created.register_component("data_loader", self._session.get_component("data_loader"))
            created.set_credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
            return created

        return Reader(session(), self.global_region, session, limit=self._limit)

    def close_region(self, region: str) -> None:
        """Closes the connections to a Region that is no longer needed."""
        with self._lock:
            done = [key for key in self._clients if key[1] == region != self.global_region]
            clients = [self._clients.pop(key) for key in done]
        for client in clients:
            client.close()

    def close(self) -> None:
        """Closes all connections."""
        while self._clients:
            self._clients.popitem()[1].close()
        while self._old_clients:
            self._old_clients.pop().close()

    def _client(self, service: str, region: str) -> Any:
        with self._lock:
            if (service, region) not in self._clients:
                self._clients[service, region] = make_client(
                    service,
                    region,
                    connect_timeout=CONNECT_TIMEOUT,
                    read_timeout=READ_TIMEOUT,
                    attempts=ATTEMPTS,
                    session=self._session,
                    agent="trailforward-doctor",
                )
            return self._clients[service, region]


def _new_session() -> Any:
    """A session whose clients refuse responses that are not JSON; botocore takes them for empty ones."""
    session = new_session(regional_sts=True)
    session.register("before-parse", _check_json)
    return session


def _check_json(operation_model: Any, response_dict: Any, **_: Any) -> None:
    import json

    protocol = operation_model.service_model.metadata.get("protocol", "")
    body = response_dict.get("body")
    if protocol in {"json", "rest-json"} and response_dict["status_code"] == _OK and body:
        json.loads(body)
