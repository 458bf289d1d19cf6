"""Who we are, which accounts to look at, and which Regions they have."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.doctor.discover.reader import LookError, Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: The role that AWS Organizations makes in accounts that it creates.
USUAL_ROLE = "OrganizationAccountAccessRole"

_ID = re.compile(r"\d{12}")
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):role/.+")

#: ec2:DescribeRegions in the words of account:ListRegions.
_OPT_IN = {"opt-in-not-required": "ENABLED_BY_DEFAULT", "opted-in": "ENABLED", "not-opted-in": "DISABLED"}

_UNKNOWN = (
    "AWS does not know these credentials: log in again, or set AWS_PROFILE. "
    "Opt-in Regions know only tokens of a regional STS endpoint."
)
#: What AWS's codes mean to people.
_SENTENCES = {
    "NoCredentialsError": "There are no AWS credentials here: set AWS_PROFILE, or log in (aws sso login).",
    "PartialCredentialsError": "The AWS credentials here are incomplete: set AWS_PROFILE, or log in.",
    "ProfileNotFound": "That AWS profile does not exist: aws configure list-profiles shows those that do.",
    "InvalidClientTokenId": _UNKNOWN,
    "UnrecognizedClientException": _UNKNOWN,
    "SignatureDoesNotMatch": "AWS refuses these credentials: is the secret key right, and the clock?",
}
_EXPIRED = "The AWS credentials have expired: log in again (aws sso login)."
_SENTENCES |= dict.fromkeys(
    ("ExpiredToken", "ExpiredTokenException", "SSOTokenLoadError", "TokenRetrievalError",
     "UnauthorizedSSOTokenError"), _EXPIRED
)  # fmt: skip


class Access(NamedTuple):
    """A way into an account."""

    account: str
    reader: Reader


def sentence(error: LookError) -> str:
    """What went wrong, and what to do about it."""
    if error.code in _SENTENCES:
        return _SENTENCES[error.code]
    if "Denied" in error.code or "Unauthorized" in error.code:
        return (
            f"Not allowed: {error.call.permission or error.call.operation} ({error.code}). "
            "`trailforward iam doctor` prints the policy it needs."
        )
    return f"AWS gave no answer: {error}."


def open_accounts(
    reader: Reader,
    wanted: Sequence[str],
    also: Sequence[str],
    role: str,
    problem: Callable[[str], None],
    each: Callable[..., list[Any]],
) -> list[Access]:
    """Ways into all accounts that are wanted; those that cannot be entered are a problem, no more.

    Args:
        reader: who we are.
        wanted: account ids and role ARNs; none: our own account.
        also: more of them.
        role: the name of the role to take in accounts that are given by their ids.
        problem: told in one sentence of each that could not be entered.
        each: a parallel map.

    Raises:
        LookError: we are nobody.
    """
    me = reader.call("sts", "GetCallerIdentity")
    own, partition = me["Account"], me["Arn"].split(":")[1]

    def enter(text: str) -> Access | None:
        given = _ROLE.fullmatch(text)
        account = given[1] if given else text
        if not given and not _ID.fullmatch(text):
            problem(f"{text} is neither an account id of 12 digits nor the ARN of a role.")
            return None
        if not given and account == own:
            return Access(account, reader)
        arn = text if given else f"arn:{partition}:iam::{account}:role/{role}"
        try:
            return Access(account, reader.assume(arn))
        except LookError as error:
            problem(f"Account {account} was not read: {arn} cannot be assumed ({error.code}).")
            return None

    found = each(enter, list(dict.fromkeys([*(wanted or [own]), *also])))
    return list({access.account: access for access in found if access}.values())


def members(reader: Reader) -> list[str]:
    """The active accounts of our organization.

    Raises:
        LookError: no organization, or only its management account may ask.
    """
    listed = reader.items("organizations", "ListAccounts", "Accounts")
    return [item["Id"] for item in listed if item.get("Status", "ACTIVE") == "ACTIVE"]


def organization(reader: Reader) -> dict[str, Any] | None:
    """The organization of the reader's account: id and management account.

    Raises:
        LookError: not allowed to ask.
    """
    try:
        found = reader.call("organizations", "DescribeOrganization")["Organization"]
    except LookError as error:
        if error.missing:
            return None
        raise
    management = found.get("MasterAccountId") or found.get("ManagementAccountId", "")
    return {"id": found["Id"], "management": management}


def regions(reader: Reader) -> dict[str, str]:
    """Every Region of the reader's account, with its status.

    ``ec2:DescribeRegions`` is asked where ``account:ListRegions`` is refused; it does not tell of Regions
    that are just being switched on or off.

    Raises:
        LookError: both are refused.
    """
    try:
        listed = reader.items("account", "ListRegions", "Regions")
        return {item["RegionName"]: item["RegionOptStatus"] for item in listed}
    except LookError:
        answer = reader.call("ec2", "DescribeRegions", AllRegions=True)
        return {
            item["RegionName"]: _OPT_IN.get(item["OptInStatus"], "DISABLED") for item in answer["Regions"]
        }
