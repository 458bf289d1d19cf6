"""``group``: the alerts of one batch become one message, and each keeps its own fate."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.pipeline.test_detecting import codes, event, route
from tests.support.depth import examples
from trailforward import Config, Forwarder, Message, Origin, formats
from trailforward.errors import ConfigError, PermanentError, TransientError
from trailforward.formats._digest import MOST_LINES
from trailforward.matched import SEVERITIES, Matched
from trailforward.state.memory import MemoryState
from trailforward.testing import FlakySink
from trailforward.testing.sinks import LIMITS, lost_response, refuse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trailforward.outcome import Outcome
    from trailforward.sinks.base import Entry, Rejection
    from trailforward.testing.sinks import Step

FORMATS = ("text", "slack", "teams", "google-chat", "amazon-q")
ONCE = 'once = { per = ["detail.userIdentity.arn"], within = "1h" }\n'
SECRET = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:x-AbCdEf"
DEAD = 'dead_letter = "file:/dev/null"\n[retry]\nmax_attempts = 1\n'


class Run:
    """A forwarder with one sink that groups, and a route for each severity."""

    def __init__(
        self, *script: Step, form: str = "text", head: str = DEAD, keys: str = "", **more: Any
    ) -> None:
        text = head + f'[sinks.chat]\nto = "file:chat"\nformat = "{form}"\ngroup = true\n'
        for severity in SEVERITIES:
            said = f'severity = "{severity}"\ntitle = "Found {severity}"\n{keys}'
            text += route(severity, said, '["chat"]', [severity])
        text += route("plain", "", '["chat"]', ["plain"])
        self.chat = FlakySink(script, **more)
        self.forwarder = Forwarder(Config.from_toml(text), made={"chat": self.chat}, state=MemoryState())

    def forward(self, *messages: Message) -> Outcome:
        """Forwards events, and checks the sums of the ledger."""
        outcome = self.forwarder.forward(messages)
        assert outcome.breaks == []
        return outcome

    def codes(self, *messages: Message) -> list[str]:
        """The code of each event; empty if it was delivered."""
        return codes(self.forward(*messages), "chat")


def text_of(data: bytes) -> str:
    """Everything that a person reads in a message, without links."""
    try:
        value = json.loads(data)
    except ValueError:
        return data.decode()
    return "\n".join(_strings(value))


def _strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for one in value.values() for text in _strings(one)]
    if isinstance(value, list):
        return [text for one in value for text in _strings(one)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("form", FORMATS)
def test_alerts_of_a_batch_become_one_message(form: str) -> None:
    """One message says how many there are by severity, and shows the most severe first."""
    run = Run(form=form)
    assert run.codes(event("low", 1), event("critical", 2), event("plain", 3), event("low", 4)) == [""] * 4
    (entry,) = run.chat.taken
    text = text_of(entry.data)
    assert "4 alerts: 1 critical, 2 low, 1 without severity" in text
    places = [text.index(word) for word in ("CRITICAL: Found critical", "LOW: Found low")]
    assert places == sorted(places)
    assert text.count("LOW: Found low") == 2
    if form != "amazon-q":
        assert entry.subject == "[CRITICAL] 4 alerts: 1 critical, 2 low, 1 without severity"
    assert json.loads(entry.fields["trailforward-detection"]) == ["low", "critical"]
    assert entry.fields["trailforward-severity"] == "critical"
    assert entry.content_type == formats.load(form).content_type


@pytest.mark.parametrize("form", FORMATS)
def test_one_alert_is_sent_as_without_group(form: str) -> None:
    """A batch with a single alert gives exactly the message of that alert."""
    run = Run(form=form)
    run.codes(event("high", 1))
    (entry,) = run.chat.taken
    message, made = event("high", 1), formats.load(form)
    message.matched = (Matched("high", "high", "Found high"),)
    assert (entry.data, entry.subject, entry.key) == (made.data(message), made.subject(message), message.key)


@pytest.mark.parametrize("form", FORMATS)
def test_more_alerts_than_lines_are_counted(form: str) -> None:
    """Twenty lines at most; the rest is counted by severity, and the message fits its destination."""
    run = Run(form=form)
    long = {"eventSource": "&<>é" * 200, "userIdentity": {"arn": "&<@" * 200}}
    run.codes(*(event("low", number, **long) for number in range(50)), event("high", 51))
    (entry,) = run.chat.taken
    text = text_of(entry.data)
    assert "51 alerts: 1 high, 50 low" in text
    (more, low) = re.findall(r"and ([0-9]+) more: ([0-9]+) low", text)[0]
    assert more == low
    assert "HIGH: Found high" in text
    assert text.count("LOW: Found low") == 50 - int(low) <= MOST_LINES
    assert len(entry.data) <= {"teams": 28_000, "amazon-q": 8_700, "slack": 12_000}.get(form, 64_000)
    if form == "slack":
        blocks = json.loads(entry.data)["blocks"]
        assert len(blocks) <= 50
        assert all(len(block["text"]["text"]) <= 3_000 for block in blocks)
    if form == "amazon-q":
        assert len(json.loads(entry.data)["content"]["description"]) <= 8_000


def test_the_limit_of_a_sink_shortens_a_digest() -> None:
    """A digest fits a destination whose limit is lower than that of its format."""
    run = Run(limits=LIMITS._replace(max_entry_bytes=2_000, max_batch_bytes=2_000))
    assert set(run.codes(*(event("low", number) for number in range(50)))) == {""}
    (entry,) = run.chat.taken
    assert len(entry.data) <= 2_000
    assert b"50 alerts: 50 low" in entry.data


def test_what_once_held_back_is_in_the_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    """A digest says for each alert, and in all, how many events were held back before."""
    now = [1_800_000_000.0]
    monkeypatch.setattr("trailforward.pipeline.keys.time.time", lambda: now[0])
    run = Run(keys=ONCE)

    def storm(start: int) -> list[Message]:
        arns = [f"arn:aws:iam::111122223333:user/{one}" for one in "abc"]
        return [event("high", start + one, userIdentity={"arn": arns[one % 3]}) for one in range(30)]

    assert sorted(run.codes(*storm(0))) == [""] * 3 + ["suppressed"] * 27
    now[0] += 3_600
    run.codes(*storm(100))
    first, second = (data.decode() for data in run.chat.data)
    assert first.startswith("3 alerts: 3 high\n")
    assert second.startswith("3 alerts: 3 high\n")
    assert second.count("9 more were held back since 2027-01-15T08:00:00Z.") == 3
    assert "Events held back before: 27" in second
    assert "held back" not in first
    assert run.chat.taken[1].fields["trailforward-repeats"] == "Events held back before: 27"


def test_a_failed_digest_is_sent_again() -> None:
    """While the destination is down, every alert is returned by itself, and later grouped again."""
    run = Run(TransientError("http_503"))
    outcome = run.forward(event("low", 1), event("high", 2))
    assert codes(outcome, "chat") == ["http_503"] * 2
    assert outcome.returned == [0, 1]
    assert run.codes(event("high", 2), event("low", 1), event("low", 3)) == [""] * 3
    assert [data.split(b"\n")[0] for data in run.chat.data] == [b"3 alerts: 1 high, 2 low"]


def test_a_rejected_digest_is_retried_as_a_whole() -> None:
    """A destination that throttles one entry gets the same digest again within the invocation."""
    head = "[retry]\nmax_attempts = 2\ninitial_seconds = 0.001\n"
    run = Run(refuse(0), head=head)
    outcome = run.forward(event("low", 1), event("high", 2))
    assert codes(outcome, "chat") == ["", ""]
    assert {verdict.attempts for verdict in outcome.verdicts["chat"].values()} == {2}
    assert len(run.chat.calls) == 2


def _refusing(word: bytes) -> Step:
    def step(batch: Sequence[Entry]) -> Sequence[Rejection]:
        return refuse(0, transient=False)(batch) if word in batch[0].data else ()

    return step


def test_one_refused_alert_does_not_cost_the_others() -> None:
    """A digest that is refused because of one alert is divided, and only that alert becomes a dead letter."""
    run = Run(*[_refusing(b"critical")] * 50)
    names = ["low", "low", "critical", "low", "high"]
    found = run.codes(*(event(name, number) for number, name in enumerate(names)))
    assert found == ["", "", "Invalid", "", ""]
    assert all(b"critical" not in data for data in run.chat.data)


def test_a_destination_that_refuses_everything_is_not_called_again_and_again() -> None:
    """A permission error is the destination's fault: the digest is not divided, and every alert is kept."""
    run = Run(PermanentError("http_403"))
    assert set(run.codes(*(event("low", number) for number in range(40)))) == {"http_403"}
    assert len(run.chat.calls) == 1


