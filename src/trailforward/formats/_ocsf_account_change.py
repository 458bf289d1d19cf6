"""OCSF Account Change (3001): which calls it contains, what they did, and to whom.

The names are those of OCSF's published selector for CloudTrail. AWS documents that Security Lake maps
management events to API Activity, Authentication, and Account Change, and not which event goes where:

- https://github.com/ocsf/examples/blob/main/mappings/bloblang/AWS/CloudTrail/v1.1.0/cloudtrail.yml
- https://docs.aws.amazon.com/security-lake/latest/userguide/open-cybersecurity-schema-framework.html
"""

from __future__ import annotations

from typing import Any

from trailforward.formats._ocsf_people import caller, valid_user
from trailforward.formats._ocsf_values import as_dict, as_text, without_empty

#: The selector looks at names alone. Other services have calls with the same names: transfer:CreateUser.
_SOURCES = frozenset({"iam.amazonaws.com", "signin.amazonaws.com", "account.amazonaws.com"})

_CREATE, _PASSWORD_CHANGE, _PASSWORD_RESET, _DELETE, _ATTACH, _DETACH, _OTHER = 1, 3, 4, 6, 7, 8, 99
_MFA_ON, _MFA_OFF = 10, 11

NAMES = {
    _CREATE: "Create",
    _PASSWORD_CHANGE: "Password Change",
    _PASSWORD_RESET: "Password Reset",
    _DELETE: "Delete",
    _ATTACH: "Attach Policy",
    _DETACH: "Detach Policy",
    _MFA_ON: "MFA Factor Enable",
    _MFA_OFF: "MFA Factor Disable",
    _OTHER: "Other",
}

_EVENTS = {
    _CREATE: (
        "CreateAccessKey CreateAccountAlias CreateInstanceProfile CreateLoginProfile CreateRole "
        "CreateServiceLinkedRole CreateUser CreateVirtualMFADevice"
    ),
    _PASSWORD_CHANGE: "ChangePassword PasswordUpdated",
    _DELETE: (
        "DeleteAccessKey DeleteGroup DeleteInstanceProfile DeleteLoginProfile DeletePolicy DeleteRole "
        "DeleteUser DeleteVirtualMFADevice"
    ),
    _ATTACH: (
        "AddUserToGroup AttachGroupPolicy AttachRolePolicy AttachUserPolicy PutGroupPolicy PutRolePolicy "
        "PutRolePermissionsBoundary PutUserPermissionsBoundary PutUserPolicy"
    ),
    _DETACH: (
        "DetachGroupPolicy DetachRolePolicy DetachUserPolicy RemoveRoleFromInstanceProfile "
        "RemoveUserFromGroup"
    ),
    _OTHER: (
        "AccountNameUpdated AddRoleToInstanceProfile DeleteAccountAlias DeleteAccountPasswordPolicy "
        "DeleteServiceLinkedRole EmailUpdated FinalizeSmsMfaRegistration RequestSmsMfaRegistration "
        "ResyncMFADevice TagInstanceProfile TagRole TagUser UntagInstanceProfile UntagRole UntagUser "
        "UpdateAccessKey UpdateAccountEmailAddress UpdateAccountName UpdateAccountPasswordPolicy "
        "UpdateAssumeRolePolicy UpdateGroup UpdateRole UpdateRoleDescription UpdateUser"
    ),
}
#: Where trailforward chooses another activity than the published mapping. That one has Create for
#: EnableMFADevice, Other for DeactivateMFADevice and UpdateLoginProfile, and Delete for the removal of
#: inline policies and boundaries, as if the user or role itself were deleted. ResyncMFADevice, above, is
#: Create there.
_OWN_EVENTS = {
    _MFA_ON: "EnableMFADevice",
    _MFA_OFF: "DeactivateMFADevice",
    _PASSWORD_RESET: "UpdateLoginProfile",
    _DETACH: (
        "DeleteGroupPolicy DeleteRolePermissionsBoundary DeleteRolePolicy DeleteUserPermissionsBoundary "
        "DeleteUserPolicy"
    ),
}

#: Event name → activity_id.
ACTIVITIES = {
    name: activity
    for table in (_EVENTS, _OWN_EVENTS)
    for activity, names in table.items()
    for name in names.split()
}

#: Calls that change the caller if the request names no user.
_OF_CALLER = frozenset(
    {
        *("ChangePassword", "CreateAccessKey", "UpdateAccessKey", "DeleteAccessKey"),
        *("PasswordUpdated", "EmailUpdated", "AccountNameUpdated"),
    }
)


def is_account_change(record: dict[str, Any]) -> bool:
    """Whether the event belongs to this class."""
    return as_text(record.get("eventName")) in ACTIVITIES and as_text(record.get("eventSource")) in _SOURCES


def account_change(record: dict[str, Any]) -> dict[str, Any]:
    """The attributes of Account Change that other classes lack."""
    request = as_dict(record.get("requestParameters"))
    return without_empty(
        {
            "user": _target(record, request),
            "policy": {
                "uid": as_text(request.get("policyArn")) or as_text(request.get("permissionsBoundary")),
                "name": as_text(request.get("policyName")),
            },
        }
    )


def _target(record: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    """The changed user or role; the account if the call changed a group, a profile, or the account."""
    response = as_dict(record.get("responseElements"))
    user, role = as_dict(response.get("user")), as_dict(response.get("role"))
    created = as_dict(response.get("accessKey")) or as_dict(response.get("loginProfile"))
    group = {"groups": [{"name": as_text(request.get("groupName"))}]}
    found = without_empty(
        {
            "name": as_text(request.get("userName"))
            or as_text(request.get("roleName"))
            or as_text(user.get("userName"))
            or as_text(role.get("roleName"))
            or as_text(created.get("userName")),
            "uid": as_text(user.get("arn")) or as_text(role.get("arn")),
            "uid_alt": as_text(user.get("userId")) or as_text(role.get("roleId")),
        }
    )
    if valid_user(found):
        return {**found, **group}
    if as_text(record.get("eventName")) in _OF_CALLER and (own := caller(record)):
        return own
    account = as_text(record.get("recipientAccountId")) or as_text(
        as_dict(record.get("userIdentity")).get("accountId")
    )
    return {**({"account": {"uid": account}} if account else {"name": "unknown"}), **group}
