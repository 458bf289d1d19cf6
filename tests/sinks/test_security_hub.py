"""The Security Hub sink imports findings into its own account, and reports those that are refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.alerts import alert
from tests.support.aws import ACCOUNT, use_botocore
from tests.support.events import Context, envelope, sqs, sqs_record
from tests.support.stub_aws import Partial, Refusal, Refuse, Response, StubAws, containing
from trailforward import Config, ConfigError, Fate, Forwarder
from trailforward.errors import Cause, PermanentError, TransientError
from trailforward.formats import load
from trailforward.sinks.base import Entry
from trailforward.sinks.security_hub import LIMITS, SecurityHubSettings, SecurityHubSink

if TYPE_CHECKING:
    from tests.support.aws import Reader

ARN = "arn:aws:securityhub:us-west-2:123456789012:product/123456789012/default"
PLACE = "securityhub:us-west-2"


def sink(to: str = ARN) -> SecurityHubSink:
    """A sink for this product."""
    return SecurityHubSink(SecurityHubSettings(to=to))


def entries(*raws: bytes) -> list[Entry]:
    """Findings of events."""
    return [Entry(load("asff").data(alert(raw)), f"key-{index}") for index, raw in enumerate(raws)]


def stored(stub: StubAws) -> list[dict[str, Any]]:
    """The findings that the stub accepted."""
    return [json.loads(data) for data in stub.taken(PLACE)]


@pytest.mark.parametrize("way", ["directly", "by botocore"])
def test_findings_arrive_in_security_hub(
    way: str, local_aws: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Security Hub gets the findings, directly and through botocore; an event sent twice is one finding."""
    if way == "by botocore":
        use_botocore(monkeypatch)
    arn = f"arn:aws:securityhub:{local_aws.region}:{ACCOUNT}:product/{ACCOUNT}/default"
    batch = entries(envelope(1), envelope(2))
    made = sink(arn)
    assert made.send(batch) == []
    assert made.send(batch[:1]) == []
    found = local_aws("securityhub").get_findings()["Findings"]
    ours = {one["Id"]: one for one in found if one["Id"].startswith(f"{arn}/trailforward/")}
    assert len(ours) == 2
    assert all(one["AwsAccountId"] == ACCOUNT and one["ProductArn"] == arn for one in ours.values())
    assert all(one["Title"] == "Security group opened to the internet" for one in ours.values())


def test_events_of_other_accounts_are_findings_of_the_own_account(stub: StubAws) -> None:
    """Security Hub accepts findings of the calling account only; the resources name the event's account."""
    assert sink().send(entries(envelope(1, recipientAccountId="111122223333"))) == []
    (found,) = stored(stub)
    assert (found["AwsAccountId"], found["ProductArn"]) == ("123456789012", ARN)
    assert found["ProductFields"]["trailforward/Account"] == "111122223333"
    assert found["Resources"][-1]["Id"] == "AWS::::Account:111122223333"
    assert found["Id"] == f"{ARN}/trailforward/111122223333/00000000-0000-4000-8000-000000000001"
    assert len(found["Id"]) <= 512


def test_a_repeated_event_in_one_batch_is_one_finding(stub: StubAws) -> None:
    """Results are by ID, so both entries share the result of their finding."""
    batch = entries(envelope(1), envelope(2), envelope(1))
    assert sink().send(batch) == []
    assert len(stored(stub)) == 2
    stub.script(PLACE, Partial(containing(b"-000000000001"), Refusal("InternalFailure")))
    assert sorted(rejection.index for rejection in sink().send(batch)) == [0, 2]


@pytest.mark.parametrize(
    ("code", "transient", "cause"),
    [
        ("InternalFailure", True, Cause.DESTINATION),
        ("LimitExceeded", True, Cause.DESTINATION),
        ("InvalidInput", False, Cause.UNKNOWN),
    ],
)
def test_refused_findings(code: str, *, transient: bool, cause: Cause, stub: StubAws) -> None:
    """FailedFindings are reported with their ErrorCode; only invalid input is never sent again."""
    stub.script(PLACE, Partial(containing(b"-000000000002"), Refusal(code)))
    (rejection,) = sink().send(entries(envelope(1), envelope(2), envelope(3)))
    assert (rejection.index, rejection.code, rejection.transient) == (1, code, transient)
    assert transient or rejection.cause is cause


@pytest.mark.parametrize(
    "response",
    [
        {},
        {"SuccessCount": 1, "FailedCount": 0, "FailedFindings": []},
        {
            "SuccessCount": 1,
            "FailedCount": 1,
            "FailedFindings": [{"Id": "another", "ErrorCode": "InvalidInput"}],
        },
        {"SuccessCount": "2", "FailedFindings": 5},
    ],
)
def test_a_response_that_leaves_out_a_finding_is_no_success(response: Any, stub: StubAws) -> None:
    """A finding counts as imported only if the numbers in the response add up."""
    stub.script(PLACE, Response(json.dumps(response).encode()))
    with pytest.raises(TransientError):
        sink().send(entries(envelope(1), envelope(2)))


