"""Detections, drop rules, minimum severities, and metrics of routes, in the pipeline."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.events import envelope
from tests.support.receiver import Receiver
from trailforward import Config, Forwarder, Message, Origin, detections
from trailforward.outcome import Fate
from trailforward.pipeline.routing import Router, build_routes
from trailforward.pipeline.telemetry import PowertoolsTelemetry
from trailforward.testing import FlakySink, samples
from trailforward.testing.sinks import refuse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.aws import Reader
    from trailforward.matched import Matched
    from trailforward.outcome import Outcome

SINKS = """
[sinks.archive]
to = "file:archive"
[sinks.oncall]
to = "file:oncall"
"""


def route(name: str, keys: str, sinks: str = '["oncall"]', events: Sequence[str] = ()) -> str:
    """Returns the TOML of a route for events with these names; for every event without them."""
    text = f'[[routes]]\nname = "{name}"\n{keys}\n'
    text += f"sinks = {sinks}\n" if sinks else ""
    names = json.dumps(list(events))
    return text + (f"pattern = {{ detail = {{ eventName = {names} }} }}\n" if events else "")


def event(name: str, number: int = 0, **record: Any) -> Message:
    """An event with this name."""
    return Message(envelope(number, eventName=name, **record), Origin("test"))


class Run:
    """A forwarder whose sinks keep what they get."""

    def __init__(self, text: str) -> None:
        config = Config.from_toml(text)
        self.sinks = {name: FlakySink() for name in config.sinks}
        self.forwarder = Forwarder(config, made=dict(self.sinks))

    def forward(self, *messages: Message) -> Outcome:
        """Forwards events, and checks the sums of the ledger."""
        outcome = self.forwarder.forward(messages)
        assert outcome.breaks == []
        return outcome

    def names(self, sink: str) -> list[str]:
        """The names of the events that a sink got."""
        return [json.loads(data)["detail"]["eventName"] for data in self.sinks[sink].data]


def codes(outcome: Outcome, sink: str) -> list[str]:
    """The code of each event at a sink."""
    return [verdict.code for _, verdict in sorted(outcome.verdicts[sink].items())]


class Spy:
    """A format that keeps what the messages carry."""

    name = "spy"
    json = True
    content_type = "application/json"

    def __init__(self) -> None:
        self.seen: list[tuple[Matched, ...]] = []

    def data(self, message: Message) -> bytes:
        """The bytes of the event."""
        self.seen.append(tuple(message.matched))
        return message.raw

    def subject(self, _message: Message) -> str:
        """Nothing."""
        return ""


def test_messages_carry_the_detections_that_name_the_sink(monkeypatch: pytest.MonkeyPatch) -> None:
    """A format sees the detections that match and name its sink, the most severe first; no plain route."""
    spy = Spy()
    monkeypatch.setattr("trailforward.formats.load", lambda _: spy)
    text = SINKS + route("all", "", '["archive", "oncall"]')
    text += route("low", 'severity = "low"\ntitle = "First"', events=["A"])
    text += route(
        "high", 'severity = "high"\nrunbook = "https://example.com/r"\ntags = ["T1562.008"]', events=["A"]
    )
    text += route("elsewhere", 'severity = "critical"', '["archive"]', ["A"])
    text += route("unrated", 'title = "Unrated"', events=["A", "B"])
    run = Run(text)
    run.forward(event("A"), event("B", 1), event("C", 2))
    archive, oncall, *rest = spy.seen
    assert [one.name for one in archive] == ["elsewhere"]
    assert [(one.name, one.severity) for one in oncall] == [("high", "high"), ("low", "low"), ("unrated", "")]
    assert oncall[0].runbook == "https://example.com/r"
    assert oncall[0].tags == ("attack.t1562.008",)
    assert oncall[1].title == "First"
    assert [[one.name for one in seen] for seen in rest] == [[], ["unrated"], [], []]


def test_redaction_keeps_the_detections(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sink that redacts values gets the detections as well."""
    spy = Spy()
    monkeypatch.setattr("trailforward.formats.load", lambda _: spy)
    text = '[sinks.oncall]\nto = "file:oncall"\nformat = "record"\nredact = ["detail.secret"]\n'
    run = Run(text + route("r", 'severity = "low"'))
    run.forward(event("A", secret="x"))
    assert [one.name for one in spy.seen[0]] == ["r"]
    assert b"REDACTED" in run.sinks["oncall"].data[0]


