"""UserIdentity: who made the call, and with which credentials.

Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
"""

from typing import Any

from trailforward.models._safe_access import as_bool, nested_attribute, non_empty_text, principal_name
from trailforward.models.base import LenientModel
from trailforward.models.time import AwsTime


class SessionIssuer(LenientModel):
    """Who issued the session's temporary credentials; empty for some calls.

    Attributes:
        type: ``Root``, ``IAMUser`` or ``Role``.
        user_name: name of the role or user.
        principal_id: its unique ID, ``AROA…``.
        arn: its ARN, without the session name.
        account_id: the account that owns it.
    """

    type: str | None = None
    user_name: str | None = None
    principal_id: str | None = None
    arn: str | None = None
    account_id: str | None = None


class WebIdFederationData(LenientModel):
    """The web identity behind a session; empty for most calls.

    Attributes:
        federated_provider: ``accounts.google.com``, or the provider's ARN.
        attributes: application and user IDs, named by the provider.
    """

    federated_provider: str | None = None
    attributes: dict[str, Any] | None = None


class SessionAttributes(LenientModel):
    """When a session started, and whether it used MFA.

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
        web_id_federation_data: the federated web identity, if any.
        attributes: start time and MFA.
        source_identity: the STS source identity: who started a chain of roles, as set by the first caller.
        ec2_role_delivery: ``1.0`` or ``2.0``: the version of the EC2 metadata service that provided them.
        assumed_root: ``true`` for a session created by sts:AssumeRoot.
        sign_in_session_arn: the console sign-in session that they belong to.
    """

    session_issuer: SessionIssuer | None = None
    web_id_federation_data: WebIdFederationData | None = None
    attributes: SessionAttributes | None = None
    source_identity: str | None = None
    ec2_role_delivery: str | None = None
    assumed_root: str | None = None
    sign_in_session_arn: str | None = None


class InvokedByDelegate(LenientModel):
    """The partner account that made the call with temporary delegated access.

    Attributes:
        account_id: its 12 digits.
    """

    account_id: str | None = None


class OnBehalfOf(LenientModel):
    """The IAM Identity Center user behind a call.

    Attributes:
        user_id: ID in the identity store.
        identity_store_arn: the identity store.
    """

    user_id: str | None = None
    identity_store_arn: str | None = None


class InScopeOf(LenientModel):
    """The AWS resource that the credentials are limited to; may be empty.

    Attributes:
        source_arn: the resource on whose behalf the service acted.
        source_account: its account.
        issuer_type: type of the resource that received the credentials, ``AWS::Lambda::Function``.
        credentials_issued_to: ARN of that resource.
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
        user_name: friendly name; for Root the account alias. ``HIDDEN_DUE_TO_SECURITY_REASONS`` if an
            unknown name was entered at sign-in, because it may be a password.
        principal_id: unique ID; for AssumedRole ``ROLE_ID:SESSION_NAME``.
        arn: ARN of the principal. May be empty.
        account_id: 12 digits, as text.
        access_key_id: the key that signed the call. May be empty.
        session_context: the session, if the credentials are temporary.
        invoked_by: the AWS service that made the call, ``cloudformation.amazonaws.com`` or ``AWS Internal``.
        invoked_by_delegate: the partner account that made the call.
        on_behalf_of: the IAM Identity Center user behind the call.
        in_scope_of: the resource that the credentials are limited to.
        credential_id: ID of the bearer token (IdentityCenterUser).
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
        """The most readable identifier: user name, ``ROLE/SESSION``, service, or an ID as a last resort."""
        if self.is_root:
            return "root"
        return (
            non_empty_text(self.user_name)
            or principal_name(self.arn)
            or non_empty_text(self.invoked_by)
            or non_empty_text(nested_attribute(self.on_behalf_of, "user_id"))
            or non_empty_text(self.principal_id)
            or non_empty_text(self.account_id)
        )

    @property
    def is_root(self) -> bool:
        """Whether the credentials belong to the account's root user or to a session of sts:AssumeRoot."""
        return self.type == "Root" or as_bool(nested_attribute(self.session_context, "assumed_root")) is True

    @property
    def mfa(self) -> bool | None:
        """Whether the session used MFA; None if unknown, as for long-term keys and services."""
        return as_bool(nested_attribute(self.session_context, "attributes", "mfa_authenticated"))
