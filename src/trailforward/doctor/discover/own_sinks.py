"""Own sinks: what a trailforward function writes to and reads, from its environment variables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trailforward.arn import Arn
from trailforward.config import Config
from trailforward.config.fetch import fetch_calls
from trailforward.config.own import own_calls
from trailforward.errors import TrailforwardError

if TYPE_CHECKING:
    from collections.abc import Mapping

_PREFIX = "TRAILFORWARD_"
#: A configuration that begins with one of these is stored elsewhere, and is not read.
_ELSEWHERE = ("/", ".", "~", "ssm:", "s3://")


def own_sinks(environment: Mapping[str, Any], function: Arn) -> tuple[list[str], str]:
    """The ARNs of a function's destinations, queues, and secrets, and why they are not complete.

    Nothing if it is not a trailforward function. Only variables of trailforward are looked at, and only ARNs
    are returned. The reason is empty if they are complete.

    Args:
        environment: ``Environment.Variables`` of GetFunctionConfiguration.
        function: the function's ARN, for its Region and account.
    """
    own = {
        key: value for key, value in environment.items() if key.startswith(_PREFIX) and isinstance(value, str)
    }
    where = own.get("TRAILFORWARD_CONFIG", "").strip()
    try:
        if where.startswith(_ELSEWHERE) or (where and not {"=", "\n"} & set(where)):
            calls = fetch_calls(where, function.region)
            lacks = f"its configuration is stored in {where}, which the doctor does not read"
        elif own:
            calls = list(own_calls(Config.from_env(own), where, function.region))
            lacks = ""
        else:
            return [], ""
    except (TrailforwardError, ValueError) as error:
        return [], f"its configuration is not valid ({type(error).__name__})"
    resources = {call.resource for call in calls} - {"*"}
    return sorted(str(_in_account(Arn.parse(resource), function.account)) for resource in resources), lacks


def _in_account(arn: Arn, account: str) -> Arn:
    return arn._replace(account=arn.account or account) if arn.region else arn
