"""ApiCall and ConsoleAction: an API call, and an action in the console that has no API.

Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
"""

from trailforward.models.record import CloudTrailRecord


class ApiCall(CloudTrailRecord):
    """``AwsApiCall``: an AWS API call, as a management or a data event."""


class ConsoleAction(CloudTrailRecord):
    """``AwsConsoleAction``: an action in the console that has no API, such as a billing setting."""
