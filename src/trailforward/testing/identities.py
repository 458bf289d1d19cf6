"""Identities: who made the call. Each becomes a ``userIdentity`` once account and time are known.

::

    cloudtrail_event("StopLogging", user=assumed_role("Admin", "jun"))
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

#: Given the account and the time of the call, the ``userIdentity``.
Identity = Callable[[str, datetime], dict[str, Any]]

#: The access key of AWS's documentation, as temporary credentials.
ACCESS_KEY_ID = "ASIAIOSFODNN7EXAMPLE"
_SESSION_AGE = timedelta(minutes=20)
_UNIQUE_ID_CHARACTERS = 21


def iam_user(name: str, *, mfa: bool | None = None, account: str | None = None) -> Identity:
    """A user of IAM.

    Args:
        name: of the user.
        mfa: whether the session used multi-factor authentication; None for calls by a long-term access key,
            which have no session.
        account: of the user, where it is not the account of the event.
    """

    def told(at: str, time: datetime) -> dict[str, Any]:
        home = account or at
        identity: dict[str, Any] = {
            "type": "IAMUser",
            "principalId": unique_id("AIDA", name),
            "arn": f"arn:aws:iam::{home}:user/{name}",
            "accountId": home,
            "accessKeyId": "AKIAIOSFODNN7EXAMPLE" if mfa is None else ACCESS_KEY_ID,
            "userName": name,
        }
        if mfa is not None:
            identity["sessionContext"] = _session({}, time, mfa=mfa)
        return identity

    return told


def assumed_role(
    role: str, session: str = "session", *, mfa: bool = False, account: str | None = None
) -> Identity:
    """A session of a role.

    Args:
        role: name of the role.
        session: name of the session.
        mfa: whether multi-factor authentication was used.
        account: of the role, where it is not the account of the event.
    """

    def told(at: str, time: datetime) -> dict[str, Any]:
        home = account or at
        principal = unique_id("AROA", role)
        issuer = {
            "type": "Role",
            "principalId": principal,
            "arn": f"arn:aws:iam::{home}:role/{role}",
            "accountId": home,
            "userName": role,
        }
        return {
            "type": "AssumedRole",
            "principalId": f"{principal}:{session}",
            "arn": f"arn:aws:sts::{home}:assumed-role/{role}/{session}",
            "accountId": home,
            "accessKeyId": ACCESS_KEY_ID,
            "sessionContext": _session(issuer, time, mfa=mfa),
        }

    return told


def root(*, mfa: bool = True) -> Identity:
    """The account's root user.

    Args:
        mfa: whether multi-factor authentication was used.
    """

    def told(at: str, time: datetime) -> dict[str, Any]:
        return {
            "type": "Root",
            "principalId": at,
            "arn": f"arn:aws:iam::{at}:root",
            "accountId": at,
            "accessKeyId": ACCESS_KEY_ID,
            "sessionContext": _session({}, time, mfa=mfa),
        }

    return told


def aws_service(service: str) -> Identity:
    """A service of AWS, on its own behalf.

    Args:
        service: ``lambda`` or ``lambda.amazonaws.com``.
    """
    name = service if "." in service else f"{service}.amazonaws.com"
    return lambda _at, _time: {"type": "AWSService", "invokedBy": name}


def federated_user(name: str, *, issuer: str = "broker") -> Identity:
    """A session made by sts:GetFederationToken.

    Args:
        name: of the session.
        issuer: the IAM user who made it.
    """

    def told(at: str, time: datetime) -> dict[str, Any]:
        made_by = {
            "type": "IAMUser",
            "principalId": unique_id("AIDA", issuer),
            "arn": f"arn:aws:iam::{at}:user/{issuer}",
            "accountId": at,
            "userName": issuer,
        }
        return {
            "type": "FederatedUser",
            "principalId": f"{at}:{name}",
            "arn": f"arn:aws:sts::{at}:federated-user/{name}",
            "accountId": at,
            "accessKeyId": ACCESS_KEY_ID,
            "sessionContext": _session(made_by, time, mfa=False),
        }

    return told


def web_identity_user(name: str, *, provider: str = "oidc.example.com") -> Identity:
    """Somebody whom an OpenID Connect provider vouches for: the caller of sts:AssumeRoleWithWebIdentity.

    Args:
        name: the token's subject.
        provider: its issuer.
    """

    def told(at: str, _time: datetime) -> dict[str, Any]:
        arn = f"arn:aws:iam::{at}:oidc-provider/{provider}"
        return {
            "type": "WebIdentityUser",
            "principalId": f"{arn}:sts.amazonaws.com:{name}",
            "userName": name,
            "identityProvider": arn,
        }

    return told


def identity_center_user(user_id: str = "a1b2c3d4e5-51711803-3891-42e4-8701-48b39ba04599") -> Identity:
    """A user of IAM Identity Center, of whom records tell the id only.

    Args:
        user_id: in the identity store.
    """
    return lambda at, _time: {
        "type": "IdentityCenterUser",
        "arn": "",
        "accountId": at,
        "accessKeyId": "",
        "onBehalfOf": {
            "userId": user_id,
            "identityStoreArn": f"arn:aws:identitystore::{at}:identitystore/d-9067example",
        },
        "credentialId": "EXAMPLEad11420a85d014b567557d391c37f26e12da4cad",
    }


def aws_account(account: str = "123456789012", principal: str = "courier:session") -> Identity:
    """A caller of another account, as the account that was called sees it.

    Args:
        account: the caller's.
        principal: role and session there.
    """
    role, _, session = principal.partition(":")
    return lambda _at, _time: {
        "type": "AWSAccount",
        "principalId": f"{unique_id('AROA', role)}:{session}",
        "accountId": account,
    }


def unique_id(prefix: str, name: str) -> str:
    """IAM's unique id of a user or role, with EXAMPLE in it: ``AIDAEXAMPLEROSAAAAAAA``."""
    letters = re.sub("[^A-Z0-9]", "", name.upper())
    return f"{prefix}EXAMPLE{letters}".ljust(_UNIQUE_ID_CHARACTERS, "A")[:_UNIQUE_ID_CHARACTERS]


def iso(time: datetime) -> str:
    """A moment as CloudTrail writes it: whole seconds of UTC."""
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
