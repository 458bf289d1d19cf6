"""Every built-in sink passes the contract tests for third-party sinks."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from tests.support.aws import point_at, use_botocore
from tests.support.receiver import Exchange, Receiver, Status
from tests.support.receiver import Fault as WebFault
from tests.support.secrets import REFERENCE, FixedSecrets
from tests.support.settings import read
from tests.support.stub_aws import Partial, Refusal, Refuse, StubAws, containing
from trailforward import sinks
from trailforward.demo.receiver import split
from trailforward.sinks.http.sink import HttpSettings, HttpSink
from trailforward.sinks.s3 import S3Settings, S3Sink
from trailforward.sources._log_files import records
from trailforward.testing.contract import SinkContract

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.aws import Reader
    from trailforward.sinks.base import Entry, Sink


def made(to: str) -> Sink:
    """Creates the sink for a destination."""
    kind: Any = sinks.load(sinks.type_of(to) or "")
    sink: Sink = kind(kind.Settings(to=to))
    return sink


class Aws(SinkContract):
    """Base class: an AWS sink that sends to the stub."""

    to: ClassVar[str]
    busy: ClassVar = "ThrottlingException"
    partial: ClassVar = True
    end: ClassVar = b""

    @pytest.fixture(autouse=True)
    def _aws(self, stub: StubAws) -> None:
        self.stub = stub
        _, _, service, region, *_ = self.to.split(":")
        self.place = f"{service}:{region}"

    def make(self) -> Sink:
        """Creates the sink."""
        return made(self.to)

    def taken(self) -> list[bytes]:
        """The entries that the stub stored."""
        return [data.removesuffix(self.end) for data in self.stub.taken(self.place)]

    def refuse_entries(self, text: bytes) -> bool:
        """Makes the response reject single entries."""
        self.stub.always(self.place, Partial(containing(text), Refusal("InternalFailure")))
        return self.partial

    def fail_call(self, *, transient: bool) -> bool:
        """Makes the next call fail as throttled or forbidden."""
        self.stub.script(
            self.place, Refuse(400, self.busy) if transient else Refuse(403, "AccessDeniedException")
        )
        return True


class TestKinesis(Aws):
    to = "arn:aws:kinesis:us-west-2:111122223333:stream/cloudsec"


class TestKinesisThroughBotocore(TestKinesis):
    @pytest.fixture(autouse=True)
    def _way(self, _aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
        use_botocore(monkeypatch)


class TestFirehose(Aws):
    to = "arn:aws:firehose:us-west-2:111122223333:deliverystream/archive"
    end = b"\n"


class TestSns(Aws):
    to = "arn:aws:sns:us-west-2:111122223333:alerts"
    busy = "Throttling"


class TestSqs(Aws):
    to = "arn:aws:sqs:us-west-2:111122223333:cloudsec"
    busy = "RequestThrottled"


class TestSqsThroughBotocore(TestSqs):
    @pytest.fixture(autouse=True)
    def _way(self, _aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
        use_botocore(monkeypatch)


class TestEventBridge(Aws):
    to = "arn:aws:events:us-west-2:111122223333:event-bus/security"


class TestEventBridgeV2(Aws):
    to = "arn:aws:events:us-west-2:111122223333:event-busv2/security/abcdefghij0123456789abcde"


class TestCloudWatchLogs(Aws):
    to = "arn:aws:logs:us-west-2:111122223333:log-group:/security/cloudtrail"
    partial = False  # it rejects by age only: see test_cloudwatch_logs.py


class TestSecurityHub(Aws):
    """A finding is JSON that the sink completes, so the events are texts of findings."""

    to = "arn:aws:securityhub:us-west-2:111122223333:product/111122223333/default"
    busy = "LimitExceededException"

    def entry(self, data: bytes, number: int = 0) -> Entry:
        """A finding with the event as its description."""
        finding = {"Id": f"trailforward/{number}", "Description": data.decode()}
        return replace(super().entry(data, number), data=json.dumps(finding).encode())

    def taken(self) -> list[bytes]:
        """The descriptions."""
        return [json.loads(data)["Description"].encode() for data in super().taken()]


class TestLambda(Aws):
    to = "arn:aws:lambda:us-west-2:111122223333:function:remediate"
    busy = "TooManyRequestsException"


class TestLambdaThroughBotocore(TestLambda):
    @pytest.fixture(autouse=True)
    def _way(self, _aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
        use_botocore(monkeypatch)


class TestStepFunctions(Aws):
    to = "arn:aws:states:us-west-2:111122223333:stateMachine:remediate"


class TestStepFunctionsThroughBotocore(TestStepFunctions):
    @pytest.fixture(autouse=True)
    def _way(self, _aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
        use_botocore(monkeypatch)


class TestS3(SinkContract):
    """Uses a bucket in moto; a receiver makes calls fail."""

    @pytest.fixture(autouse=True)
    def _bucket(self, local_aws: Reader, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        self.client, self.bucket = local_aws("s3"), "contract"
        self.region, self.monkeypatch = local_aws.region, monkeypatch
        place: Any = {"LocationConstraint": self.region}
        self.client.create_bucket(Bucket=self.bucket, CreateBucketConfiguration=place)
        with Receiver() as self.receiver:
            yield
        for key in self._keys():
            self.client.delete_object(Bucket=self.bucket, Key=key)
        self.client.delete_bucket(Bucket=self.bucket)

    def _keys(self) -> list[str]:
        return [item["Key"] for item in self.client.list_objects_v2(Bucket=self.bucket).get("Contents", ())]

    def make(self) -> Sink:
        """Creates the sink."""
        return made(f"s3://{self.bucket}/trail?region={self.region}")

    def taken(self) -> list[bytes]:
        """The lines of all objects."""
        bodies = [self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read() for key in self._keys()]
        return [line for body in bodies for line in gzip.decompress(body).split(b"\n")[:-1]]

    def fail_call(self, *, transient: bool) -> bool:
        """Makes the next call fail as throttled or forbidden."""
        self.receiver.script(Status(503 if transient else 403))
        point_at(f"http://127.0.0.1:{self.receiver.port}", self.monkeypatch)
        return True


class TestS3CloudTrailLayout(TestS3):
    """A log file contains only records, so each event is the value of a member of a record."""

    head: ClassVar = b'{"eventVersion":"1.11","eventID":"%d","awsRegion":"eu-west-1","requestParameters":'

    def make(self) -> Sink:
        """Creates the sink."""
        to = f"s3://{self.bucket}/trail?region={self.region}"
        return S3Sink(S3Settings(to=to, layout="cloudtrail", format="record"))

    def entry(self, data: bytes, number: int = 0) -> Entry:
        """A record that contains the event."""
        entry = super().entry(data, number)
        return replace(entry, data=self.head % number + data + b"}")

    def taken(self) -> list[bytes]:
        """The events in the records of all objects."""
        bodies = [self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read() for key in self._keys()]
        start = self.head.partition(b"%d")[2]
        return [
            raw.partition(start)[2].removesuffix(b"}")
            for body in bodies
            for _, raw in records([gzip.decompress(body)])
        ]


class Web(SinkContract):
    """Base class: an HTTP sink that sends to a receiver."""

    settings: ClassVar[dict[str, Any]] = {}
    ok: ClassVar = Status()
    path: ClassVar = ""
    format: ClassVar = "raw"

    @pytest.fixture(autouse=True)
    def _receiver(self) -> Iterator[None]:
        with Receiver([self.ok] * 2_000) as self.receiver:
            yield

    def make(self) -> Sink:
        """Creates the sink."""
        url = f"http://127.0.0.1:{self.receiver.port}"
        settings = {"to": url + self.path, "format": self.format, **self.settings}
        return HttpSink(read(HttpSettings, settings), secrets=FixedSecrets(self.secret(url)))

    def secret(self, url: str) -> str:
        """The secret's value."""
        return f"hunter2 of {url}"

    def events_in(self, body: bytes) -> list[bytes]:
        """The events of one body."""
        return split(body)

    def taken(self) -> list[bytes]:
        """The events that were posted."""
        return [data for body in self.receiver.bodies for data in self.events_in(body)]

    def fail_call(self, *, transient: bool) -> bool:
        """Makes the next request fail with 503 or 403."""
        self.receiver._script.clear()
        self.receiver.script(Status(503 if transient else 403))
        return True


