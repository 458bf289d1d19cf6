"""A proxy for moto's server that handles operations that moto lacks, and follows a script of errors.

    with FilledAws(moto_url) as aws:              # AWS_ENDPOINT_URL=aws.url
        aws.regions["111122223333"] = {"eu-west-1": "ENABLED_BY_DEFAULT"}
        aws.refuse("AccessDeniedException", service="events", region="eu-west-2")

moto lacks account:ListRegions, and organization trails in member accounts. The proxy returns both in the
documented shape:
https://docs.aws.amazon.com/accounts/latest/reference/API_ListRegions.html
https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_DescribeTrails.html
"""

from __future__ import annotations

import http.client
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from trailforward.demo.loopback import Handler, LoopbackServer

if TYPE_CHECKING:
    from collections.abc import Callable

OWN = "123456789012"

_SCOPE = re.compile(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/")
_KEYS = re.compile(r"<AccessKeyId>([^<]+)</AccessKeyId>")
_HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "date", "server"}


class Request(NamedTuple):
    """One call, identified by its signature and headers."""

    account: str
    service: str
    region: str
    operation: str


@dataclass
class Refusal:
    """An error: for which calls, with which status, and how often."""

    code: str
    status: int
    match: dict[str, str]
    times: int

    def matches(self, request: Request) -> bool:
        """Whether it applies to a call, and is not used up."""
        return self.times > 0 and all(getattr(request, key) == text for key, text in self.match.items())


class FilledAws(LoopbackServer):
    """The proxy. Callers that assume a role belong to the role's account."""

    def __init__(self, moto: str) -> None:
        self.moto = urlsplit(moto).netloc
        self.regions: dict[str, dict[str, str]] = {}
        self.organization_trails: list[dict[str, Any]] = []
        self.requests: list[Request] = []
        self.accounts: dict[str, str] = {}
        self._refusals: list[Refusal] = []
        self._edits: list[tuple[dict[str, str], Callable[[Any], Any]]] = []
        super().__init__(_Handler)

    @property
    def url(self) -> str:
        """The endpoint."""
        return f"http://localhost:{self.port}"

    def refuse(self, code: str, *, status: int = 400, times: int = 10**9, **match: str) -> None:
        """Rejects the calls with this ``service``, ``region``, ``operation``, or ``account``."""
        self._refusals.append(Refusal(code, status, match, times))

    def edit(self, change: Callable[[Any], Any], **match: str) -> None:
        """Changes the JSON of the responses to these calls; bytes replace the whole response."""
        self._edits.append((match, change))

    def edited(self, request: Request, content: bytes) -> bytes:
        """The response to a call, with all changes."""
        for match, change in self._edits:
            if all(getattr(request, key) == text for key, text in match.items()):
                changed = change(json.loads(content))
                content = changed if isinstance(changed, bytes) else json.dumps(changed).encode()
        return content

    def reset(self, regions: dict[str, dict[str, str]]) -> None:
        """Deletes errors, changes, organization trails, and recorded requests."""
        self.regions = regions
        self._refusals.clear()
        self._edits.clear()
        self.organization_trails.clear()
        self.requests.clear()

    def refusal(self, request: Request) -> Refusal | None:
        """The error for a call, or None."""
        found = next((item for item in self._refusals if item.matches(request)), None)
        if found:
            found.times -= 1
        return found

    def recorded(self, request: Request, body: bytes) -> Any:
        """The response to an operation that moto lacks; None if moto handles it."""
        if request.operation == "ListRegions" and request.account in self.regions:
            listed = self.regions[request.account].items()
            return {"Regions": [{"RegionName": name, "RegionOptStatus": status} for name, status in listed]}
        if request.service != "cloudtrail" or request.operation == "DescribeTrails":
            return None
        parameters = json.loads(body)
        arn = parameters.get("Name") or parameters.get("TrailName")
        trail = next((item for item in self.organization_trails if item["TrailARN"] == arn), None)
        if trail is None or f":{request.account}:" in arn:
            return None
        if request.operation == "GetTrailStatus":
            return {"IsLogging": True}
        if request.operation == "GetInsightSelectors":
            return {"TrailARN": arn, "InsightSelectors": [{"InsightType": "ApiCallRateInsight"}]}
        return {
            "TrailARN": arn,
            "EventSelectors": [{"ReadWriteType": "All", "IncludeManagementEvents": True}],
        }


class _Handler(Handler):
    server: FilledAws

    def _serve(self) -> None:
        """Handles one request."""
        body = self.body()
        scope = _SCOPE.search(self.headers.get("Authorization", ""))
        key, region, service = scope.groups() if scope else ("", "", "")
        operation = self._operation(body)
        account = self.server.accounts.get(key, OWN)
        request = Request(account, service, region, operation)
        self.server.requests.append(request)
        if refusal := self.server.refusal(request):
            self._refuse(service, refusal)
        elif (response := self.server.recorded(request, body)) is not None:
            content = self.server.edited(request, json.dumps(response).encode())
            self.respond(200, {"Content-Type": "application/json"}, content)
        else:
            self._forward(request, body)

    do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815  # names required by http.server

    def _operation(self, body: bytes) -> str:
        if target := self.headers.get("X-Amz-Target"):
            return target.rpartition(".")[2]
        if self.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
            return parse_qs(body.decode()).get("Action", [""])[0]
        path = self.path.partition("?")[0]
        return "ListRegions" if path == "/listRegions" else path

    def _forward(self, request: Request, body: bytes) -> None:
        moto = http.client.HTTPConnection(self.server.moto, timeout=30)
        moto.request(self.command, self.path, body, dict(self.headers.items()))
        reply = moto.getresponse()
        content = reply.read()
        moto.close()
        if request.operation == "AssumeRole" and (key := _KEYS.search(content.decode())):
            role = parse_qs(body.decode())["RoleArn"][0]
            self.server.accounts[key[1]] = role.split(":")[4]
        if request.operation == "DescribeTrails" and reply.status == 200:
            content = self._with_organization_trails(request, content)
        content = self.server.edited(request, content)
        headers = {name: value for name, value in reply.getheaders() if name.lower() not in _HOP_BY_HOP}
        self.respond(reply.status, headers, content)

    def _with_organization_trails(self, request: Request, content: bytes) -> bytes:
        """Adds the organization's trails, which AWS also lists in member accounts."""
        found = json.loads(content)
        found["trailList"] += [
            trail
            for trail in self.server.organization_trails
            if f":{request.account}:" not in trail["TrailARN"]
        ]
        return json.dumps(found).encode()

    def _refuse(self, service: str, refusal: Refusal) -> None:
        code = refusal.code
        if service in {"iam", "sns", "sts"}:
            text = f"<ErrorResponse><Error><Code>{code}</Code><Message>m</Message></Error></ErrorResponse>"
            self.respond(refusal.status, {"Content-Type": "text/xml"}, text.encode())
            return
        if service == "ec2":
            text = f"<Response><Errors><Error><Code>{code}</Code></Error></Errors></Response>"
            self.respond(refusal.status, {"Content-Type": "text/xml"}, text.encode())
            return
        headers = {"Content-Type": "application/json", "x-amzn-ErrorType": code}
        self.respond(refusal.status, headers, json.dumps({"__type": code, "message": "by script"}).encode())
