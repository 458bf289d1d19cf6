"""Event patterns: time per match as a ratio to ``json.loads`` of the same event, with moto's for comparison.

Ratios are printed because machines differ. The cases have the targets of the engine. The benchmark also
matches the event with 1 to 10,000 routes at once, and measures the time to compile them.

Run: ``make bench-patterns``
"""

from __future__ import annotations

import gc
import json
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from trailforward.patterns import Pattern, PatternSet

if TYPE_CHECKING:
    from collections.abc import Callable

API_CALL = "AWS API Call via CloudTrail"

CASES: dict[str, tuple[str, float, dict[str, Any]]] = {
    "A": (
        "four exact fields, match",
        0.40,
        {
            "source": ["aws.iam"],
            "detail-type": [API_CALL],
            "detail": {
                "eventSource": ["iam.amazonaws.com"],
                "eventName": ["CreateUser", "AttachRolePolicy", "PutRolePolicy"],
            },
        },
    ),
    "B": (
        "early miss",
        0.12,
        {"source": ["aws.s3"], "detail-type": [API_CALL], "detail": {"eventName": ["DeleteBucket"]}},
    ),
    "C": (
        "six operators, match",
        1.3,
        {
            "source": [{"prefix": "aws."}],
            "detail": {
                "eventName": [{"prefix": "Attach"}, {"prefix": "Put"}],
                "errorCode": [{"exists": False}],
                "readOnly": [False],
                "userIdentity": {
                    "type": [{"anything-but": "AWSService"}],
                    "sessionContext": {"attributes": {"mfaAuthenticated": ["true"]}},
                },
                "sourceIPAddress": [{"cidr": "198.51.100.0/24"}],
                "requestParameters": {"policyArn": [{"wildcard": "arn:aws:iam::aws:policy/*Admin*"}]},
            },
        },
    ),
    "D": (
        "$or of three, array of objects, match",
        1.0,
        {
            "source": ["aws.iam"],
            "detail": {
                "$or": [
                    {"eventName": ["CreateUser"]},
                    {"userIdentity": {"type": ["Root"]}},
                    {
                        "requestParameters": {
                            "tags": {"key": ["env"], "value": [{"equals-ignore-case": "PROD"}]}
                        }
                    },
                ]
            },
        },
    ),
}

EVENT: dict[str, Any] = {
    "version": "0",
    "id": "3f0d9b1e-8c1a-4b0c-9a6c-9a1f8f0a1b2c",
    "detail-type": API_CALL,
    "source": "aws.iam",
    "account": "111122223333",
    "time": "2026-02-11T08:14:21Z",
    "region": "us-east-1",
    "resources": [],
    "detail": {
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "AssumedRole",
            "principalId": "AROAEXAMPLEID:alice",
            "arn": "arn:aws:sts::111122223333:assumed-role/Admin/alice",
            "accountId": "111122223333",
            "accessKeyId": "ASIAEXAMPLEKEY",
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role",
                    "principalId": "AROAEXAMPLEID",
                    "arn": "arn:aws:iam::111122223333:role/Admin",
                    "accountId": "111122223333",
                    "userName": "Admin",
                },
                "attributes": {"creationDate": "2026-02-11T08:00:00Z", "mfaAuthenticated": "true"},
            },
            "inScopeOf": {
                "issuerType": "AWS::Lambda::Function",
                "credentialsIssuedTo": "arn:aws:lambda:us-east-1:111122223333:function:f",
            },
        },
        "eventTime": "2026-02-11T08:14:20Z",
        "eventSource": "iam.amazonaws.com",
        "eventName": "AttachRolePolicy",
        "awsRegion": "us-east-1",
        "sourceIPAddress": "198.51.100.23",
        "userAgent": "aws-cli/2.17.0 Python/3.11 Linux/5.10 exec-env/CloudShell",
        "requestParameters": {
            "roleName": "deploy",
            "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess",
            "tags": [{"key": "team", "value": "sec"}, {"key": "env", "value": "prod"}],
        },
        "responseElements": None,
        "requestID": "9d478fc1-4f10-490f-a26b-EXAMPLE",
        "eventID": "f1e2d3c4-EXAMPLE",
        "readOnly": False,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": "111122223333",
        "eventCategory": "Management",
        "tlsDetails": {
            "tlsVersion": "TLSv1.3",
            "cipherSuite": "TLS_AES_128_GCM_SHA256",
            "clientProvidedHostHeader": "iam.amazonaws.com",
        },
        "sessionCredentialFromConsole": "true",
    },
}

