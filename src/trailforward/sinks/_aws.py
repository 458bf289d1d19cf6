"""How sinks call AWS: directly where that is the same, else by botocore."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from trailforward.errors import MissingExtraError, PermanentError, SinkError, TransientError
from trailforward.sinks import _direct
from trailforward.sinks._refusals import UNREADABLE, refusal

if TYPE_CHECKING:
    from collections.abc import Collection

    from trailforward.sinks._api import Api

#: Seconds to wait for a connection, and between two bytes of an answer.
CONNECT_TIMEOUT = 3.0
READ_TIMEOUT = 10.0


class Client:
    """A service in a Region, shared by all threads.

    Importing botocore and making a client are the dearest steps of a cold start. The batch calls do without
    where the environment has plain credentials and nothing else that botocore obeys (``_direct.py``). What
    is needed is made with the first call. Retries are the forwarder's: either way makes one attempt.

    Args:
        service: botocore's name of the service.
        region: from the destination's ARN.
        direct: False to call by botocore always.
        connect_timeout: seconds; :data:`CONNECT_TIMEOUT` by default.
        read_timeout: seconds between two bytes of an answer; :data:`READ_TIMEOUT` by default.

    Raises:
        MissingExtraError: botocore is needed, and is not installed.
    """

    def __init__(
        self,
        service: str,
        region: str,
        *,
        direct: bool = True,
        connect_timeout: float | None = None,
        read_timeout: float | None = None,
    ) -> None:
        self._service = service
        self._region = region
        self._timeouts = connect_timeout or CONNECT_TIMEOUT, read_timeout or READ_TIMEOUT
        self._wanted = direct
        self._api: Api | None = None
        self._client: Any = None
        if self._obstacle():
            self._need_botocore()

    def _obstacle(self) -> str:
        """Why botocore is needed; empty if it is not."""
        if not self._wanted:
            return "the configuration says so"
        return _direct.obstacle(self._service, self._region, os.environ, os.path.expanduser("~"))  # noqa: PTH111  # as in _direct

    def _need_botocore(self) -> None:
        if find_spec("botocore") is None:
            text = f"talking to AWS ({self._service}) by botocore, since {self._obstacle()},"
            raise MissingExtraError(text, "aws")

    @property
    def endpoint(self) -> str:
        """The URL that calls go to, without a slash at its end.

        Raises:
            TransientError: as from ``botocore``.
        """
        api = self._direct_api()
        url: str = api.url if api else self.botocore.meta.endpoint_url
        return url.rstrip("/")

    @property
    def botocore(self) -> Any:
        """The botocore client itself.

        Raises:
            MissingExtraError: botocore is not installed.
            TransientError: it cannot be made here and now (a profile that is not there, a bad endpoint).
        """
        client = self._client
        if client is None:
            with _lock:  # a session is not safe to make clients from several threads
                client = self._client = self._client or self._make()
        return client

    def prepare(self) -> None:
        """Makes what the first call needs, short of a connection. What cannot be made now is told then."""
        with suppress(TransientError):
            if self._direct_api() is None:
                _ = self.botocore

    def close(self) -> None:
        """Gives up the connections. The next call makes new ones."""
        for made in (self._api, self._client):
            if made is not None:
                made.close()
        self._api = self._client = None

    def _direct_api(self) -> Api | None:
        api = self._api
        if api is None and not self._obstacle():
            from trailforward.sinks._api import Api

            url, own = _direct.endpoint(self._service, self._region, os.environ)
            with _lock:
                api = self._api = self._api or Api(self._service, self._region, url, self._timeouts, own=own)
        return api

    def _make(self) -> Any:
        self._need_botocore()
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError

        from trailforward._version import __version__

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
        api = self._direct_api()
        # Read for each call: whoever renews the environment's credentials need not tell us.
        keys = _direct.keys(os.environ)
        if api is None or keys is None or operation not in _direct.SERVICES[self._service].operations:
            return self._by_botocore(operation, transient, parameters)
        return api.call(operation, parameters, keys, transient)

    def _by_botocore(
        self, operation: str, transient: Collection[str], parameters: dict[str, Any]
    ) -> dict[str, Any]:
        method = getattr(self.botocore, operation)
        from botocore import exceptions
        from botocore.parsers import ResponseParserError

        try:
            answer: dict[str, Any] = method(**parameters)
        except exceptions.ClientError as error:
            details, metadata = (error.response.get(key, {}) for key in ("Error", "ResponseMetadata"))
            raise refusal(
                str(details.get("Code") or ""),
                str(details.get("Message") or ""),
                metadata.get("HTTPStatusCode", 0),
                metadata.get("HTTPHeaders", {}).get("retry-after"),
                transient,
            ) from None
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