def test_owed_alerts_are_grouped_with_the_new_ones() -> None:
    """A redelivered alert may be part of a digest, and is delivered once."""
    run = Run(keys=ONCE)
    identity = {"arn": "arn:aws:iam::111122223333:user/a"}
    first, *others = (event("high", number, userIdentity=identity) for number in range(3))
    back = Message(first.raw, Origin("sqs", owed=frozenset({"chat"})))
    assert run.codes(back, *others) == ["", "", "suppressed"]
    assert [data.split(b"\n")[0] for data in run.chat.data] == [b"2 alerts: 2 high"]


@pytest.mark.parametrize(
    ("sink", "what"),
    [
        ('to = "file:x"', "format 'raw' is for programs"),
        ('to = "arn:aws:sns:eu-west-1:111122223333:t"\nformat = "record"', "format 'record' is for programs"),
        (
            f'to = "https://events.pagerduty.com"\npreset = "pagerduty"\nsecret = "{SECRET}"',
            "an incident",
        ),
        ('to = "arn:aws:lambda:eu-west-1:111122223333:function:f"\nformat = "slack"', "acts on each event"),
    ],
)
def test_group_is_for_people(sink: str, what: str) -> None:
    """A problem names the sink, says why it cannot group, and how to go on."""
    with pytest.raises(ConfigError) as caught:
        Config.from_toml(f"[sinks.s]\n{sink}\ngroup = true\n")
    found = [problem for problem in caught.value.problems if what in problem.message]
    assert [problem.key for problem in found] == ["sinks.s"]
    assert "remove `group`" in found[0].fix


