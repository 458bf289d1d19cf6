"""NetworkActivityEvent: a call through a VPC endpoint.

Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-events.html
"""

from trailforward.models.record import CloudTrailRecord


class NetworkActivityEvent(CloudTrailRecord):
    """``AwsVpceEvent`` (AWS's field page spells it ``AwsVpceEvents``): a call through a VPC endpoint.

    The endpoint's owner sees it, who need not be the caller: ``vpc_endpoint_account_id`` and
    ``user_identity.account_id`` may differ. A call that the endpoint's policy denied has the error
    ``VpceAccessDenied``. There is no user agent, no request, no response, no ``read_only``.
    """
