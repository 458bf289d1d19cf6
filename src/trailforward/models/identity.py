"""UserIdentity: who made the call, and with which credentials.

Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
"""

from typing import Any

from trailforward.models._safe_access import dig, flag, principal, text
from trailforward.models.base import LenientModel
from trailforward.models.time import AwsTime


class SessionIssuer(LenientModel):
    """Who issued the session's temporary credentials; empty for some calls.

    Attributes:
        type: ``Root``, ``IAMUser`` or ``Role``.
        user_name: name of the role or user.
        principal_id: its internal id, ``AROA…``.
        arn: its ARN, without the session name.
        account_id: the account that owns it.
    """

    type: str | None = None
    user_name: str | None = None
    principal_id: str | None = None
    arn: str | None = None
    account_id: str | None = None


class WebIdFederationData(LenientModel):
    """Where a session came from by web identity federation; empty for most calls.

    Attributes:
        federated_provider: ``accounts.google.com``, or the provider's ARN.
        attributes: application and user ids, named by the provider.
    """

    federated_provider: str | None = None
    attributes: dict[str, Any] | None = None


class SessionAttributes(LenientModel):
    """When a session began, and whether with MFA.

    Attributes:
        creation_date: when the credentials were issued.
        mfa_authenticated: the text ``true`` or ``false``; see :attr:`CloudTrailRecord.mfa`.
    """

    creation_date: AwsTime | None = None
    mfa_authenticated: str | None = None


class SessionContext(LenientModel):
    """The session behind temporary credentials.

    Attributes:
        session_issuer: who issued them.
        web_id_federation_data: the web identity, if one was federated.
        attributes: when, and whether with MFA.
        source_identity: who is behind a chain of roles, as set by the first caller (STS source identity).
        ec2_role_delivery: ``1.0`` or ``2.0``: the version of the EC2 metadata service that gave them out.
        assumed_root: ``true`` for a session of sts:AssumeRoot.
        sign_in_session_arn: the console sign-in session they belong to.
    """

    session_issuer: SessionIssuer | None = None
    web_id_federation_data: WebIdFederationData | None = None
    attributes: SessionAttributes | None = None
    source_identity: str | None = None
    ec2_role_delivery: str | None = None
    assumed_root: str | None = None
    sign_in_session_arn: str | None = None


class InvokedByDelegate(LenientModel):
    """The account of a partner that was given temporary access, and made the call.

    Attributes:
        account_id: its 12 digits.
    """

    account_id: str | None = None


class OnBehalfOf(LenientModel):
    """The IAM Identity Center user behind a call.

    Attributes:
        user_id: id within the identity store.
        identity_store_arn: the identity store.
    """

    user_id: str | None = None
    identity_store_arn: str | None = None


class InScopeOf(LenientModel):
    """The AWS resource that the credentials were limited to; may be empty.

    Attributes:
        source_arn: the resource that the service acted for.
        source_account: its account.
        issuer_type: the kind of resource that got the credentials, ``AWS::Lambda::Function``.
        credentials_issued_to: that resource.
    """

    source_arn: str | None = None
    source_account: str | None = None
    issuer_type: str | None = None
    credentials_issued_to: str | None = None


class UserIdentity(LenientModel):
    """Who made the call.

    Attributes:
        type: ``IAMUser``, ``AssumedRole``, ``Root``, ``AWSService``, ``AWSAccount``, ``FederatedUser``,
            ``SAMLUser``, ``WebIdentityUser``, ``IdentityCenterUser``, ``Role``, ``Directory``, ``Unknown``.
            Absent in service events.
        user_name: friendly name; for Root the account alias. ``HIDDEN_DUE_TO_SECURITY_REASONS`` where
            somebody typed an unknown name at sign-in: it may be a password.
        principal_id: internal id; for AssumedRole ``ROLE_ID:SESSION_NAME``.
        arn: ARN of the principal. May be empty.
        account_id: 12 digits, as text.
        access_key_id: the key that signed the call. May be empty.
        session_context: the session, for temporary credentials.
        invoked_by: the AWS service that made the call, ``cloudformation.amazonaws.com`` or ``AWS Internal``.
        invoked_by_delegate: a partner's account that made the call.
        on_behalf_of: the IAM Identity Center user behind it.
        in_scope_of: the resource that the credentials were limited to.
        credential_id: id of the bearer token (IdentityCenterUser).
        identity_provider: SAMLUser and WebIdentityUser only.
    """

    type: str | None = None
    user_name: str | None = None
    principal_id: str | None = None
    arn: str | None = None
    account_id: str | None = None
    access_key_id: str | None = None
    session_context: SessionContext | None = None
    invoked_by: str | None = None
    invoked_by_delegate: InvokedByDelegate | None = None
    on_behalf_of: OnBehalfOf | None = None
    in_scope_of: InScopeOf | None = None
    credential_id: str | None = None
    identity_provider: str | None = None

    @property
    def name(self) -> str | None:
        """The most readable thing known: user name, ``ROLE/SESSION``, service, or at last an id."""
        if self.is_root:
            return "root"
        return (
            text(self.user_name)
            or principal(self.arn)
            or text(self.invoked_by)
            or text(dig(self.on_behalf_of, "user_id"))
            or text(self.principal_id)
            or text(self.account_id)
        )

    @property
    def is_root(self) -> bool:
        """Whether the credentials are the account's root user's, or of a session of sts:AssumeRoot."""
        return self.type == "Root" or flag(dig(self.session_context, "assumed_root")) is True

    @property
    def mfa(self) -> bool | None:
        """Whether the session began with MFA; None for long-term keys, services and others unknown."""
        return flag(dig(self.session_context, "attributes", "mfa_authenticated"))
