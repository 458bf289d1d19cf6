"""HTTP presets create bodies and headers and interpret responses as each receiver documents."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.events import envelope
from tests.support.receiver import Receiver, Status
from tests.support.secrets import REFERENCE, FixedSecrets
from tests.support.settings import read
from trailforward import Config, ConfigError, Forwarder, Message, Origin
from trailforward.errors import Cause, PermanentError, TransientError
from trailforward.formats import load
from trailforward.sinks.base import Entry, Rejection
from trailforward.sinks.http.presets import NAMES
from trailforward.sinks.http.presets.base import Preset
from trailforward.sinks.http.sink import HttpSettings, HttpSink

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Bytes that any re-serialization would change.
ODD = [b'{"a": 1.10,"b":1.688560107857E9 }', '{"name":"bücher\\u003d","big":12345678901234567890}'.encode()]
TIME = "2026-05-04T09:15:00Z"
TOKEN = "hunter2"

#: Sinks to close.
OPEN: list[HttpSink] = []


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that follows a script."""
    with Receiver() as receiver:
        yield receiver
        while OPEN:
            OPEN.pop().close()


def sink(
    receiver: Receiver,
    preset: str,
    *,
    secret: str = TOKEN,
    path: str = "",
    secrets: Any = None,
    **settings: Any,
) -> HttpSink:
    """A sink with this preset and secret."""
    to = f"http://127.0.0.1:{receiver.port}{path}"
    if "auth" not in settings:
        settings["secret"] = REFERENCE
    made = read(HttpSettings, {"to": to, "preset": preset, **settings})
    OPEN.append(HttpSink(made, secrets=secrets or FixedSecrets(secret)))
    return OPEN[-1]


def entries(*data: bytes, time: str = TIME) -> list[Entry]:
    """Entries with these bytes."""
    return [Entry(each, f"key-{index}", time=time) for index, each in enumerate(data)]


def deliver(made: HttpSink, *data: bytes, time: str = TIME) -> list[Rejection]:
    """Sends one batch."""
    return made.send(entries(*data, time=time))


def body(status: int, value: Any) -> Status:
    """A response with JSON."""
    return Status(status, {"Content-Type": "application/json"}, json.dumps(value).encode())


HEC_OK = body(200, {"text": "Success", "code": 0})


def test_splunk_gets_each_event_unchanged_in_an_object(receiver: Receiver) -> None:
    """The body is concatenated objects with time, source type, metadata, and the event's exact bytes."""
    receiver.script(HEC_OK)
    made = sink(receiver, "splunk-hec", metadata={"index": "cloud"}, gzip=True)
    assert deliver(made, *ODD) == []
    (request,) = receiver.requests
    assert request.path == "/services/collector/event"
    assert request.headers["Authorization"] == f"Splunk {TOKEN}"
    head = b'{"time":1777886100,"sourcetype":"aws:cloudtrail","index":"cloud","event":'
    assert request.decoded == b"".join(head + data + b"}" for data in ODD)
    assert sum(map(made.size, entries(*ODD))) == len(request.decoded)


@pytest.mark.parametrize("time", ["", "yesterday", "2026-05-04T09:15:00"])
def test_splunk_uses_its_own_time_for_events_without_one(receiver: Receiver, time: str) -> None:
    """An event without a valid time is sent without the field ``time``."""
    receiver.script(HEC_OK)
    made = sink(receiver, "splunk-hec", path="/other/path", metadata={"sourcetype": "mine"})
    assert deliver(made, b"{}", time=time) == []
    assert receiver.bodies == [b'{"sourcetype":"mine","event":{}}']
    assert receiver.requests[0].path == "/other/path"