class TestHttpArray(Web):
    pass


class TestHttpNdjson(Web):
    settings: ClassVar = {"batch": "ndjson"}


class TestHttpSingle(Web):
    settings: ClassVar = {"batch": "single"}

    def events_in(self, body: bytes) -> list[bytes]:
        """The body is one event."""
        return [body]


class TestSplunk(Web):
    settings: ClassVar = {"preset": "splunk-hec", "secret": REFERENCE}
    ok = Status(body=b'{"code":0}')

    def events_in(self, body: bytes) -> list[bytes]:
        """The values of ``event``."""
        head = b'{"time":1777886100,"sourcetype":"aws:cloudtrail","event":'
        return [part.removesuffix(b"}") for part in body.split(head)[1:]]


class TestDatadog(Web):
    settings: ClassVar = {"preset": "datadog", "secret": REFERENCE}
    ok = Status(202)

    def events_in(self, body: bytes) -> list[bytes]:
        """The messages."""
        return [log["message"].encode() for log in json.loads(body)]


@dataclass(frozen=True)
class Bulk(WebFault):
    """Responds like a bulk API, and rejects events that contain ``culprit``."""

    culprit: bytes = b"\0"

    def apply(self, exchange: Exchange) -> None:
        """Responds."""
        lines = exchange.stored.decoded.split(b"\n")[1::2]
        items = [{"create": {"status": 400 if self.culprit in line else 201}} for line in lines]
        exchange.respond(200, {}, json.dumps({"items": items}).encode())