def test_a_shipped_detection_brings_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """A route that uses a detection has its severity, title, author, and tags, unless it says otherwise."""
    spy = Spy()
    monkeypatch.setattr("trailforward.formats.load", lambda _: spy)
    run = Run(
        SINKS
        + route("root", 'use = "root-sign-in"\nseverity = "critical"\nrunbook = "https://example.com/root"')
        + route("again", 'use = "root-sign-in"', '["archive"]')
    )
    run.forward(Message(samples.load("root-console-login"), Origin("test")))
    shipped = detections.load("root-sign-in")
    (again,), (root,) = spy.seen
    assert (root.name, root.severity, root.runbook) == ("root", "critical", "https://example.com/root")
    assert (again.name, again.severity, again.runbook) == ("again", shipped.severity, "")
    for one in (root, again):
        assert (one.title, one.description, one.tags) == (shipped.title, shipped.description, shipped.tags)
        assert one.author == "trailforward"


def test_a_set_expands_to_its_detections(monkeypatch: pytest.MonkeyPatch) -> None:
    """The detections of a set are named ROUTE/DETECTION; they can be disabled, rated, and restricted."""
    spy = Spy()
    monkeypatch.setattr("trailforward.formats.load", lambda _: spy)
    keys = """use = "set:essentials"
disable = ["root-sign-in"]
only = { detail = { awsRegion = [{ exists = true }] } }
[routes.override]
trail-changed = { severity = "low", title = "Trail!", only = { detail = { eventName = ["StopLogging"] } } }
"""
    text = '[sinks.oncall]\nto = "file:oncall"\n[[routes]]\nname = "mine"\nsinks = ["oncall"]\n' + keys
    run = Run(text)
    names = ("root-console-login", "trail-stopped", "trail-deleted", "public-access-block-removed")
    outcome = run.forward(*(Message(samples.load(name), Origin("test")) for name in names))
    assert codes(outcome, "oncall") == ["no_route", "", "no_route", ""]
    (stopped,), (public,) = spy.seen
    assert (stopped.name, stopped.severity, stopped.title) == ("mine/trail-changed", "low", "Trail!")
    assert (public.name, public.severity) == ("mine/public-access-block-removed", "high")


def test_all_detections_of_a_set_stop_together() -> None:
    """With ``stop``, every detection of the set that matches is named, and later routes are skipped."""
    text = SINKS + route("cis", 'use = "set:cis"\nstop = true') + route("rest", "", '["archive"]')
    run = Run(text)
    root = json.loads(samples.load("root-console-login"))
    root["detail"]["additionalEventData"]["MFAUsed"] = "No"
    outcome = run.forward(Message(json.dumps(root).encode(), Origin("test")), event("Other"))
    assert codes(outcome, "archive") == ["no_route", ""]
    (entry,) = run.sinks["oncall"].taken
    assert json.loads(entry.attributes["trailforward-detection"]) == [
        "cis/root-activity",
        "cis/console-sign-in-without-mfa",
    ]


def test_a_sink_filters_by_severity() -> None:
    """``min_severity`` lets events of this severity and above through; a route without severity never."""
    text = SINKS + 'min_severity = "medium"\n'
    text += route("plain", "", '["archive", "oncall"]')
    for severity in ("informational", "low", "medium", "high", "critical"):
        text += route(
            severity, f'severity = "{severity}"', events=[severity, "both"][: 2 if severity == "low" else 1]
        )
    text += route("worse", 'severity = "critical"', events=["both"])
    run = Run(text)
    names = ["none", "informational", "low", "medium", "high", "critical", "both"]
    outcome = run.forward(*(event(name, number) for number, name in enumerate(names)))
    assert run.names("oncall") == ["medium", "high", "critical", "both"]
    assert codes(outcome, "oncall") == [*["below_severity"] * 3, *[""] * 4]
    assert {outcome.verdicts["oncall"][index].fate for index in range(3)} == {Fate.FILTERED}
    assert "medium" in outcome.verdicts["oncall"][0].reason
    assert run.names("archive") == names
    assert outcome.totals("oncall").filtered == 3


def test_a_drop_rule_keeps_events_from_all_sinks() -> None:
    """Events that match a drop rule without sinks end as filtered, with the rule's name in the reason."""
    text = SINKS + route("noise", "drop = true", "", ["Noise"]) + route("all", "", '["archive", "oncall"]')
    run = Run(text)
    outcome = run.forward(event("Noise"), event("Other", 1))
    assert run.names("archive") == run.names("oncall") == ["Other"]
    verdict = outcome.verdicts["archive"][0]
    assert (verdict.fate, verdict.code) == (Fate.FILTERED, "dropped")
    assert "noise" in verdict.reason
    assert outcome.totals("archive").filtered == outcome.totals("oncall").filtered == 1