@pytest.mark.parametrize(
    ("status", "code", "kind", "divisible"),
    [
        (403, 1, PermanentError, False),
        (401, 3, PermanentError, False),
        (400, 5, PermanentError, True),
        (400, 6, PermanentError, True),
        (400, 7, PermanentError, False),
        (400, 11, PermanentError, False),
        (400, 12, PermanentError, True),
        (500, 8, TransientError, None),
        (503, 9, TransientError, None),
        (503, 18, TransientError, None),
    ],
)
def test_splunks_error_codes_are_classified(
    receiver: Receiver,
    status: int,
    code: int,
    kind: type[Exception],
    divisible: bool | None,  # noqa: FBT001
) -> None:
    """Busy is transient, an invalid token or index is permanent, and an invalid event is divisible."""
    receiver.script(body(status, {"text": "no", "code": code, "invalid-event-number": 1}))
    with pytest.raises(kind) as caught:
        deliver(sink(receiver, "splunk-hec"), *ODD)
    assert f"HEC code {code}" in str(caught.value)
    assert getattr(caught.value, "divisible", None) is divisible


def test_an_error_without_a_code_is_classified_by_its_status(receiver: Receiver) -> None:
    """Errors of a gateway in front of Splunk are classified by their status."""
    receiver.script(Status(400, body=b"<html>"), Status(502))
    with pytest.raises(PermanentError):
        deliver(sink(receiver, "splunk-hec"), b"{}")
    with pytest.raises(TransientError):
        deliver(sink(receiver, "splunk-hec"), b"{}")


@pytest.mark.parametrize(
    ("preset", "path"), [("splunk-hec", ""), ("slack", ""), ("elastic-bulk", "/trail/_bulk")]
)
@pytest.mark.parametrize(
    "content", [b"", b"<html>Welcome</html>", b"[1]", b'{"code":9,"items":[]}', b"[" * 99_999]
)
def test_an_unexpected_success_response_is_transient(
    receiver: Receiver, preset: str, path: str, content: bytes
) -> None:
    """After a 200 response that the receiver would not send, the events are sent again."""
    receiver.script(Status(200, body=content))
    with pytest.raises(TransientError, match="unparseable_response"):
        deliver(sink(receiver, preset, path=path, secret=f"http://127.0.0.1:{receiver.port}/x"), b"{}")


def test_datadog_gets_the_event_as_the_message_of_a_log(receiver: Receiver) -> None:
    """The string ``message`` decodes to the event's exact bytes, and ``metadata`` sets tags and service."""
    receiver.script(Status(202, body=b"{}"))
    odd = [*ODD, b'{"lone":"\\ud800"}', '{"lone":"\ud800"}'.encode("utf-8", "surrogatepass")]
    made = sink(receiver, "datadog", metadata={"service": "trail", "ddtags": "env:prod"})
    assert deliver(made, *odd) == []
    (request,) = receiver.requests
    assert (request.path, request.headers["DD-API-KEY"]) == ("/api/v2/logs", TOKEN)
    logs = request.json
    assert [log.pop("message").encode("utf-8", "surrogatepass") for log in logs] == odd
    assert logs == [{"ddsource": "cloudtrail", "service": "trail", "ddtags": "env:prod"}] * len(odd)
    assert sum(map(made.size, entries(*odd))) + made.limits.batch_overhead == len(request.body) + 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [(403, PermanentError), (413, PermanentError), (408, TransientError), (429, TransientError)],
)
def test_datadog_rejects_whole_requests(receiver: Receiver, status: int, kind: type[Exception]) -> None:
    """An error applies to the whole request."""
    receiver.script(body(status, {"errors": ["no"]}))
    with pytest.raises(kind):
        deliver(sink(receiver, "datadog"), *ODD)


def test_datadog_logs_over_a_megabyte_are_rejected(receiver: Receiver) -> None:
    """Datadog would truncate a longer log without an error, so it is rejected as too large."""
    config = Config.from_toml(
        f'[sinks.dd]\nto = "{receiver.url}"\npreset = "datadog"\nsecret = "{REFERENCE}"\n'
    )
    made = sink(receiver, "datadog")
    message = Message(envelope(1, pad='"' * 500_000), Origin("test"))
    outcome = Forwarder(config, made={"dd": made}).forward([message])
    assert outcome.verdicts["dd"][0].code == "too_large"


def items(*results: Any) -> Status:
    """A response of the bulk API."""
    listed = [{"create": result} if isinstance(result, dict) else result for result in results]
    return body(200, {"took": 1, "errors": True, "items": listed})


