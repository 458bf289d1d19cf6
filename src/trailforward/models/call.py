"""ApiCall and ConsoleAction: what somebody did.

Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
"""

from trailforward.models.record import CloudTrailRecord


class ApiCall(CloudTrailRecord):
    """``AwsApiCall``: a call of an AWS API; management and data events."""


class ConsoleAction(CloudTrailRecord):
    """``AwsConsoleAction``: something done in the console that no API call stands behind (billing)."""
