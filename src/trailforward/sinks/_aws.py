"""botocore clients for sinks, and one reading of AWS's errors: may the same call succeed later?"""

from __future__ import annotations

import re
import threading
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from trailforward.errors import MissingExtraError, PermanentError, SinkError, TransientError

if TYPE_CHECKING:
    from collections.abc import Collection

#: Codes that every service may answer with and that pass. The sinks add their own (facts: API models).
TRANSIENT = frozenset(
    {
        "InternalError",
        "InternalFailure",
        "InternalFailureException",
        "InternalServerError",
        "InternalServiceException",
        "KMSThrottling",
        "KMSThrottlingException",
        "KmsThrottled",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        # Credentials that expired while the call was under way are renewed by the next attempt.
        "ExpiredToken",
        "ExpiredTokenException",
        "RequestExpired",
    }
)

#: Codes by which AWS blames what was sent: a whole call, where one entry may be the cause, or an entry.
BLAMING = frozenset(
    {
        "413",
        "BatchRequestTooLong",
        "InvalidArgument",
        "InvalidArgumentException",
        "InvalidMessageContents",
        "InvalidParameter",
        "InvalidParameterException",
        "InvalidParameterValue",
        "ParameterValueInvalid",
        "RequestEntityTooLarge",
        "RequestEntityTooLargeException",
        "SerializationException",
        "ValidationError",
        "ValidationException",
    }
)

#: Seconds to wait for a connection, and between two bytes of an answer.
CONNECT_TIMEOUT = 3.0
READ_TIMEOUT = 10.0

_THROTTLED = 429
_SERVER_ERROR = 500


class Client:
    """A botocore client, made on first use and shared by all threads.

    Importing botocore and making a client are the dearest steps of a cold start, so they happen only
    where a batch is really sent. Retries are the forwarder's: botocore makes one attempt.

    Args:
        service: botocore's name of the service.
        region: from the destination's ARN.
        connect_timeout: seconds; :data:`CONNECT_TIMEOUT` by default.
        read_timeout: seconds between two bytes of an answer; :data:`READ_TIMEOUT` by default.

    Raises:
        MissingExtraError: botocore is not installed.
    """

    def __init__(
        self,
        service: str,
        region: str,
        *,
        connect_timeout: float | None = None,
        read_timeout: float | None = None,
    ) -> None:
        if find_spec("botocore") is None:
            raise MissingExtraError(f"talking to AWS ({service})", "aws")
        self._service = service
        self._region = region
        self._timeouts = connect_timeout or CONNECT_TIMEOUT, read_timeout or READ_TIMEOUT
        self._client: Any = None

    @property
    def botocore(self) -> Any:
        """The botocore client itself.

        Raises:
            TransientError: it cannot be made here and now (a profile that is not there, a bad endpoint).
        """
        client = self._client
        if client is None:
            with _lock:  # a session is not safe to make clients from several threads
                client = self._client = self._client or self._make()
        return client

    def close(self) -> None:
        """Gives up the connections. The next call makes new ones."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _make(self) -> Any:
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError

        from trailforward import __version__

        connect, read = self._timeouts
        config = Config(
            connect_timeout=connect,
            read_timeout=read,
            retries={"total_max_attempts": 1},
            tcp_keepalive=True,
            user_agent_extra=f"trailforward/{__version__}",
        )
        try:
            return _session().create_client(self._service, region_name=self._region, config=config)
        except (BotoCoreError, ValueError) as error:
            raise TransientError(type(error).__name__, _first_line(error)) from None

    def call(self, operation: str, *, transient: Collection[str] = (), **parameters: Any) -> dict[str, Any]:
        """One call, one attempt.

        Args:
            operation: botocore's method name.
            transient: error codes of this service that pass, beside :data:`TRANSIENT`.
            **parameters: of the call.

        Raises:
            TransientError: throttled, server error, or no answer (the call may have been carried out).
            PermanentError: refused. Divisible where AWS blames the request, since one entry may be the cause.
        """
        method = getattr(self.botocore, operation)
        from botocore import exceptions
        from botocore.parsers import ResponseParserError

        try:
            answer: dict[str, Any] = method(**parameters)
        except exceptions.ClientError as error:
            raise _refusal(error, transient) from None
        except exceptions.ParamValidationError as error:
            raise PermanentError("ParamValidation", _first_line(error), divisible=True) from None
        except (exceptions.NoCredentialsError, exceptions.PartialCredentialsError) as error:
            raise PermanentError("NoCredentials", _first_line(error)) from None
        except exceptions.BotoCoreError as error:
            # Timeouts, resets, cut-off answers: whether the call was carried out is unknown.
            raise TransientError(type(error).__name__, _first_line(error)) from None
        except (ResponseParserError, AttributeError, LookupError, TypeError, ValueError) as error:
            # botocore's parsers refuse answers that AWS would not give, or stumble over them.
            text = f"the answer made no sense ({type(error).__name__})"
            raise TransientError(UNREADABLE, text) from None
        return answer


#: The code of an answer that does not say what became of the entries.
UNREADABLE = "unreadable_answer"

_lock = threading.Lock()
_sessions: list[Any] = []


def _session() -> Any:
    """One botocore session: the second client of a session costs a tenth of the first."""
    if not _sessions:
        from botocore.session import Session

        _sessions.append(Session())
    return _sessions[0]


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _refusal(error: Any, transient: Collection[str]) -> SinkError:
    """Sorts an answer of AWS by its code, or by its HTTP status where the code is unknown."""
    details = error.response.get("Error", {})
    code = str(details.get("Code") or "Unknown").rpartition("#")[2]
    message = without_values(str(details.get("Message") or ""))
    metadata = error.response.get("ResponseMetadata", {})
    status = metadata.get("HTTPStatusCode", 0)
    # SQS in query-compatible mode prefixes some codes: AWS.SimpleQueueService.NonExistentQueue.
    short = code.rpartition(".")[2]
    if {code, short} & (TRANSIENT | set(transient)) or status >= _SERVER_ERROR or status == _THROTTLED:
        return TransientError(short, message, retry_after=_seconds(metadata))
    return PermanentError(short, message, divisible=short in BLAMING)


#: ``Value '…' at 'records.1.member.data' failed to satisfy constraint``: the value may be an event.
_VALUE = re.compile(r"""\bvalue:?\s*['"(\[].*['")\]]\s*(?=(at|for)\b)""", re.IGNORECASE | re.DOTALL)
_MESSAGE_CHARACTERS = 300


def without_values(message: str) -> str:
    """AWS's words without what they may repeat of the request: reasons are logged, payloads never."""
    return _VALUE.sub("a value ", message)[:_MESSAGE_CHARACTERS]


def _seconds(metadata: dict[str, Any]) -> float | None:
    value = metadata.get("HTTPHeaders", {}).get("retry-after", "")
    return float(value) if value.isascii() and value.isdigit() else None


def caller_role(region: str | None = None) -> tuple[str, str] | None:
    """(account, role name) of the role this process runs as; None if it is none or STS is silent."""
    from trailforward.arn import Arn

    try:
        client = Client("sts", region or "us-east-1", connect_timeout=1.0, read_timeout=1.0)
        arn = Arn.parse(client.call("get_caller_identity")["Arn"])
    except (SinkError, MissingExtraError, ValueError, KeyError):
        return None
    kind, _, rest = arn.resource.partition("/")
    return (arn.account, rest.partition("/")[0]) if kind == "assumed-role" else None