def test_elastic_gets_two_lines_for_each_event(receiver: Receiver) -> None:
    """Each event is created under its own ID, so that a repetition is not stored twice."""
    receiver.script(items({"status": 201}, {"status": 200}))
    made = sink(receiver, "elastic-bulk", path="/logs-aws.cloudtrail-default/_bulk?pipeline=x")
    assert deliver(made, *ODD) == []
    (request,) = receiver.requests
    assert request.path == "/logs-aws.cloudtrail-default/_bulk?pipeline=x"
    assert request.headers["Authorization"] == f"ApiKey {TOKEN}"
    assert request.headers["Content-Type"] == "application/x-ndjson"
    lines = [b'{"create":{"_id":"key-%d"}}\n%b\n' % (index, data) for index, data in enumerate(ODD)]
    assert request.body == b"".join(lines)
    assert sum(map(made.size, entries(*ODD))) == len(request.body)


def test_elastics_items_are_classified_one_by_one(receiver: Receiver) -> None:
    """409 is a success, 429 and 5xx are transient, others are permanent; reasons are not repeated."""
    secret = "payload"
    receiver.script(
        items(
            {"status": 201},
            {"status": 409, "error": {"type": "version_conflict_engine_exception"}},
            {"status": 429, "error": {"type": "es_rejected_execution_exception"}},
            {"status": 503},
            {"status": 400, "error": {"type": "document_parsing_exception", "reason": secret}},
            {"status": 400, "error": {"type": secret.upper()}},
            {"status": "?"},
            None,
        )
    )
    batch = [b"{}"] * 8
    rejections = deliver(sink(receiver, "elastic-bulk", path="/trail/_bulk"), *batch)
    assert [(each.index, each.code, each.transient) for each in rejections] == [
        (2, "es_rejected_execution_exception", True),
        (3, "http_503", True),
        (4, "document_parsing_exception", False),
        (5, "http_400", False),
        (6, "unparseable_response", True),
        (7, "unparseable_response", True),
    ]
    assert secret not in str(rejections).lower()


def test_elastic_works_without_a_secret_or_with_another_method(receiver: Receiver) -> None:
    """A cluster may need no authentication, or a user name and password."""
    receiver.script(items({"status": 201}), items({"status": 201}))
    auth = {"type": "basic", "username": "elastic", "secret": REFERENCE}
    assert deliver(sink(receiver, "elastic-bulk", path="/trail/_bulk", auth=auth), b"{}") == []
    assert deliver(sink(receiver, "elastic-bulk", path="/trail/_bulk", auth=None), b"{}") == []
    assert [str(request.headers["Authorization"])[:5] for request in receiver.requests] == ["Basic", "None"]


def test_elastic_ids_are_never_too_long(receiver: Receiver) -> None:
    """An ID of more than 512 bytes becomes its digest."""
    receiver.script(items({"status": 201}))
    sink(receiver, "elastic-bulk", path="/trail/_bulk").send([Entry(b"{}", "k" * 513)])
    assert len(json.loads(receiver.bodies[0].split(b"\n")[0])["create"]["_id"]) == 64


def slack(receiver: Receiver, *secrets: str, **settings: Any) -> HttpSink:
    """A Slack sink whose URL is the secret."""
    urls = secrets or (f"http://127.0.0.1:{receiver.port}/services/T0/B0/{TOKEN}?x=1",)
    return sink(receiver, "slack", secrets=FixedSecrets(*urls), **settings)