def test_a_route_cannot_give_a_grouping_sink_another_format() -> None:
    """All alerts of a digest have the format of the sink."""
    text = '[sinks.s]\nto = "file:x"\nformat = "text"\ngroup = true\n[[routes]]\nname = "r"\n'
    with pytest.raises(ConfigError) as caught:
        Config.from_toml(text + 'sinks = [{ sink = "s", format = "slack" }]\n')
    (problem,) = caught.value.problems
    assert "the sink groups alerts" in problem.message


_STEPS = st.sampled_from(
    [None, None, refuse(0, transient=False), refuse(0), TransientError("http_503"), lost_response()]
)


@settings(max_examples=examples(100), deadline=None)
@given(
    st.lists(st.sampled_from([*SEVERITIES, "plain", "nobody"]), max_size=45),
    st.lists(_STEPS, max_size=8),
    st.sampled_from(FORMATS),
)
def test_every_alert_is_counted_once(names: list[str], script: list[Step], form: str) -> None:
    """Whatever the destination does, the messages that it took count each delivered alert once."""
    run = Run(*script, form=form)
    outcome = run.forward(*(event(name, number) for number, name in enumerate(names)))
    wanted = sum(name != "nobody" for name in names)
    totals = outcome.totals("chat")
    assert totals.delivered + totals.dead_lettered + totals.returned == wanted
    counted = 0
    for entry in run.chat.taken:
        text = text_of(entry.data)
        found = re.search(r"([0-9,]+) alerts(: [0-9].*)?", text)
        if found is None:
            counted += 1
            continue
        total = int(found[1])
        counted += total
        by_severity = [int(number) for number in re.findall("[0-9]+", found[2] or "")]
        assert sum(by_severity) in {total, 0}
        left = re.search(r"and ([0-9]+) more", text)
        shown = total - (int(left[1]) if left else 0)
        assert 0 <= shown <= MOST_LINES
        if form == "text":
            assert text.count("\n- ") == shown
    lost = sum(isinstance(step, type(lost_response())) for step in script)
    assert counted >= totals.delivered
    if not lost:
        assert counted == totals.delivered


@pytest.mark.parametrize("form", FORMATS)
def test_text_of_an_event_cannot_add_links_or_mentions(form: str) -> None:
    """Names that an attacker chooses are plain text in a digest, as in an alert."""
    run = Run(form=form)
    hostile = "<!channel> <a href='https://evil.example'>x</a> [x](https://evil.example) @here\nLine"
    run.codes(*(event("low", number, userIdentity={"arn": hostile}) for number in range(3)))
    (data,) = run.chat.data
    text = text_of(data)
    assert "\nLine" not in text
    if form == "teams":
        assert {block["type"] for block in json.loads(data)["attachments"][0]["content"]["body"]} == {
            "RichTextBlock"
        }
    elif form != "text":
        assert "<!channel>" not in text
        assert "<a href='" not in text
    if form == "amazon-q":
        assert "://evil" not in text
        assert "@here" not in text
