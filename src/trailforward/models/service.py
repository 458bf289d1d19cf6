"""ServiceEvent: something an AWS service did by itself.

Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/non-api-aws-service-events.html
"""

from trailforward.models._safe_access import member, says_failure, text
from trailforward.models.record import CloudTrailRecord
from trailforward.models.shared import Failure


class ServiceEvent(CloudTrailRecord):
    """``AwsServiceEvent``: what happened stands in ``service_event_details``; nobody called an API.

    ``user_identity`` has no type, mostly an account and ``invoked_by``. The sign-ins of IAM Identity Center
    are service events too: the user's name stands in ``additional_event_data``, the result, as
    ``{"UserAuthentication": "Success"}``, in ``service_event_details``.
    """

    @property
    def actor(self) -> str | None:
        """Who signed in to IAM Identity Center, else the service, else the account."""
        return text(member(self.additional_event_data, "UserName")) or super().actor

    @property
    def error(self) -> Failure | None:
        """Why it failed; ``Failure`` where the record states that alone; None if it did not fail."""
        return super().error or (
            Failure(None, "Failure") if says_failure(self.service_event_details) else None
        )
