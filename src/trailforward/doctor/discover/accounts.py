"""Accounts: the credentials' own account, access to other accounts, and their Regions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.doctor.discover.problems import Problem
from trailforward.doctor.discover.reader import UNUSUAL, AwsCallError, Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: The role that AWS Organizations creates in new member accounts.
DEFAULT_ROLE = "OrganizationAccountAccessRole"

_ID = re.compile(r"\d{12}")
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):role/.+")

#: ``OptInStatus`` of ec2:DescribeRegions to ``RegionOptStatus`` of account:ListRegions.
_OPT_IN = {"opt-in-not-required": "ENABLED_BY_DEFAULT", "opted-in": "ENABLED", "not-opted-in": "DISABLED"}

_UNKNOWN = (
    "AWS does not accept these credentials: log in again, or set AWS_PROFILE. "
    "Opt-in Regions accept only session tokens from a Regional STS endpoint."
)
#: Error code to a sentence that says what is wrong and what to do.
_SENTENCES = {
    "NoCredentialsError": "No AWS credentials found: set AWS_PROFILE, or log in (aws sso login).",
    "PartialCredentialsError": "The AWS credentials are incomplete: set AWS_PROFILE, or log in.",
    "ProfileNotFound": "The AWS profile does not exist: aws configure list-profiles lists the profiles.",
    "InvalidClientTokenId": _UNKNOWN,
    "UnrecognizedClientException": _UNKNOWN,
    "SignatureDoesNotMatch": "AWS rejects these credentials: check the secret key and the system clock.",
}
_EXPIRED = "The AWS credentials have expired: log in again (aws sso login)."


class Access(NamedTuple):
    """An account, and a reader with access to it."""

    account: str
    reader: Reader


def explain(error: AwsCallError) -> str:
    """One sentence that says what went wrong, and what to do."""
    if error.code in _SENTENCES:
        return _SENTENCES[error.code]
    if error.expired:
        return _EXPIRED
    if "Denied" in error.code or "Unauthorized" in error.code:
        if error.denied_by:
            return (
                f"Access denied: a {error.denied_by} denies {error.call.permission} ({error.code}). "
                "Allow the call there, or leave these Regions or accounts out (--region, --account)."
            )
        return (
            f"Access denied: {error.call.permission or error.call.operation} ({error.code}). "
            "`trailforward iam doctor` prints the policy that the doctor needs."
        )
    if error.code == UNUSUAL:
        return f"AWS's response has an unusual form: {error}."
    return f"AWS did not respond: {error}."


def open_accounts(
    reader: Reader,
    requested: Sequence[str],
    also_read: Sequence[str],
    role: str,
    report: Callable[[Problem, AwsCallError | None], None],
    parallel_map: Callable[..., list[Any]],
) -> list[Access]:
    """Opens all requested accounts; an account that cannot be opened is only reported.

    Args:
        reader: a reader with the caller's credentials.
        requested: account IDs and role ARNs; if empty, the caller's own account.
        also_read: more account IDs and role ARNs.
        role: name of the role to assume in accounts given by ID.
        report: receives a problem for each account that cannot be opened, and the error if a call failed.
        parallel_map: calls a function for each item in parallel, and returns the results in order.

    Raises:
        AwsCallError: the credentials are missing or invalid.
    """
    me = reader.call("sts", "GetCallerIdentity")
    own, partition = me["Account"], me["Arn"].split(":")[1]

    def open_account(text: str) -> Access | None:
        given = _ROLE.fullmatch(text)
        account = given[1] if given else text
        if not given and not _ID.fullmatch(text):
            report(Problem(f"{text} is neither a 12-digit account ID nor a role ARN."), None)
            return None
        if not given and account == own:
            return Access(account, reader)
        arn = text if given else f"arn:{partition}:iam::{account}:role/{role}"
        try:
            return Access(account, reader.assume(arn))
        except AwsCallError as error:
            why = f"Not read: {{where}}, because {{about}} cannot be assumed ({error.code})."
            report(Problem(why, account, about=arn), error)
            return None

    opened = parallel_map(open_account, list(dict.fromkeys([*(requested or [own]), *also_read])))
    return list({access.account: access for access in opened if access}.values())


def organization_members(reader: Reader) -> list[str]:
    """IDs of the active accounts in the caller's organization.

    Raises:
        AwsCallError: there is no organization, or access was denied.
    """
    listed = reader.items("organizations", "ListAccounts", "Accounts")
    return [item["Id"] for item in listed if item.get("Status", "ACTIVE") == "ACTIVE"]


def read_organization(reader: Reader) -> dict[str, Any] | None:
    """The organization of the reader's account: its ID and management account.

    Raises:
        AwsCallError: access was denied.
    """
    try:
        found = reader.call("organizations", "DescribeOrganization")["Organization"]
    except AwsCallError as error:
        if error.missing:
            return None
        raise
    management = found.get("MasterAccountId") or found.get("ManagementAccountId", "")
    return {"id": found["Id"], "management": management}


def region_statuses(reader: Reader) -> dict[str, str]:
    """Every Region of the reader's account, with its status.

    Falls back to ``ec2:DescribeRegions`` if ``account:ListRegions`` is denied; it does not show Regions that
    are being enabled or disabled.

    Raises:
        AwsCallError: both calls were denied.
    """
    try:
        listed = reader.items("account", "ListRegions", "Regions")
        return {item["RegionName"]: item["RegionOptStatus"] for item in listed}
    except AwsCallError:
        response = reader.call("ec2", "DescribeRegions", AllRegions=True)
        return {
            item["RegionName"]: _OPT_IN.get(item["OptInStatus"], "DISABLED") for item in response["Regions"]
        }