def test_drop_rules_apply_in_order() -> None:
    """A sink that an earlier route names still gets the event, with the detections of that route only."""
    text = SINKS + route("first", 'severity = "low"', '["archive"]', ["Noise"])
    text += route("noise", "drop = true", "", ["Noise"]) + route(
        "all", 'severity = "high"', '["archive", "oncall"]'
    )
    run = Run(text)
    outcome = run.forward(event("Noise"))
    assert codes(outcome, "archive") == [""]
    assert codes(outcome, "oncall") == ["dropped"]
    assert run.sinks["archive"].taken[0].attributes == {
        "trailforward-severity": "low",
        "trailforward-detection": '["first"]',
    }


def test_a_drop_rule_with_sinks_leaves_the_others_alone() -> None:
    """Other sinks get the event as if the rule did not exist, from default routes, too."""
    text = SINKS + route("noise", "drop = true", '["oncall"]', ["Noise"])
    text += route("alarm", "", '["oncall"]', ["Alarm"])
    text += route("rest", "default = true", '["archive", "oncall"]')
    run = Run(text)
    outcome = run.forward(event("Noise"), event("Other", 1), event("Alarm", 2))
    assert run.names("archive") == ["Noise", "Other"]
    assert run.names("oncall") == ["Other", "Alarm"]
    assert codes(outcome, "oncall") == ["dropped", "", ""]
    assert codes(outcome, "archive") == ["", "", "no_route"]


def test_a_restricted_route_matches_events_that_match_both_patterns() -> None:
    """``only`` narrows a plain route as well, and numbers in it are compared exactly."""
    only = 'only = \'{"detail": {"size": [18446744073709551616]}}\''
    run = Run(SINKS + route("big", only, events=["A"]) + route("all", "", '["archive"]'))
    outcome = run.forward(event("A", size=2**64 + 1), event("A", 1, size=2**64), event("B", 2, size=2**64))
    assert codes(outcome, "oncall") == ["no_route", "", "no_route"]