ROUTE_COUNTS = (1, 10, 100, 1_000, 10_000)


def micros(*functions: Callable[[], object], rounds: int = 9, seconds: float = 0.03) -> list[float]:
    """Microseconds per call, the best of several rounds. Rounds alternate, so that noise affects all."""
    counts = []
    for function in functions:
        count = 1
        while _time(function, count) < seconds:
            count *= 2
        counts.append(count)
    best = [float("inf")] * len(functions)
    gc.disable()
    for _ in range(rounds):
        for at, (function, count) in enumerate(zip(functions, counts, strict=True)):
            best[at] = min(best[at], _time(function, count) / count * 1e6)
    gc.enable()
    return best


def _time(function: Callable[[], object], count: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        function()
    return time.perf_counter() - start


def moto_matcher(pattern: dict[str, Any]) -> Any:
    try:
        from moto.events.models import EventPattern
    except ImportError:
        return None
    return EventPattern.load(json.dumps(pattern)).matches_event


def routes(count: int) -> dict[str, dict[str, Any]]:
    """Typical routes of an organization: services, event names, accounts, wildcards. One of them matches."""
    made: dict[str, dict[str, Any]] = {"hit": CASES["A"][2]}
    for number in range(1, count):
        service = ("iam", "s3", "ec2", "kms", "sts", "lambda")[number % 6]
        made[f"route-{number}"] = {
            "source": [f"aws.{service}"],
            "detail-type": [API_CALL],
            "detail": (
                {"eventName": [f"Create{number}", f"Delete{number}"]},
                {"eventName": [{"prefix": f"Attach{number}"}], "readOnly": [False]},
                {"recipientAccountId": [f"{number:012}"], "errorCode": [{"exists": False}]},
                {"requestParameters": {"roleName": [{"wildcard": f"team-{number}-*"}]}},
            )[number % 4],
        }
    return made


def show_cases() -> None:
    text = json.dumps(EVENT)
    print("Ratios are against json.loads of the event.\n")
    print(f"{'case':40} {'loads µs':>8} {'µs':>7} {'ratio':>6} {'target':>6}  {'moto':>6}  compile µs")
    for name, (title, target, source) in CASES.items():
        pattern, pattern_text, peer = Pattern(source), json.dumps(source), moto_matcher(source)
        loads, ours, theirs, compiled = micros(
            partial(json.loads, text),
            partial(pattern.matches, EVENT),
            partial(peer or pattern.matches, EVENT),
            partial(_compile, pattern_text),
        )
        note = "not installed" if peer is None else f"{theirs / loads:6.2f}"
        wrong = "" if peer is None or peer(EVENT) == pattern.matches(EVENT) else "  (moto's result is wrong)"
        print(
            f"{name + ' ' + title:40} {loads:8.2f} {ours:7.2f} {ours / loads:6.2f} {target:6.2f}  {note}"
            f"  {compiled:10.0f}{wrong}"
        )


def _compile(text: str) -> object:
    return Pattern(text).checks


def show_routes() -> None:
    text = json.dumps(EVENT)
    sets, built = [], []
    for count in ROUTE_COUNTS:
        start = time.perf_counter()
        sets.append(PatternSet(routes(count)))
        built.append((time.perf_counter() - start) * 1e3)
    loads, *spent = micros(partial(json.loads, text), *(partial(each.matches, EVENT) for each in sets))
    print(f"\n{'routes':>8} {'µs':>8} {'ratio':>7} {'against one':>12} {'compared':>10}  build ms")
    for count, together, took, build in zip(ROUTE_COUNTS, sets, spent, built, strict=True):
        print(
            f"{count:8,} {took:8.2f} {took / loads:7.2f} {took / spent[0]:11.1f}x "
            f"{together.candidates(EVENT):10}  {build:8.1f}"
        )


if __name__ == "__main__":
    show_cases()
    show_routes()
