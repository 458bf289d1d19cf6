"""ConsoleSignIn: somebody signed in to the console, or tried to.

Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-aws-console-sign-in-events.html
"""

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_pascal

from trailforward.models._safe_access import flag, says_failure
from trailforward.models.base import LenientModel
from trailforward.models.record import CloudTrailRecord
from trailforward.models.shared import Failure


class SignInData(LenientModel):
    """What ``additionalEventData`` tells of a sign-in.

    Attributes:
        login_to: the address that the user wanted to reach.
        mobile_version: ``Yes`` or ``No``.
        mfa_used: ``Yes`` or ``No``; ``No`` for federated users, whose MFA AWS does not see.
        mfa_identifier: ARN of the MFA device.
        mfa_type: kind of device.
        saml_provider_arn: the provider of a SAML sign-in.
    """

    model_config = ConfigDict(alias_generator=to_pascal)

    login_to: str | None = None
    mobile_version: str | None = None
    mfa_used: str | None = Field(None, alias="MFAUsed")
    mfa_identifier: str | None = Field(None, alias="MFAIdentifier")
    mfa_type: str | None = None
    saml_provider_arn: str | None = None


class ConsoleSignIn(CloudTrailRecord):
    """``AwsConsoleSignIn``: ConsoleLogin, CheckMfa, GetSigninToken and the like.

    Found only in the Region of the sign-in endpoint: us-east-1, us-east-2 or us-west-2 for root, more for
    others. Has no request id.
    """

    @property
    def sign_in(self) -> SignInData:
        """``additional_event_data``, typed; empty where it is no object."""
        data = self.additional_event_data
        return SignInData.model_validate(data if isinstance(data, dict) else {})

    @property
    def error(self) -> Failure | None:
        """Why it failed: a message without a code, or ``Failure`` alone; None if it did not fail."""
        return super().error or (Failure(None, "Failure") if says_failure(self.response_elements) else None)

    @property
    def mfa(self) -> bool | None:
        """Whether AWS asked for MFA at this sign-in; None where the record does not say."""
        used = flag(self.sign_in.mfa_used)
        return super().mfa if used is None else used
