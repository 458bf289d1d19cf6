"""Records of every type, written after AWS's documentation, and helpers to inspect models."""

import json
from typing import Any

from trailforward.models import EventBridgeEvent, LenientModel

Json = dict[str, Any]

USER: Json = {
    "type": "IAMUser",
    "principalId": "AIDAEXAMPLEROSA",
    "arn": "arn:aws:iam::111122223333:user/division/rosa",
    "accountId": "111122223333",
    "accessKeyId": "AKIAEXAMPLE",
    "userName": "rosa",
}
ROLE: Json = {
    "type": "AssumedRole",
    "principalId": "AROAEXAMPLEADMIN:jun@example.com",
    "arn": "arn:aws:sts::111122223333:assumed-role/Admin/jun@example.com",
    "accountId": "111122223333",
    "accessKeyId": "ASIAEXAMPLE",
    "sessionContext": {
        "sessionIssuer": {
            "type": "Role",
            "principalId": "AROAEXAMPLEADMIN",
            "arn": "arn:aws:iam::111122223333:role/Admin",
            "accountId": "111122223333",
            "userName": "Admin",
        },
        "webIdFederationData": {},
        "attributes": {"creationDate": "2026-03-01T08:00:00Z", "mfaAuthenticated": "false"},
    },
}
ROOT: Json = {
    "type": "Root",
    "principalId": "111122223333",
    "arn": "arn:aws:iam::111122223333:root",
    "accountId": "111122223333",
    "accessKeyId": "",
    "userName": "example-alias",
}

