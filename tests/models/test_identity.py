from typing import Any

import pytest

from tests.models.records import ROLE, ROOT, USER
from trailforward.models import UserIdentity

NAMES: list[tuple[str | None, dict[str, Any]]] = [
    ("rosa", USER),
    ("rosa", {"type": "IAMUser", "userName": "rosa", "invokedBy": "cloudformation.amazonaws.com"}),
    ("division/rosa", {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/division/rosa"}),
    ("Admin/jun@example.com", ROLE),
    ("Admin/jun", {"type": "AssumedRole", "arn": "arn:aws-us-gov:sts::111122223333:assumed-role/Admin/jun"}),
    (
        "AROAEXAMPLE:jun",
        {"type": "AssumedRole", "principalId": "AROAEXAMPLE:jun", "accountId": "111122223333"},
    ),
    ("root", ROOT),
    ("root", {"type": "Root"}),
    ("ada", {"type": "FederatedUser", "arn": "arn:aws:sts::111122223333:federated-user/ada"}),
    ("ada", {"type": "SAMLUser", "principalId": "x=:ada", "userName": "ada", "identityProvider": "x="}),
    ("user-1", {"type": "WebIdentityUser", "principalId": "idp:client:user-1", "userName": "user-1"}),
    ("lambda.amazonaws.com", {"type": "AWSService", "invokedBy": "lambda.amazonaws.com"}),
    ("AWS Internal", {"accountId": "111122223333", "invokedBy": "AWS Internal"}),
    ("111122223333", {"accountId": "111122223333"}),
    (
        "AROAEXAMPLE:svc",
        {"type": "AWSAccount", "principalId": "AROAEXAMPLE:svc", "accountId": "123456789012"},
    ),
    ("user-id", {"type": "IdentityCenterUser", "arn": "", "onBehalfOf": {"userId": "user-id"}}),
    ("not-an-arn", {"arn": "not-an-arn"}),
    ("arn:", {"arn": "arn:"}),
    ("thing", {"arn": "arn:aws:x:::thing"}),
    (None, {"type": "Unknown"}),
    (None, {}),
    (
        "fallback",
        {"userName": 7, "arn": ["?"], "invokedBy": {}, "onBehalfOf": "?", "principalId": "fallback"},
    ),
]


@pytest.mark.parametrize(("name", "identity"), NAMES)
def test_name(name: str | None, identity: dict[str, Any]) -> None:
    """Every type of identity has the most readable name that its fields allow."""
    assert UserIdentity.model_validate(identity).name == name


@pytest.mark.parametrize(
    ("expected", "identity"),
    [
        (True, ROOT),
        (True, {"type": "AssumedRole", "sessionContext": {"assumedRoot": "true"}}),
        (False, {"type": "AssumedRole", "sessionContext": {"assumedRoot": "false"}}),
        (False, {"type": "IAMUser", "userName": "root"}),
        (False, {"type": ["Root"], "sessionContext": "true"}),
        (False, {}),
    ],
)
def test_root(expected: bool, identity: dict[str, Any]) -> None:  # noqa: FBT001
    """The root user and sessions of sts:AssumeRoot are root; a user named root is not."""
    assert UserIdentity.model_validate(identity).is_root is expected


@pytest.mark.parametrize(
    ("expected", "attributes"),
    [
        (True, {"mfaAuthenticated": "true"}),
        (False, {"mfaAuthenticated": "false"}),
        (False, {"mfaAuthenticated": "False"}),
        (True, {"mfaAuthenticated": True}),
        (None, {"mfaAuthenticated": "maybe"}),
        (None, {"mfaAuthenticated": 1}),
        (None, {}),
        (None, "true"),
    ],
)
def test_mfa(expected: bool | None, attributes: Any) -> None:  # noqa: FBT001
    """MFA comes from the session's text true or false, and is None if unknown."""
    identity = UserIdentity.model_validate({"sessionContext": {"attributes": attributes}})
    assert identity.mfa is expected
