"""A simulated organization: an HTTP server with many accounts and Regions, an SCP, and sessions that expire.

    with Organization(accounts=50) as aws:           # environment variables: aws.environment()
        aws.allowed = {"us-east-1", "eu-west-1"}     # the SCP denies every other Region
        aws.expire(own=100, sessions=40)             # credentials work for so many calls from now on

The management account has an organization trail, and a hub bus with a queue. Every account has a rule in
every Region that forwards to it. Responses have the shapes of the API references; errors have the texts
that AWS documents: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
"""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote

from tests.doctor.planted import REGIONS
from trailforward.demo.loopback import Handler, LoopbackServer

ROOT = "111122223333"
HOME = "us-east-1"
BUS = f"arn:aws:events:{HOME}:{ROOT}:event-bus/central"
QUEUE = f"arn:aws:sqs:{HOME}:{ROOT}:trailforward"
TRAIL = f"arn:aws:cloudtrail:{HOME}:{ROOT}:trail/org"
ID = "o-example00"

_SCOPE = re.compile(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/")
#: Services that are not subject to the SCP on Regions, as in AWS's own example of such an SCP.
_GLOBAL = {"account", "iam", "organizations", "sts"}


class RefusedError(Exception):
    """An error response."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message


class Called(NamedTuple):
    """One request."""

    account: str
    service: str
    region: str
    operation: str


def member(number: int) -> str:
    """The ID of an account; numbers begin with 1."""
    return f"{number:012d}"


class Organization(LoopbackServer):
    """The server.

    Attributes:
        allowed: the Regions in which the SCP allows calls; all if None.
        throttled: rejects every so-many-th call with a throttling error; 0 for none.
        bus_key_state: the state of the hub bus's customer managed key; empty without a key.
        pipes: the names of the pipes that read from the queue.
        calls: all requests.
        most_at_once: the largest number of requests at the same time.
    """

    def __init__(self, accounts: int, regions: tuple[str, ...] = REGIONS) -> None:
        self.members = [ROOT, *(member(number) for number in range(1, accounts))]
        self.regions = regions
        self.allowed: set[str] | None = None
        self.throttled = 0
        self.bus_key_state = ""
        self.pipes: list[str] = []
        self.calls: list[Called] = []
        self.most_at_once = 0
        self._at_once = 0
        self._sessions: dict[str, str] = {}
        self._guard = threading.Lock()
        self.expire()
        super().__init__(_Handler)

    def environment(self) -> dict[str, str]:
        """Environment variables that make AWS clients connect to it."""
        return {
            "AWS_ENDPOINT_URL": f"http://localhost:{self.port}",
            "AWS_ACCESS_KEY_ID": "own",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_SESSION_TOKEN": "test",
            "AWS_DEFAULT_REGION": HOME,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }

    def expire(self, *, own: int = 10**9, sessions: int = 10**9) -> None:
        """Lets the caller's credentials, and those of each session of a role, work for so many calls."""
        self._own_calls, self._session_calls = own, sessions
        self._used: Counter[str] = Counter()
        self.calls.clear()

    def respond(self, key: str, service: str, region: str, operation: str, given: dict[str, Any]) -> Any:
        """The response to a request.

        Raises:
            RefusedError: it is an error.
        """
        with self._guard:
            account = self._sessions.get(key, ROOT)
            self.calls.append(Called(account, service, region, operation))
            if self.throttled and len(self.calls) % self.throttled == 0:
                raise RefusedError("ThrottlingException", "Rate exceeded")
            self._used[key] += 1
            if self._used[key] > (self._own_calls if key == "own" else self._session_calls):
                code = "ExpiredToken" if service in {"iam", "sts"} else "ExpiredTokenException"
                raise RefusedError(code, "The security token included in the request is expired")
        if self.allowed is not None and region not in self.allowed and service not in _GLOBAL:
            raise RefusedError(
                "AccessDeniedException",
                f"User: arn:aws:sts::{account}:assumed-role/audit/doctor is not authorized to perform: "
                f"{service}:{operation} on resource: arn:aws:{service}:{region}:{account}:* with an explicit "
                "deny in a service control policy",
            )
        return self._response(account, region, operation, given)

    def _response(self, account: str, region: str, operation: str, given: dict[str, Any]) -> Any:
        if operation == "AssumeRole":
            return self._assume(given["RoleArn"].split(":")[4])
        fixed: dict[str, Any] = {
            "ListAccounts": {"Accounts": [{"Id": one, "Status": "ACTIVE"} for one in self.members]},
            "DescribeOrganization": {"Organization": {"Id": ID, "MasterAccountId": ROOT}},
            "ListRegions": {
                "Regions": [
                    {"RegionName": name, "RegionOptStatus": "ENABLED_BY_DEFAULT"} for name in self.regions
                ]
            },
            "DescribeTrails": {"trailList": [_TRAIL]},
            "GetTrailStatus": {"IsLogging": True},
            "GetEventSelectors": {"EventSelectors": [{"ReadWriteType": "All"}]},
            "GetInsightSelectors": {"InsightSelectors": []},
            "ListEventBuses": {
                "EventBuses": [{"Name": "default"}, *([_BUS] if _is_hub(account, region) else [])]
            },
            "DescribeEventBus": {"KmsKeyIdentifier": _KEY} if self.bus_key_state else {},
            "DescribeKey": {
                "KeyMetadata": {
                    "KeyId": "k",
                    "Arn": _KEY,
                    "KeyManager": "CUSTOMER",
                    "KeyState": self.bus_key_state,
                }
            },
            "GetKeyPolicy": {"Policy": _document(_policy("kms:*", "*"))},
            "ListPipes": {"Pipes": [{"Name": name, "Source": QUEUE} for name in self.pipes]},
            "GetQueueUrl": {"QueueUrl": f"http://localhost:{self.port}/{ROOT}/trailforward"},
            "GetQueueAttributes": {"Attributes": {"Policy": _document(_policy("sqs:SendMessage", QUEUE))}},
            "GetRole": _xml_role(account),
            "ListRolePolicies": "<PolicyNames><member>p</member></PolicyNames>",
            "GetRolePolicy": _xml_policy(),
            "ListAttachedRolePolicies": "<AttachedPolicies/>",
            "GetCallerIdentity": (
                f"<Account>{account}</Account><Arn>arn:aws:iam::{account}:user/me</Arn><UserId>me</UserId>"
            ),
        }
        if operation == "ListRules":
            state = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
            return {
                "Rules": [
                    {"Name": "forward", "State": state, "EventPattern": '{"source": [{"prefix": "aws."}]}'}
                ]
            }
        if operation == "ListTargetsByRule":
            hub = given["EventBusName"] == "central"
            target = (
                {"Arn": QUEUE} if hub else {"Arn": BUS, "RoleArn": f"arn:aws:iam::{account}:role/forward"}
            )
            return {"Targets": [{"Id": "t", **target}]}
        return fixed.get(operation, {})

    def _assume(self, account: str) -> str:
        with self._guard:
            key = f"SESSION{len(self._sessions):013d}"
            self._sessions[key] = account
        return (
            f"<Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
            f"<SessionToken>t</SessionToken><Expiration>2030-01-01T00:00:00Z</Expiration></Credentials>"
        )

    def at_once(self, more: int) -> None:
        """Counts a request that begins (1) or ends (-1)."""
        with self._guard:
            self._at_once += more
            self.most_at_once = max(self.most_at_once, self._at_once)


def _is_hub(account: str, region: str) -> bool:
    return (account, region) == (ROOT, HOME)


def _document(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _policy(action: str, resource: str) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": action,
        "Resource": resource,
    }


def _xml_role(account: str) -> str:
    trust = _document(
        {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"}
    )
    return (
        f"<Role><Arn>arn:aws:iam::{account}:role/forward</Arn>"
        f"<AssumeRolePolicyDocument>{trust}</AssumeRolePolicyDocument></Role>"
    )


def _xml_policy() -> str:
    allowed = _document({"Effect": "Allow", "Action": "events:PutEvents", "Resource": BUS})
    return f"<PolicyDocument>{allowed}</PolicyDocument>"


_TRAIL = {
    "Name": "org",
    "TrailARN": TRAIL,
    "HomeRegion": HOME,
    "IsMultiRegionTrail": True,
    "IsOrganizationTrail": True,
    "IncludeGlobalServiceEvents": True,
}
_KEY = f"arn:aws:kms:{HOME}:{ROOT}:key/k"
_BUS = {
    "Name": "central",
    "Arn": BUS,
    "Policy": _document(
        {
            "Effect": "Allow",
            "Principal": "*",
            "Action": "events:PutEvents",
            "Resource": BUS,
            "Condition": {"StringEquals": {"aws:PrincipalOrgID": ID}},
        }
    ),
}


class _Handler(Handler):
    server: Organization

    def do_POST(self) -> None:  # noqa: N802  # a name required by http.server
        """Handles one request."""
        self.server.at_once(1)
        try:
            self._serve()
        finally:
            self.server.at_once(-1)

    do_GET = do_POST  # noqa: N815  # a name required by http.server

    def _serve(self) -> None:
        body = self.body().decode()
        scope = _SCOPE.search(self.headers.get("Authorization", ""))
        key, region, service = scope.groups() if scope else ("", "", "")
        operation, given = self._parsed(body)
        xml = service in {"iam", "sts"}
        try:
            found = self.server.respond(key, service, region, operation, given)
        except RefusedError as error:
            self._refuse(error, xml=xml)
            return
        if xml:
            text = (
                f"<{operation}Response><{operation}Result>{found}</{operation}Result></{operation}Response>"
            )
            self.respond(200, {"Content-Type": "text/xml"}, text.encode())
        else:
            self.respond(200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(found).encode())

    def _parsed(self, body: str) -> tuple[str, dict[str, Any]]:
        if target := self.headers.get("X-Amz-Target"):
            return target.rpartition(".")[2], json.loads(body or "{}")
        if "form" in self.headers.get("Content-Type", ""):
            fields = {name: unquote(values[0]) for name, values in parse_qs(body).items()}
            return fields["Action"], fields
        if self.path.startswith("/v1/pipes"):
            return "ListPipes", {}
        return self.path[1:2].upper() + self.path[2:], {}

    def _refuse(self, error: RefusedError, *, xml: bool) -> None:
        if xml:
            text = f"<Error><Code>{error.code}</Code><Message>{error.message}</Message></Error>"
            self.respond(403, {"Content-Type": "text/xml"}, f"<ErrorResponse>{text}</ErrorResponse>".encode())
            return
        headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-ErrorType": error.code}
        self.respond(400, headers, json.dumps({"__type": error.code, "message": error.message}).encode())