def test_plain_configurations_do_not_load_the_code_for_detections() -> None:
    """Without detections, drop rules, minimum severities, and route metrics, none of it is imported."""
    program = """
import sys
from trailforward import Config, Forwarder
text = '[sinks.a]\\nto = "stdout:"\\n[[routes]]\\nname = "r"\\nsinks = ["a"]\\n'
Forwarder(Config.from_toml(text + 'pattern = { source = ["aws.iam"] }')).handle({"Records": []})
print(sorted(name for name in sys.modules if "detect" in name and name.startswith("trailforward")))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_events_have_at_most_ten_attributes() -> None:
    """With all eight fields and the mark of a forged envelope, the names of the detections are left out."""
    text = 'envelope_mismatch = "tag"\n' + SINKS + route("r", 'severity = "high"', '["archive", "oncall"]')
    run = Run(text)
    run.forward(
        event("A", errorCode="AccessDenied", readOnly=True),
        Message(
            envelope(1, eventName="A", errorCode="AccessDenied", readOnly=True, awsRegion="mars-1"),
            Origin("t"),
        ),
    )
    honest, forged = (entry.fields for entry in run.sinks["oncall"].taken)
    assert len(honest) == len(forged) == 10
    assert honest["trailforward-detection"] == '["r"]'
    assert forged["trailforward-envelope-mismatch"]
    assert {honest["trailforward-severity"], forged["trailforward-severity"]} == {"high"}


def test_the_attributes_count_toward_the_size_of_an_entry() -> None:
    """An event that fits only without the attributes of its detections is too large."""
    size = len(event("A").raw)
    text = '[sinks.oncall]\nto = "arn:aws:sqs:us-west-2:111122223333:q"\n'
    config = Config.from_toml(text + f"limits.max_entry_bytes = {size}\n" + route("r", 'severity = "high"'))
    outcome = Forwarder(config).forward([event("A")])
    assert codes(outcome, "oncall") == ["too_large"]


def test_subscriptions_filter_by_severity_and_by_each_detection(local_aws: Reader) -> None:
    """SNS filter policies match the severity, and each name in the array of detections."""
    topic, severe, named, other = local_aws.topic(), *(local_aws.queue() for _ in range(3))
    for queue, policy in (
        (severe, {"trailforward-severity": ["high", "critical"]}),
        (named, {"trailforward-detection": ["second"]}),
        (other, {"trailforward-detection": ["third"]}),
    ):
        local_aws.subscribe(topic, queue, RawMessageDelivery="true", FilterPolicy=json.dumps(policy))
    text = f'[sinks.oncall]\nto = "{topic}"\n' + route("first", 'severity = "high"', events=["A"])
    text += route("second", 'severity = "low"', events=["A", "B"])
    forwarder = Forwarder(Config.from_toml(text))
    events = [event("A"), event("B", 1)]
    assert forwarder.forward(events).breaks == []
    forwarder.close()
    (message,) = local_aws.messages(severe)
    assert message["Body"].encode() == events[0].raw
    assert message["MessageAttributes"]["trailforward-severity"]["StringValue"] == "high"
    found = {one["Body"].encode() for one in local_aws.messages(named)}
    assert found == {one.raw for one in events}
    assert local_aws.messages(other) == []


def test_queues_get_the_attributes(local_aws: Reader) -> None:
    """An SQS queue gets severity and detections as message attributes."""
    queue = local_aws.queue()
    text = f'[sinks.oncall]\nto = "{queue}"\n' + route("first", 'severity = "high"')
    forwarder = Forwarder(Config.from_toml(text))
    sent = event("A")
    forwarder.forward([sent])
    forwarder.close()
    (message,) = local_aws.messages(queue)
    assert message["Body"].encode() == sent.raw
    values = {name: one["StringValue"] for name, one in message["MessageAttributes"].items()}
    assert values == {"trailforward-severity": "high", "trailforward-detection": '["first"]'}


@pytest.mark.parametrize(("batch", "expected"), [("single", True), ("array", False)])
def test_requests_with_one_event_have_headers(batch: str, *, expected: bool) -> None:
    """An HTTP request with a single event has its severity and detections as headers, in ASCII."""
    with Receiver() as receiver:
        text = f'[sinks.oncall]\nto = "{receiver.url}"\nbatch = "{batch}"\n'
        forwarder = Forwarder(Config.from_toml(text + route("Übung", 'severity = "high"')))
        forwarder.forward([event("A")])
        forwarder.close()
        (request,) = receiver.requests
    assert (request.headers.get("trailforward-severity") == "high") is expected
    names = request.headers.get("trailforward-detection")
    assert json.loads(names or "[]") == (["Übung"] if expected else [])


def test_routes_have_metrics_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    """With ``route_metrics``, each route counts the events that it matches, alerts about, and drops."""
    text = "route_metrics = true\n" + SINKS + 'min_severity = "high"\n'
    text += route("noise", "drop = true", '["oncall"]', ["Noise"])
    text += route("low", 'severity = "low"', '["oncall"]')
    text += route("set", 'use = "set:essentials"')
    text += route("archive", "", '["archive"]')
    run = Run(text)
    stopped = Message(samples.load("trail-stopped"), Origin("test"))
    owed = Message(samples.load("trail-stopped"), Origin("test", owed=frozenset({"oncall"})))
    outcome = run.forward(event("Noise"), event("Other", 1), stopped, owed)
    assert outcome.routes == {
        ("noise", "matched"): 1,
        ("noise", "dropped"): 1,
        ("low", "matched"): 3,
        ("set/trail-changed", "matched"): 1,
        ("set/trail-changed", "alerted"): 2,
        ("archive", "matched"): 3,
        ("archive", "alerted"): 3,
    }
    PowertoolsTelemetry().publish(outcome)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    by_route = {line["route"]: line for line in lines if "route" in line}
    assert by_route["set/trail-changed"]["matched"] == [1]
    assert by_route["set/trail-changed"]["alerted"] == [2]
    assert by_route["noise"]["dropped"] == [1]
    (directive,) = by_route["noise"]["_aws"]["CloudWatchMetrics"]
    assert directive["Dimensions"] == [["route", "service"]]
    assert "alerted" not in by_route["low"]


def test_events_that_were_not_delivered_are_not_alerts() -> None:
    """``alerted`` counts what a sink got, not what it refused."""
    text = "route_metrics = true\n" + '[sinks.oncall]\nto = "file:oncall"\n' + route("r", 'severity = "low"')
    config = Config.from_toml(text)
    sink = FlakySink([refuse(0, transient=False)])
    messages = [event("A"), event("B", 1), Message(b"not JSON", Origin("test"))]
    outcome = Forwarder(config, made={"oncall": sink}).forward(messages)
    assert outcome.routes == {("r", "matched"): 2, ("r", "alerted"): 1}


def test_without_route_metrics_routes_are_not_counted() -> None:
    """The metrics of routes are opt-in, because CloudWatch charges for each."""
    run = Run(SINKS + route("r", 'severity = "low"') + route("all", "", '["archive"]'))
    assert not run.forward(event("A")).routes


def test_a_number_in_a_restriction_is_compared_exactly() -> None:
    """If only the restriction of a route compares numbers, events still get exact numbers."""
    text = SINKS + route(
        "r", 'severity = "low"\nonly = { detail = { n = [{ numeric = [">", 1] }] } }', '["archive", "oncall"]'
    )
    config = Config.from_toml(text)
    assert Router(build_routes(config)).numeric