API_CALL: Json = {
    "eventVersion": "1.11",
    "userIdentity": ROLE,
    "eventTime": "2026-03-01T08:30:00Z",
    "eventSource": "ec2.amazonaws.com",
    "eventName": "AuthorizeSecurityGroupIngress",
    "awsRegion": "eu-west-1",
    "sourceIPAddress": "198.51.100.7",
    "userAgent": "Example/1.0",
    "requestParameters": {"groupId": "sg-0example", "ports": [22], ":uid": None},
    "responseElements": {"_return": True},
    "requestID": "00000000-0000-4000-8000-000000000001",
    "eventID": "00000000-0000-4000-8000-000000000002",
    "readOnly": False,
    "eventType": "AwsApiCall",
    "managementEvent": True,
    "recipientAccountId": "111122223333",
    "eventCategory": "Management",
}
EVERY_FIELD: Json = {
    **API_CALL,
    "userIdentity": {
        **ROLE,
        "userName": "nobody",
        "sessionContext": {
            **ROLE["sessionContext"],
            "webIdFederationData": {
                "federatedProvider": "idp.example.com",
                "attributes": {"idp.example.com:sub": "user-1"},
            },
            "sourceIdentity": "jun",
            "ec2RoleDelivery": "2.0",
            "assumedRoot": "true",
            "signInSessionArn": "arn:aws:signin:eu-west-1:111122223333:session/example",
        },
        "invokedBy": "cloudformation.amazonaws.com",
        "invokedByDelegate": {"accountId": "123456789012"},
        "onBehalfOf": {
            "userId": "example-user",
            "identityStoreArn": "arn:aws:identitystore::111122223333:identitystore/d-example",
        },
        "inScopeOf": {
            "sourceArn": "arn:aws:lambda:eu-west-1:111122223333:function:ship",
            "sourceAccount": "111122223333",
            "issuerType": "AWS::Lambda::Function",
            "credentialsIssuedTo": "arn:aws:lambda:eu-west-1:111122223333:function:ship",
        },
        "credentialId": "example-credential",
        "identityProvider": "idp.example.com",
    },
    "errorCode": "Client.UnauthorizedOperation",
    "errorMessage": "You are not authorized to perform this operation.",
    "additionalEventData": {"bytesTransferredIn": 1.688560107857e9},
    "resources": [
        {"ARN": "arn:aws:s3:::example", "accountId": "111122223333", "type": "AWS::S3::Bucket"},
        {"ARNPrefix": "arn:aws:s3:::example/", "type": "AWS::S3::Object"},
    ],
    "apiVersion": "2016-11-15",
    "sharedEventID": "00000000-0000-4000-8000-000000000003",
    "vpcEndpointId": "vpce-0example",
    "vpcEndpointAccountId": "123456789012",
    "serviceEventDetails": {"state": "done"},
    "addendum": {
        "reason": "UPDATED_DATA",
        "updatedFields": "responseElements",
        "originalRequestID": "00000000-0000-4000-8000-000000000004",
        "originalEventID": "00000000-0000-4000-8000-000000000005",
    },
    "sessionCredentialFromConsole": "true",
    "edgeDeviceDetails": {
        "type": "snowball",
        "snowJobId": "JIDexample",
        "deviceId": "device-1",
        "deviceFamily": "EDGE",
    },
    "tlsDetails": {
        "tlsVersion": "TLSv1.3",
        "cipherSuite": "TLS_AES_128_GCM_SHA256",
        "clientProvidedHostHeader": "ec2.eu-west-1.amazonaws.com",
        "keyExchange": "X25519MLKEM768",
    },
    "eventContext": {
        "requestContext": {"aws:ViaAWSService": "false"},
        "tagContext": {"principalTags": {"team": "blue"}},
    },
    "annotation": {"nobody": "knows"},
}
SIGN_IN: Json = {
    "eventVersion": "1.08",
    "userIdentity": ROOT,
    "eventTime": "2026-03-01T07:58:41Z",
    "eventSource": "signin.amazonaws.com",
    "eventName": "ConsoleLogin",
    "awsRegion": "us-east-2",
    "sourceIPAddress": "203.0.113.25",
    "userAgent": "Mozilla/5.0",
    "requestParameters": None,
    "responseElements": {"ConsoleLogin": "Success"},
    "additionalEventData": {
        "LoginTo": "https://console.aws.amazon.com/console/home",
        "MobileVersion": "No",
        "MFAIdentifier": "arn:aws:iam::111122223333:mfa/key",
        "MFAUsed": "Yes",
        "MfaType": "Virtual MFA",
        "SamlProviderArn": "arn:aws:iam::111122223333:saml-provider/example",
    },
    "eventID": "00000000-0000-4000-8000-000000000006",
    "readOnly": False,
    "eventType": "AwsConsoleSignIn",
    "managementEvent": True,
    "recipientAccountId": "111122223333",
    "eventCategory": "Management",
}
FAILED_SIGN_IN: Json = {
    **SIGN_IN,
    "userIdentity": {
        "type": "IAMUser",
        "accountId": "111122223333",
        "accessKeyId": "",
        "userName": "HIDDEN_DUE_TO_SECURITY_REASONS",
    },
    "errorMessage": "No username found in supplied account",
    "responseElements": {"ConsoleLogin": "Failure"},
    "additionalEventData": {"MobileVersion": "No", "MFAUsed": "No"},
}
SERVICE_EVENT: Json = {
    "eventVersion": "1.11",
    "userIdentity": {"accountId": "111122223333", "invokedBy": "AWS Internal"},
    "eventTime": "2026-03-01T01:41:59Z",
    "eventSource": "kms.amazonaws.com",
    "eventName": "RotateKey",
    "awsRegion": "eu-central-1",
    "sourceIPAddress": "AWS Internal",
    "userAgent": "AWS Internal",
    "requestParameters": None,
    "responseElements": None,
    "eventID": "00000000-0000-4000-8000-000000000007",
    "readOnly": False,
    "eventType": "AwsServiceEvent",
    "managementEvent": True,
    "recipientAccountId": "111122223333",
    "serviceEventDetails": {"rotationType": "AUTOMATIC"},
    "eventCategory": "Management",
}
IDENTITY_CENTER_SIGN_IN: Json = {
    **SERVICE_EVENT,
    "userIdentity": {
        "type": "IdentityCenterUser",
        "arn": "",
        "accountId": "111122223333",
        "accessKeyId": "",
        "onBehalfOf": {"userId": "example-user", "identityStoreArn": "arn:aws:identitystore::111122223333:x"},
        "credentialId": "example-credential",
    },
    "eventSource": "signin.amazonaws.com",
    "eventName": "UserAuthentication",
    "additionalEventData": {"UserName": "jun", "CredentialType": "PASSWORD"},
    "serviceEventDetails": {"UserAuthentication": "Failure"},
}
CONSOLE_ACTION: Json = {
    **API_CALL,
    "eventSource": "billingconsole.amazonaws.com",
    "eventName": "ModifyBillingPreferences",
    "eventType": "AwsConsoleAction",
}
NETWORK_ACTIVITY: Json = {
    "eventVersion": "1.09",
    "userIdentity": {
        "type": "AWSAccount",
        "principalId": "AROAEXAMPLE:batch",
        "accountId": "123456789012",
    },
    "eventTime": "2026-03-01T08:32:09Z",
    "eventSource": "secretsmanager.amazonaws.com",
    "eventName": "GetSecretValue",
    "awsRegion": "eu-west-1",
    "sourceIPAddress": "198.51.100.45",
    "errorCode": "VpceAccessDenied",
    "errorMessage": "The request was denied due to a VPC endpoint policy",
    "requestID": "00000000-0000-4000-8000-000000000008",
    "eventID": "00000000-0000-4000-8000-000000000009",
    "eventType": "AwsVpceEvent",
    "recipientAccountId": "111122223333",
    "sharedEventID": "00000000-0000-4000-8000-00000000000a",
    "vpcEndpointId": "vpce-0example",
    "vpcEndpointAccountId": "111122223333",
    "eventCategory": "NetworkActivity",
}
INSIGHT: Json = {
    "eventVersion": "1.08",
    "eventTime": "2026-03-01T09:15:00Z",
    "awsRegion": "eu-west-1",
    "eventID": "00000000-0000-4000-8000-00000000000b",
    "eventType": "AwsCloudTrailInsight",
    "recipientAccountId": "111122223333",
    "sharedEventID": "00000000-0000-4000-8000-00000000000c",
    "insightDetails": {
        "state": "Start",
        "eventSource": "s3.amazonaws.com",
        "eventName": "GetObject",
        "insightType": "ApiErrorRateInsight",
        "errorCode": "AccessDenied",
        "insightContext": {
            "statistics": {
                "baseline": {"average": 9.92063e-5},
                "insight": {"average": 12.5},
                "insightDuration": 1,
                "baselineDuration": 10080,
            },
            "attributions": [
                {"attribute": "errorCode", "insight": [{"value": "null", "average": 12.5}], "baseline": []},
                {
                    "attribute": "userIdentityArn",
                    "insight": [
                        {"value": "arn:aws:sts::111122223333:assumed-role/Quiet", "average": 2},
                        {"value": "arn:aws:sts::111122223333:assumed-role/Loud", "average": 10.5},
                    ],
                    "baseline": [],
                },
            ],
        },
    },
    "eventCategory": "Insight",
}
AGGREGATED: Json = {
    "eventVersion": "1.0",
    "accountId": "111122223333",
    "eventId": "00000000-0000-4000-8000-00000000000d",
    "eventCategory": "Aggregated",
    "eventType": "AwsAggregatedEvent",
    "awsRegion": "eu-west-1",
    "eventSource": "s3.amazonaws.com",
    "timeWindow": {
        "windowStart": "2026-03-01 23:45:00",
        "windowEnd": "2026-03-01T23:50:00Z",
        "windowSize": "PT5M",
    },
    "summary": {
        "primaryDimension": {
            "dimension": "eventName",
            "statistics": [{"name": "GetObject", "value": 412}],
            "aggregationType": "Count",
        },
        "details": [
            {
                "dimension": "userIdentity",
                "statistics": [
                    {"name": "arn:aws:iam::111122223333:user/quiet", "value": 12},
                    {"name": "arn:aws:iam::111122223333:user/loud", "value": 400},
                ],
                "aggregationType": "Count",
            }
        ],
    },
}
KINDS: list[Json] = [
    API_CALL,
    EVERY_FIELD,
    SIGN_IN,
    FAILED_SIGN_IN,
    SERVICE_EVENT,
    IDENTITY_CENTER_SIGN_IN,
    CONSOLE_ACTION,
    NETWORK_ACTIVITY,
    INSIGHT,
    AGGREGATED,
]