def test_a_disabled_security_hub_says_where_to_enable_it(stub: StubAws) -> None:
    """The error names Region and account, where somebody must enable Security Hub."""
    stub.script(PLACE, Refuse(401, "InvalidAccessException"))
    with pytest.raises(
        PermanentError, match="enable Security Hub in us-west-2 in the account 123456789012"
    ) as caught:
        sink().send(entries(envelope(1)))
    assert (caught.value.code, caught.value.divisible) == ("InvalidAccessException", False)


@pytest.mark.parametrize("data", [b"5", b"no json", b"\xff"])
def test_data_that_is_not_a_finding(data: bytes, stub: StubAws) -> None:
    """Data that is not a JSON object is reported alone, and the findings next to it are imported."""
    batch = [Entry(data, "key"), *entries(envelope(1))]
    (rejection,) = sink().send(batch)
    assert (rejection.index, rejection.transient, rejection.cause) == (0, False, Cause.CONTENT)
    assert len(stored(stub)) == 1
    assert sink().send(batch[:1])[0].index == 0
    assert stub.calls[PLACE] == 1


def test_a_full_call_is_within_six_megabytes(stub: StubAws) -> None:
    """The sizes of entries count everything that the sink adds, so that a full call is within the limit."""
    made = sink()
    batch = entries(*(envelope(number) for number in range(LIMITS.max_entries)))
    bound = LIMITS.batch_overhead + sum(map(made.size, batch)) + len(batch)
    assert made.send(batch) == []
    sent = len(json.dumps({"Findings": stored(stub)}, separators=(",", ":"), ensure_ascii=False).encode())
    assert sent <= bound <= LIMITS.max_batch_bytes


@pytest.mark.parametrize(
    ("to", "problem"),
    [
        (ARN.replace("product/123456789012", "product/111122223333"), "two accounts"),
        ("arn:aws:securityhub:us-west-2::product/aws/guardduty", "no Region or no account"),
        ("arn:aws:securityhub:us-west-2:123456789012:product/acme/scanner", "does not allow"),
        ("arn:aws:securityhub:us-west-2:123456789012:hub/default", "not a Security Hub product ARN"),
        (ARN + "\n", "does not allow"),
    ],
)
def test_only_the_default_product_of_an_account(to: str, problem: str) -> None:
    """Other ARNs are refused, with an example of a valid one."""
    with pytest.raises(ConfigError) as caught:
        Config.from_toml(f"[sinks.hub]\nto = {json.dumps(to)}\n")
    assert problem in str(caught.value)
    assert "product/111122223333/default" in str(caught.value)


def test_the_format_is_asff() -> None:
    """The format need not be written, and any other is refused, for sinks and for routes."""
    config = Config.from_toml(f'[sinks.hub]\nto = "{ARN}"\n')
    assert config.sinks["hub"].format == "asff"
    route = (
        '[[routes]]\nname = "r"\npattern = { source = ["a"] }\nsinks = [{ sink = "hub", format = "ocsf" }]'
    )
    for more in ('format = "raw"', route):
        with pytest.raises(ConfigError, match='use format = "asff"'):
            Config.from_toml(f'[sinks.hub]\nto = "{ARN}"\n{more}\n')


def test_the_product_must_be_in_the_functions_account() -> None:
    """A function of another account reports the error at its first invocation, before it sends anything."""
    forwarder = Forwarder(Config.from_toml(f'[sinks.hub]\nto = "{ARN}"\n'))
    context = Context()
    context.invoked_function_arn = "arn:aws:lambda:us-west-2:111122223333:function:f"
    with pytest.raises(ConfigError, match="reaches no other"):
        forwarder.handle(sqs(sqs_record(envelope(1), "m-1")), context)
    forwarder.close()


def test_its_findings_do_not_come_back(stub: StubAws) -> None:
    """Security Hub sends an event about each import; those about the pipeline's findings are filtered."""
    forwarder = Forwarder(Config.from_toml(f'[sinks.hub]\nto = "{ARN}"\n'))
    try:
        forwarder.process(sqs(sqs_record(envelope(1), "m-1")))
        (ours,) = stored(stub)
        others = {
            **ours,
            "ProductArn": "arn:aws:securityhub:us-west-2::product/aws/guardduty",
            "Id": "arn:aws:x",
        }
        ocsf = {"finding_info": {"uid": ours["Id"]}}
        cases = [
            ([ours], Fate.FILTERED),
            ([ocsf], Fate.FILTERED),
            ([ours, others], Fate.DELIVERED),
            ([others], Fate.DELIVERED),
            ([], Fate.DELIVERED),
            ([5], Fate.DELIVERED),
            ([{**ours, "Id": ours["Id"].replace("123456789012", "111122223333")}], Fate.DELIVERED),
        ]
        for number, (findings, fate) in enumerate(cases):
            event = {
                "version": "0",
                "id": f"event-{number}",
                "detail-type": "Security Hub Findings - Imported",
                "source": "aws.securityhub",
                "account": "123456789012",
                "time": "2026-05-04T09:15:00Z",
                "region": "us-west-2",
                "resources": ["arn:aws:securityhub:us-west-2:123456789012:x"],
                "detail": {"findings": findings},
            }
            _, outcome = forwarder.process(sqs(sqs_record(json.dumps(event).encode(), "m-2")))
            assert outcome.meeting(fate) == ["hub"], findings
    finally:
        forwarder.close()