class TestElastic(Web):
    settings: ClassVar = {"preset": "elastic-bulk", "secret": REFERENCE}
    path = "/trail/_bulk"
    culprit = b"\0"

    @pytest.fixture(autouse=True)
    def _receiver(self) -> Iterator[None]:
        with Receiver() as self.receiver:
            self.receiver._script.extend([Bulk()] * 100)
            yield

    def refuse_entries(self, text: bytes) -> bool:
        """Makes the response reject single items."""
        self.culprit = text
        self.receiver._script.clear()
        self.receiver.script(Bulk(text))
        return True

    def events_in(self, body: bytes) -> list[bytes]:
        """Every second line, except for rejected events."""
        return [line for line in body.split(b"\n")[1::2] if self.culprit not in line]


class TestOtlp(Web):
    settings: ClassVar = {"preset": "otlp"}
    ok = Status(body=b"{}")

    def events_in(self, body: bytes) -> list[bytes]:
        """The bodies of the log records."""
        ((scope,),) = (resource["scopeLogs"] for resource in json.loads(body)["resourceLogs"])
        return [record["body"]["stringValue"].encode() for record in scope["logRecords"]]


class TestOtlpProtobuf(Web):
    settings: ClassVar = {"preset": "otlp", "metadata": {"encoding": "protobuf"}}

    def events_in(self, body: bytes) -> list[bytes]:
        """The bodies of the log records."""
        message = ExportLogsServiceRequest.FromString(body)
        records = message.resource_logs[0].scope_logs[0].log_records
        return [record.body.string_value.encode() for record in records]


