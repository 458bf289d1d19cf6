"""Finds the service of an event name, for the names that detection rules often use."""

from __future__ import annotations

from functools import cache

#: Service → event names.
_KNOWN = {
    "access-analyzer": "DeleteAnalyzer",
    "cloudformation": "CreateStack DeleteStack UpdateStack CreateStackSet",
    "cloudtrail": "CreateTrail DeleteTrail LookupEvents PutEventSelectors PutInsightSelectors StartLogging"
    " StopLogging UpdateTrail",
    "config": "DeleteConfigRule DeleteConfigurationRecorder DeleteDeliveryChannel PutConfigRule"
    " StopConfigurationRecorder",
    "dynamodb": "CreateTable DeleteItem DeleteTable GetItem PutItem Query Scan UpdateItem",
    "ec2": "AllocateAddress AttachInternetGateway AuthorizeSecurityGroupEgress AuthorizeSecurityGroupIngress"
    " CreateImage CreateInternetGateway CreateKeyPair CreateNetworkAcl CreateNetworkAclEntry CreateRoute"
    " CreateRouteTable CreateSecurityGroup CreateSnapshot CreateVpc CreateVpcPeeringConnection DeleteFlowLogs"
    " DeleteNetworkAcl DeleteSecurityGroup DeleteSnapshot DeleteVpc DescribeInstances DescribeRegions"
    " DisableEbsEncryptionByDefault GetPasswordData ImportKeyPair ModifyImageAttribute"
    " ModifyInstanceAttribute ModifySnapshotAttribute ReplaceIamInstanceProfileAssociation"
    " RevokeSecurityGroupIngress RunInstances StartInstances StopInstances TerminateInstances",
    "ecr": "BatchGetImage CreateRepository PutImage SetRepositoryPolicy",
    "eks": "AssociateAccessPolicy CreateAccessEntry UpdateClusterConfig",
    "guardduty": "CreateIPSet DeleteDetector DisassociateFromAdministratorAccount"
    " StopMonitoringMembers UpdateDetector",
    "iam": "AddUserToGroup AttachGroupPolicy AttachRolePolicy AttachUserPolicy CreateAccessKey"
    " CreateLoginProfile CreateOpenIDConnectProvider CreatePolicy CreatePolicyVersion CreateRole"
    " CreateSAMLProvider CreateUser CreateVirtualMFADevice DeactivateMFADevice DeleteAccessKey"
    " DeleteAccountPasswordPolicy DeleteLoginProfile DeleteRole DeleteRolePermissionsBoundary DeleteUser"
    " DeleteVirtualMFADevice DetachRolePolicy DetachUserPolicy EnableMFADevice GetAccountAuthorizationDetails"
    " ListUsers PassRole PutGroupPolicy PutRolePolicy PutUserPolicy SetDefaultPolicyVersion UpdateAccessKey"
    " UpdateAccountPasswordPolicy UpdateAssumeRolePolicy UpdateLoginProfile UpdateSAMLProvider",
    "kms": "CreateGrant CreateKey Decrypt DisableKey Encrypt GenerateDataKey PutKeyPolicy RotateKey"
    " ScheduleKeyDeletion",
    "lambda": "AddPermission20150331v2 CreateEventSourceMapping20150331 CreateFunction20150331"
    " DeleteFunction20150331 Invoke UpdateFunctionCode20150331v2 UpdateFunctionConfiguration20150331v2",
    "logs": "DeleteLogGroup DeleteLogStream DeleteSubscriptionFilter PutRetentionPolicy",
    "monitoring": "DeleteAlarms DisableAlarmActions PutMetricAlarm",
    "organizations": "CloseAccount CreateAccount InviteAccountToOrganization LeaveOrganization",
    "rds": "CreateDBSnapshot DeleteDBCluster DeleteDBInstance ModifyDBInstance ModifyDBSnapshotAttribute",
    "route53": "ChangeResourceRecordSets",
    "s3": "CreateBucket DeleteBucket DeleteBucketEncryption DeleteBucketPolicy DeleteBucketPublicAccessBlock"
    " DeleteObject DeleteObjects GetBucketAcl GetObject ListBuckets ListObjects PutBucketAcl"
    " PutBucketLifecycle PutBucketLogging PutBucketPolicy PutBucketPublicAccessBlock"
    " PutBucketReplication PutBucketVersioning PutObject PutObjectAcl",
    "secretsmanager": "CreateSecret DeleteSecret GetSecretValue PutResourcePolicy PutSecretValue"
    " UpdateSecret",
    "securityhub": "BatchDisableStandards DisableSecurityHub UpdateFindings",
    "ses": "SendEmail VerifyEmailIdentity",
    "signin": "ConsoleLogin UserAuthentication",
    "sns": "CreateTopic Publish Subscribe",
    "sqs": "CreateQueue PurgeQueue SetQueueAttributes",
    "ssm": "GetParameter GetParameters ModifyDocumentPermission PutParameter SendCommand StartSession",
    "sts": "AssumeRole AssumeRoleWithSAML AssumeRoleWithWebIdentity AssumeRoot GetCallerIdentity"
    " GetFederationToken GetSessionToken",
    "wafv2": "DeleteWebACL DisassociateWebACL UpdateWebACL",
}

#: Data events, which a trail logs only if configured.
_DATA = {
    "dynamodb": {"DeleteItem", "GetItem", "PutItem", "Query", "Scan", "UpdateItem"},
    "lambda": {"Invoke"},
    "s3": {"DeleteObject", "DeleteObjects", "GetObject", "ListObjects", "PutObject", "PutObjectAcl"},
}

#: Global services, whose events are recorded in us-east-1.
_GLOBAL = {"iam", "organizations", "route53"}

#: Common name of a service → its name in events.
_ALIASES = {"cloudwatch": "monitoring", "eventbridge": "events", "cloudwatch-logs": "logs"}

_READS = (
    "BatchGet",
    "Describe",
    "Get",
    "Head",
    "List",
    "Lookup",
    "Query",
    "Scan",
    "Search",
    "Select",
)
_MORE_READS = {"AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity", "Decrypt", "Encrypt"}


def source_of(name: str, service: str | None) -> str:
    """The ``eventSource`` of an event.

    Args:
        name: the event name.
        service: ``ec2``, ``ec2.amazonaws.com``, or None to derive it from the name.

    Raises:
        ValueError: the service of the name is unknown.
    """
    if service is None:
        service = _by_name().get(name)
        if service is None:
            raise ValueError(f"unknown service of {name}: pass it, for example service='ec2'")
    service = _ALIASES.get(service, service)
    return service if "." in service else f"{service}.amazonaws.com"


def default_region(event_source: str) -> str:
    """The default Region for events of a service."""
    return "us-east-1" if _label(event_source) in _GLOBAL else "eu-west-1"


def reads_only(name: str) -> bool:
    """Whether a call with this name is read-only."""
    return name.startswith(_READS) or name in _MORE_READS


def is_data(event_source: str, name: str) -> bool:
    """Whether the event is a data event."""
    return name in _DATA.get(_label(event_source), ())


def known() -> list[tuple[str, str]]:
    """All known pairs of service and event name."""
    return [(service, name) for name, service in _by_name().items()]


def _label(event_source: str) -> str:
    return event_source.removesuffix(".amazonaws.com")


@cache
def _by_name() -> dict[str, str]:
    return {name: service for service, names in _KNOWN.items() for name in names.split()}
