"""ServiceEvent: an AWS service acted without an API call.

Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/non-api-aws-service-events.html
"""

from trailforward.models._safe_access import member, non_empty_text
from trailforward.models.record import CloudTrailRecord


class ServiceEvent(CloudTrailRecord):
    """``AwsServiceEvent``: an event without an API call; its details are in ``service_event_details``.

    ``user_identity`` has no type, and usually only an account and ``invoked_by``. Sign-ins to IAM Identity
    Center are service events too: ``additional_event_data`` contains the user name, and
    ``service_event_details`` the result, such as ``{"UserAuthentication": "Success"}``.
    """

    @property
    def actor(self) -> str | None:
        """The user who signed in to IAM Identity Center, else the service, else the account."""
        return non_empty_text(member(self.additional_event_data, "UserName")) or super().actor
