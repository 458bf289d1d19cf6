"""NetworkActivityEvent: a call through a VPC endpoint.

Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-events.html
"""

from trailforward.models.record import CloudTrailRecord


class NetworkActivityEvent(CloudTrailRecord):
    """``AwsVpceEvent`` (AWS's field page spells it ``AwsVpceEvents``): a call through a VPC endpoint.

    The endpoint's owner receives it, so ``vpc_endpoint_account_id`` and ``user_identity.account_id`` may
    differ. A call that the endpoint policy denied has the error ``VpceAccessDenied``. The record contains no
    user agent, request parameters, response elements, or ``read_only``.
    """