def test_slack_gets_a_notification_at_the_secret_url(receiver: Receiver) -> None:
    """The path comes from the secret, and each request contains one notification."""
    receiver.script(Status(200, body=b"ok"))
    made = slack(receiver)
    data = load("slack").data(Message(envelope(1), Origin("test")))
    assert deliver(made, data) == []
    (request,) = receiver.requests
    assert request.path == f"/services/T0/B0/{TOKEN}?x=1"
    assert request.json["text"].startswith("rosa: ec2:StopInstances")
    assert (made.limits.max_entries, request.headers["Content-Type"]) == (1, "application/json")


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
        (400, b"invalid_payload", PermanentError),
        (403, b"action_prohibited", PermanentError),
        (404, b"no_service", PermanentError),
        (410, b"channel_is_archived", PermanentError),
        (429, b"", TransientError),
        (500, b"rollup_error", TransientError),
    ],
)
def test_slacks_error_codes_are_shown(
    receiver: Receiver, status: int, text: bytes, kind: type[Exception]
) -> None:
    """The error contains Slack's error code, and never the URL."""
    receiver.script(Status(status, {"Retry-After": "7"}, text))
    with pytest.raises(kind) as caught:
        deliver(slack(receiver), b"{}")
    assert text.decode() in str(caught.value)
    assert TOKEN not in str(caught.value)
    assert getattr(caught.value, "retry_after", 7) == 7


def test_other_response_bodies_are_not_repeated(receiver: Receiver) -> None:
    """A response body that is not an error code is not repeated, because it may quote the event."""
    receiver.script(Status(400, body=b'{"a":1}'))
    with pytest.raises(PermanentError) as caught:
        deliver(slack(receiver), b"{}")
    assert '"a"' not in str(caught.value)
    assert str(caught.value).endswith("returned status 400")


def test_a_replaced_webhook_url_is_read_again(receiver: Receiver) -> None:
    """After a 404 from a secret URL the secret is read again, and the next attempt uses the new URL."""
    urls = [f"http://127.0.0.1:{receiver.port}/{name}" for name in ("old", "new")]
    receiver.script(Status(404, body=b"no_service"), Status(200, body=b"ok"))
    made = slack(receiver, *urls)
    with pytest.raises(TransientError, match="a newer one was found"):
        made.send(entries(b"{}"))
    assert made.send(entries(b"{}")) == []
    assert [request.path for request in receiver.requests] == ["/old", "/new"]


@pytest.mark.parametrize(
    "url", ["http://evil.example.com/x", "hunter2", "http://127.0.0.1/x", "", "http://a b/"]
)
def test_a_secret_url_must_have_the_configured_host(receiver: Receiver, url: str) -> None:
    """A changed secret cannot make the sink send to another host, and the error does not show it."""
    with pytest.raises(PermanentError) as caught:
        deliver(slack(receiver, url), b"{}")
    assert REFERENCE in str(caught.value)
    assert not url or url not in str(caught.value)
    assert receiver.requests == []


def test_a_secret_url_without_a_path_works(receiver: Receiver) -> None:
    """A secret URL without a path means the path /."""
    receiver.script(Status(200, body=b"ok"))
    assert deliver(slack(receiver, f"http://127.0.0.1:{receiver.port}"), b"{}") == []
    assert receiver.requests[0].path == "/"


def test_sumo_gets_lines_at_the_secret_url(receiver: Receiver) -> None:
    """Each event is one line, and headers set category and host."""
    made = sink(
        receiver,
        "sumo",
        secret=f"http://127.0.0.1:{receiver.port}/receiver/v1/http/x==",
        headers={"X-Sumo-Category": "aws/cloudtrail"},
    )
    assert deliver(made, *ODD) == []
    (request,) = receiver.requests
    assert (request.path, request.headers["X-Sumo-Category"]) == ("/receiver/v1/http/x==", "aws/cloudtrail")
    assert request.body == ODD[0] + b"\n" + ODD[1] + b"\n"


def test_a_preset_must_define_authentication_and_framing() -> None:
    """A preset without authentication or framing raises an error."""
    with pytest.raises(NotImplementedError):
        Preset().auth(REFERENCE)
    with pytest.raises(NotImplementedError):
        Preset().framing({})


