"""Builds the identity of a caller. It becomes a ``userIdentity`` with the account and the time of an event.

::

    cloudtrail_event("StopLogging", user=assumed_role("Admin", "jun"))
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

#: A function of the event's account and time that returns the ``userIdentity``.
Identity = Callable[[str, datetime], dict[str, Any]]

#: The example access key ID from AWS's documentation, with the prefix of temporary credentials.
ACCESS_KEY_ID = "ASIAIOSFODNN7EXAMPLE"
_SESSION_AGE = timedelta(minutes=20)
_UNIQUE_ID_CHARACTERS = 21


def iam_user(name: str, *, mfa: bool | None = None, account: str | None = None) -> Identity:
    """An IAM user.

    Args:
        name: the name of the user.
        mfa: whether the session used multi-factor authentication; None for a long-term access key, which has
            no session.
        account: the user's account, if it differs from the account of the event.
    """

    def build(event_account: str, time: datetime) -> dict[str, Any]:
        owner = account or event_account
        identity: dict[str, Any] = {
            "type": "IAMUser",
            "principalId": unique_id("AIDA", name),
            "arn": f"arn:aws:iam::{owner}:user/{name}",
            "accountId": owner,
            "accessKeyId": "AKIAIOSFODNN7EXAMPLE" if mfa is None else ACCESS_KEY_ID,
            "userName": name,
        }
        if mfa is not None:
            identity["sessionContext"] = _session({}, time, mfa=mfa)
        return identity

    return build


def assumed_role(
    role: str, session: str = "session", *, mfa: bool = False, account: str | None = None
) -> Identity:
    """A session of an IAM role.

    Args:
        role: the name of the role.
        session: the name of the session.
        mfa: whether the session used multi-factor authentication.
        account: the role's account, if it differs from the account of the event.
    """

    def build(event_account: str, time: datetime) -> dict[str, Any]:
        owner = account or event_account
        principal = unique_id("AROA", role)
        issuer = {
            "type": "Role",
            "principalId": principal,
            "arn": f"arn:aws:iam::{owner}:role/{role}",
            "accountId": owner,
            "userName": role,
        }
        return {
            "type": "AssumedRole",
            "principalId": f"{principal}:{session}",
            "arn": f"arn:aws:sts::{owner}:assumed-role/{role}/{session}",
            "accountId": owner,
            "accessKeyId": ACCESS_KEY_ID,
            "sessionContext": _session(issuer, time, mfa=mfa),
        }

    return build


def root(*, mfa: bool = True) -> Identity:
    """The root user of the account.

    Args:
        mfa: whether the session used multi-factor authentication.
    """

    def build(event_account: str, time: datetime) -> dict[str, Any]:
        return {
            "type": "Root",
            "principalId": event_account,
            "arn": f"arn:aws:iam::{event_account}:root",
            "accountId": event_account,
            "accessKeyId": ACCESS_KEY_ID,
            "sessionContext": _session({}, time, mfa=mfa),
        }

    return build


def aws_service(service: str) -> Identity:
    """An AWS service that acts on its own behalf.

    Args:
        service: ``lambda`` or ``lambda.amazonaws.com``.
    """
    name = service if "." in service else f"{service}.amazonaws.com"
    return lambda _at, _time: {"type": "AWSService", "invokedBy": name}


def federated_user(name: str, *, issuer: str = "broker") -> Identity:
    """A session created by sts:GetFederationToken.

    Args:
        name: the name of the session.
        issuer: the IAM user who created it.
    """

    def build(event_account: str, time: datetime) -> dict[str, Any]:
        made_by = {
            "type": "IAMUser",
            "principalId": unique_id("AIDA", issuer),
            "arn": f"arn:aws:iam::{event_account}:user/{issuer}",
            "accountId": event_account,
            "userName": issuer,
        }
        return {
            "type": "FederatedUser",
            "principalId": f"{event_account}:{name}",
            "arn": f"arn:aws:sts::{event_account}:federated-user/{name}",
            "accountId": event_account,
            "accessKeyId": ACCESS_KEY_ID,
            "sessionContext": _session(made_by, time, mfa=False),
        }

    return build


def web_identity_user(name: str, *, provider: str = "oidc.example.com") -> Identity:
    """A user of an OpenID Connect provider, as the caller of sts:AssumeRoleWithWebIdentity.

    Args:
        name: the subject of the token.
        provider: the issuer of the token.
    """

    def build(event_account: str, _time: datetime) -> dict[str, Any]:
        arn = f"arn:aws:iam::{event_account}:oidc-provider/{provider}"
        return {
            "type": "WebIdentityUser",
            "principalId": f"{arn}:sts.amazonaws.com:{name}",
            "userName": name,
            "identityProvider": arn,
        }

    return build


def identity_center_user(user_id: str = "a1b2c3d4e5-51711803-3891-42e4-8701-48b39ba04599") -> Identity:
    """A user of IAM Identity Center. Records contain only the ID of the user.

    Args:
        user_id: the ID in the identity store.
    """
    return lambda event_account, _time: {
        "type": "IdentityCenterUser",
        "arn": "",
        "accountId": event_account,
        "accessKeyId": "",
        "onBehalfOf": {
            "userId": user_id,
            "identityStoreArn": f"arn:aws:identitystore::{event_account}:identitystore/d-9067example",
        },
        "credentialId": "EXAMPLEad11420a85d014b567557d391c37f26e12da4cad",
    }


def aws_account(account: str = "123456789012", principal: str = "courier:session") -> Identity:
    """A caller from another account, as recorded in the account that was called.

    Args:
        account: the caller's account.
        principal: the caller's role and session, ``ROLE:SESSION``.
    """
    role, _, session = principal.partition(":")
    return lambda _at, _time: {
        "type": "AWSAccount",
        "principalId": f"{unique_id('AROA', role)}:{session}",
        "accountId": account,
    }


def unique_id(prefix: str, name: str) -> str:
    """An IAM unique ID of a user or role that contains EXAMPLE: ``AIDAEXAMPLEROSAAAAAAA``."""
    letters = re.sub("[^A-Z0-9]", "", name.upper())
    return f"{prefix}EXAMPLE{letters}".ljust(_UNIQUE_ID_CHARACTERS, "A")[:_UNIQUE_ID_CHARACTERS]


def iso(time: datetime) -> str:
    """A time as CloudTrail writes it: in UTC and whole seconds."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _session(issuer: dict[str, str], time: datetime, *, mfa: bool) -> dict[str, Any]:
    return {
        "sessionIssuer": issuer,
        "webIdFederationData": {},
        "attributes": {
            "creationDate": iso(time - _SESSION_AGE),
            "mfaAuthenticated": "true" if mfa else "false",
        },
    }
