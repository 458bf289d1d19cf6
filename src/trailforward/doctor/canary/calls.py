"""Calls: the failing call in each Region.

``ssm:DeleteParameter`` of a parameter that does not exist is free, exists in every Region, changes nothing,
and CloudTrail records it as a write event with the parameter's name. docs/decisions compares it with others.
"""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from trailforward.aws.session import make_client, new_session, shared_session
from trailforward.pipeline.canary import ERROR, PATH

if TYPE_CHECKING:
    from trailforward.doctor.canary.places import Place, Setup

_WORKERS = 8
_CONNECT_SECONDS, _READ_SECONDS = 3.0, 5.0
_ATTEMPTS = 3


def call_all(setup: Setup) -> dict[Place, str]:
    """Makes the call at every place.

    Returns:
        Place → error code, for the calls that did not fail as they should; an account whose role cannot be
        assumed counts at each of its places. Never raises.
    """
    sessions, failed = _sessions(setup)

    def call(place: Place) -> str:
        if place.account in failed:
            return failed[place.account]
        return _call(sessions[place.account], place.region)

    with ThreadPoolExecutor(_WORKERS) as pool:
        codes = dict(zip(setup.places, pool.map(call, setup.places), strict=True))
    return {place: code for place, code in codes.items() if code != ERROR}


def open_client(service: str, region: str, session: Any = None) -> Any:
    """A client with short timeouts, because many Regions share the function's time."""
    return make_client(
        service,
        region,
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        attempts=_ATTEMPTS,
        session=session,
        agent="trailforward-canary",
    )


def error_code(error: Exception) -> str:
    """AWS's error code, or the name of the exception."""
    response = getattr(error, "response", None)
    code = response.get("Error", {}).get("Code") if isinstance(response, dict) else None
    return str(code or type(error).__name__)


def _sessions(setup: Setup) -> tuple[dict[str, Any], dict[str, str]]:
    """Account → session; and account → error code where the role cannot be assumed."""
    own = _session()
    sessions: dict[str, Any] = {}
    failed: dict[str, str] = {}
    for account, role in setup.accounts.items():
        if role == setup.own_role:
            sessions[account] = own
            continue
        try:
            sts = open_client("sts", setup.region, own)
            try:
                keys = sts.assume_role(RoleArn=role, RoleSessionName="trailforward-canary")["Credentials"]
            finally:
                sts.close()
            session = _session()
            session.set_credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
            sessions[account] = session
        except Exception as error:  # noqa: BLE001  # one account must not stop the others
            failed[account] = f"sts:AssumeRole {error_code(error)}"
    return sessions, failed


def _session() -> Any:
    session = new_session(regional_sts=True)
    # Loading the models of services is slow: all accounts share one loader.
    session.register_component("data_loader", shared_session().get_component("data_loader"))
    return session


def _call(session: Any, region: str) -> str:
    """Makes the call; returns the error code, ``OK`` for a success, which cannot happen."""
    try:
        client = open_client("ssm", region, session)
        try:
            client.delete_parameter(Name=f"{PATH}{uuid.uuid4().hex}")
        finally:
            client.close()
    except Exception as error:  # noqa: BLE001  # one Region must not stop the others
        return error_code(error)
    return "OK"