def envelope(detail: Any) -> Json:
    """The envelope that EventBridge adds to a record."""
    return {
        "version": "0",
        "id": "00000000-0000-4000-8000-00000000000e",
        "detail-type": "AWS API Call via CloudTrail",
        "source": "aws.ec2",
        "account": "111122223333",
        "time": "2026-03-01T08:30:00Z",
        "region": "eu-west-1",
        "resources": [],
        "detail": detail,
    }


def dump(model: LenientModel) -> Json:
    """Dumps a model as the documentation recommends."""
    return model.model_dump(by_alias=True, exclude_unset=True)


def text(value: Any) -> str:
    """JSON text that distinguishes 1, 1.0, and true, but ignores the order of keys."""
    return json.dumps(value, sort_keys=True)


def nested(value: Any) -> list[LenientModel]:
    """A model and all models in it."""
    if isinstance(value, list):
        return [model for item in value for model in nested(item)]
    if not isinstance(value, LenientModel):
        return []
    return [value, *(model for _, member in value for model in nested(member))]


def helpers(model: LenientModel) -> Json:
    """The values of all helper properties of a model."""
    names = {
        name
        for cls in type(model).__mro__
        if issubclass(cls, LenientModel)
        for name, member in vars(cls).items()
        if isinstance(member, property)
    }
    return {name: getattr(model, name) for name in names}


def event(detail: Any) -> EventBridgeEvent:
    """An event with this detail."""
    return EventBridgeEvent.model_validate(envelope(detail))