class TestOpenSearch(TestElastic):
    settings: ClassVar = {
        "preset": "opensearch",
        "auth": {"type": "sigv4", "service": "es", "region": "eu-west-1"},
    }

    @pytest.fixture(autouse=True)
    def _credentials(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")


class TestOpenSearchTimeSeries(TestOpenSearch):
    settings: ClassVar = {**TestOpenSearch.settings, "metadata": {"ids": "none"}}


class TestSentinel(Web):
    ok = Status(204)
    path = "/dataCollectionRules/dcr-000a00a000a00000a000000aa000a0aa/streams/Custom-A?api-version=2023-01-01"

    @pytest.fixture(autouse=True)
    def _token_endpoint(self) -> Iterator[None]:
        token = Status(200, {}, b'{"access_token":"t","token_type":"Bearer","expires_in":3599}')
        with Receiver(then=token) as self.server:
            yield

    def make(self) -> Sink:
        """Creates the sink."""
        auth = {
            "type": "oauth2",
            "token_url": self.server.url,
            "client_id": "c",
            "client_secret": REFERENCE,
        }
        url = f"http://127.0.0.1:{self.receiver.port}{self.path}"
        table = {"to": url, "preset": "sentinel", "auth": auth}
        return HttpSink(read(HttpSettings, table), secrets=FixedSecrets("hunter2"))

    def events_in(self, body: bytes) -> list[bytes]:
        """The column with the event."""
        return [row["Event"].encode() for row in json.loads(body)]


class TestGoogleSecOps(TestHttpNdjson):
    settings: ClassVar = {"preset": "google-secops", "secret": REFERENCE}

    def secret(self, url: str) -> str:
        """The URL of the feed with its keys."""
        return f"{url}/v1alpha/feeds/f:importPushLogs?key=k&secret=s"


class TestCribl(TestHttpNdjson):
    settings: ClassVar = {
        "batch": "ndjson",
        "gzip": True,
        "auth": {"type": "header", "name": "Authorization", "secret": REFERENCE},
    }
    path = "/cribl/_bulk"


class TestSlack(TestHttpSingle):
    settings: ClassVar = {"preset": "slack", "secret": REFERENCE}
    format = "slack"
    ok = Status(body=b"ok")

    def secret(self, url: str) -> str:
        """The URL itself."""
        return f"{url}/services/x"


class TestTeams(TestSlack):
    settings: ClassVar = {"preset": "teams", "secret": REFERENCE}
    format = "teams"
    ok = Status(202)


class TestGoogleChat(TestSlack):
    settings: ClassVar = {"preset": "google-chat", "secret": REFERENCE}
    format = "google-chat"
    ok = Status(body=b'{"name":"spaces/A/messages/B"}')


class TestPagerDuty(TestHttpSingle):
    settings: ClassVar = {"preset": "pagerduty", "secret": REFERENCE}
    format = "pagerduty"
    ok = Status(202, body=b'{"status":"success"}')

    def secret(self, url: str) -> str:
        """A routing key."""
        assert url
        return "0" * 32

    def events_in(self, body: bytes) -> list[bytes]:
        """The body without the routing key."""
        return [body.replace(b'"routing_key":"' + b"0" * 32 + b'",', b"", 1)]


class TestSumo(TestHttpNdjson):
    settings: ClassVar = {"preset": "sumo", "secret": REFERENCE}

    def secret(self, url: str) -> str:
        """The URL itself."""
        return f"{url}/receiver/x"


class TestStandardWebhooks(TestHttpSingle):
    settings: ClassVar = {"preset": "standard-webhooks", "secret": REFERENCE}

    def secret(self, url: str) -> str:
        """A signing key."""
        assert url
        return "whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA="


class TestFile(SinkContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.path = tmp_path / "events.ndjson"

    def make(self) -> Sink:
        """Creates the sink."""
        return made(f"file:{self.path}")

    def taken(self) -> list[bytes]:
        """The lines."""
        return self.path.read_bytes().split(b"\n")[:-1]

    def fail_call(self, *, transient: bool) -> bool:
        """Uses a missing folder. A lack of file descriptors would break the test itself."""
        self.path = self.path / "absent" / "file"
        return not transient