HTTP = 'to = "https://siem.example.com"'
SECRET = f'secret = "{REFERENCE}"'


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"elastic-bulk", "opensearch", "sentinel"}))
def test_a_preset_is_two_lines(name: str) -> None:
    """A preset needs only its name and the secret."""
    Config.from_toml(f'[sinks.s]\n{HTTP}\npreset = "{name}"\n{SECRET}\n')


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        (f"{HTTP}\n{SECRET}", "needs a preset"),
        (f"{HTTP}\nmetadata = {{ index = 'x' }}", "needs a preset"),
        (f'{HTTP}\npreset = "splunk"', "unknown value"),
        (f"{HTTP}\npreset = 3", "not a string"),
        (f'{HTTP}\npreset = "splunk-hec"', "needs a secret"),
        (f'{HTTP}\npreset = "splunk-hec"\n{SECRET}\nbatch = "array"', "determines `batch`"),
        (f'{HTTP}\npreset = "splunk-hec"\n{SECRET}\nmetadata = {{ idx = "x" }}', "host, index, source"),
        (f'{HTTP}\npreset = "splunk-hec"\n{SECRET}\nformat = "text"', "is not JSON"),
        (f'{HTTP}\npreset = "sumo"\n{SECRET}\nmetadata = {{ x = "x" }}', "remove `metadata`"),
        (f'{HTTP}\npreset = "slack"\n{SECRET}\nformat = "raw"', "not compatible with preset"),
        (f'{HTTP}\npreset = "slack"\n{SECRET}\ngzip = true', "does not support compressed bodies"),
        (
            f'to = "https://hooks.example.com/services/T0"\npreset = "slack"\n{SECRET}',
            "the secret is the whole URL",
        ),
        (f'{HTTP}\npreset = "elastic-bulk"\n{SECRET}', "does not name a data stream"),
        (
            f'to = "https://es.example.com/_bulk"\npreset = "elastic-bulk"\n{SECRET}',
            "does not name a data stream",
        ),
        (
            f'{HTTP}\npreset = "datadog"\n{SECRET}\nauth = {{ type = "bearer", {SECRET} }}',
            "`secret` and `auth` are both set",
        ),
        (f'{HTTP}\npreset = "datadog"\n{SECRET}\nheaders = {{ DD-API-KEY = "x" }}', "contains a secret"),
    ],
)
def test_settings_that_contradict_a_preset_are_errors(lines: str, fault: str) -> None:
    """Settings that are not compatible with a preset are errors in the configuration."""
    with pytest.raises(ConfigError) as caught:
        Config.from_toml(f"[sinks.s]\n{lines}\n")
    assert fault in str(caught.value)


def test_elastics_statuses_say_whose_fault_an_item_is(receiver: Receiver) -> None:
    """A document that is too large or invalid is at fault itself; a write block is not its fault."""
    receiver.script(
        items(
            {"status": 413, "error": {"type": "too_large"}},
            {"status": 400, "error": {"type": "mapper_parsing_exception"}},
            {"status": 400, "error": {"type": "illegal_argument_exception"}},
            {"status": 403, "error": {"type": "cluster_block_exception"}},
            {"status": 404, "error": {"type": "index_not_found_exception"}},
            {"status": 200},
        )
    )
    rejections = deliver(sink(receiver, "elastic-bulk", path="/trail/_bulk"), *[b"{}"] * 6)
    assert [(each.index, each.cause, each.message) for each in rejections] == [
        (0, Cause.CONTENT, "rejected with status 413"),
        (1, Cause.CONTENT, "rejected with status 400"),
        (2, Cause.UNKNOWN, "rejected with status 400"),
        (3, Cause.DESTINATION, "rejected with status 403"),
        (4, Cause.DESTINATION, "rejected with status 404"),
    ]


@pytest.mark.parametrize(("status", "transient"), [(429, True), (500, True), (503, True), (499, False)])
def test_elastics_server_errors_are_transient(receiver: Receiver, status: int, *, transient: bool) -> None:
    """429 and every status from 500 on may succeed later."""
    receiver.script(items({"status": status}))
    (rejection,) = deliver(sink(receiver, "elastic-bulk", path="/trail/_bulk"), b"{}")
    assert (rejection.code, rejection.transient) == (f"http_{status}", transient)


def test_a_preset_without_a_path_sends_to_the_path_of_the_url(receiver: Receiver) -> None:
    """If the preset names no path, a URL without one means /."""
    receiver.script(Status(200, body=b"{}"))
    made = sink(receiver, "standard-webhooks", secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    assert made.send(entries(b"{}")) == []
    assert receiver.requests[0].path == "/"
