"""Creates all botocore sessions and clients.

botocore is imported on first use, because importing it and creating a client take most of a cold start.
"""

from __future__ import annotations

import threading
from importlib.util import find_spec
from typing import Any

from trailforward._version import __version__
from trailforward.errors import MissingExtraError

_lock = threading.Lock()
_shared: list[Any] = []


def require_botocore(purpose: str) -> None:
    """Checks that botocore is installed.

    Args:
        purpose: what needs botocore, for the error text.

    Raises:
        MissingExtraError: botocore is not installed.
    """
    if find_spec("botocore") is None:
        raise MissingExtraError(purpose, "aws")


def new_session(*, regional_sts: bool = False) -> Any:
    """A botocore session with the environment's configuration.

    Args:
        regional_sts: call STS in the client's Region. Opt-in Regions reject tokens from the global endpoint
            (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_enable-regions.html).
    """
    from botocore.session import Session

    session = Session()
    if regional_sts:
        session.set_config_variable("sts_regional_endpoints", "regional")
    return session


def shared_session() -> Any:
    """The session that the pipeline's clients share. A second client costs a tenth of the first."""
    with _lock:
        if not _shared:
            _shared.append(new_session())
        return _shared[0]


def make_client(  # noqa: PLR0913  # the client's settings
    service: str,
    region: str,
    *,
    connect_timeout: float,
    read_timeout: float,
    attempts: int = 1,
    session: Any = None,
    agent: str = "trailforward",
) -> Any:
    """Creates a botocore client. Thread-safe.

    Args:
        service: botocore's name of the service.
        region: Region name; empty for the session's own Region, else ``us-east-1``.
        connect_timeout: seconds.
        read_timeout: seconds between two bytes of a response.
        attempts: calls in total; 1 turns botocore's retries off.
        session: :func:`shared_session` by default.
        agent: product name in ``User-Agent``.

    Raises:
        BotoCoreError: a profile does not exist, or an endpoint is invalid.
        ValueError: the endpoint URL is invalid.
    """
    from botocore.config import Config

    session = session or shared_session()
    config = Config(
        connect_timeout=connect_timeout,
        read_timeout=read_timeout,
        retries={"mode": "standard", "total_max_attempts": attempts},
        tcp_keepalive=True,
        user_agent_extra=f"{agent}/{__version__}",
    )
    region = region or session.get_config_variable("region") or "us-east-1"
    with _lock:  # creating clients from one botocore session is not thread-safe
        client = session.create_client(service, region_name=region, config=config)
    from trailforward.aws.pools import use_pools

    use_pools(client)
    return client
