"""ConsoleSignIn: a sign-in to the console, successful or not.

Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-aws-console-sign-in-events.html
"""

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_pascal

from trailforward.models._safe_access import as_bool
from trailforward.models.base import LenientModel
from trailforward.models.record import CloudTrailRecord


class SignInData(LenientModel):
    """The ``additionalEventData`` of a sign-in.

    Attributes:
        login_to: the URL that the user wanted to open.
        mobile_version: ``Yes`` or ``No``.
        mfa_used: ``Yes`` or ``No``; ``No`` for federated users, because AWS does not see their MFA.
        mfa_identifier: ARN of the MFA device.
        mfa_type: type of the MFA device.
        saml_provider_arn: ARN of the SAML provider.
    """

    model_config = ConfigDict(alias_generator=to_pascal)

    login_to: str | None = None
    mobile_version: str | None = None
    mfa_used: str | None = Field(None, alias="MFAUsed")
    mfa_identifier: str | None = Field(None, alias="MFAIdentifier")
    mfa_type: str | None = None
    saml_provider_arn: str | None = None


class ConsoleSignIn(CloudTrailRecord):
    """``AwsConsoleSignIn``: ConsoleLogin, CheckMfa, GetSigninToken, and others.

    CloudTrail records it only in the Region of the sign-in endpoint: us-east-1, us-east-2, or us-west-2 for
    root, and more Regions for others. It has no request ID.
    """

    @property
    def sign_in(self) -> SignInData:
        """``additional_event_data`` with types; empty if it is not an object."""
        data = self.additional_event_data
        return SignInData.model_validate(data if isinstance(data, dict) else {})

    @property
    def mfa(self) -> bool | None:
        """Whether the user signed in with MFA; None if unknown."""
        used = as_bool(self.sign_in.mfa_used)
        return super().mfa if used is None else used
