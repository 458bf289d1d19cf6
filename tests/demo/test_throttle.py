from __future__ import annotations

import http.client
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config

from trailforward.demo.local_aws import ACCOUNT, CREDENTIALS, LocalAws
from trailforward.demo.loopback import Handler, LoopbackServer
from trailforward.demo.throttle import ThrottlingProxy

if TYPE_CHECKING:
    from collections.abc import Iterator


def client(service: str, region: str, proxy: ThrottlingProxy) -> Any:
    """Returns a boto3 client that uses the proxy and does not retry."""
    config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
    session = boto3.session.Session(region_name=region, **CREDENTIALS)
    return session.client(service, endpoint_url=proxy.url, config=config)


@pytest.fixture
def proxy(endpoint: str) -> Iterator[ThrottlingProxy]:
    """Provides a proxy that rejects three records."""
    with ThrottlingProxy(endpoint, reject=3) as proxy:
        yield proxy


def records(count: int) -> list[dict[str, Any]]:
    """Returns entries for PutRecords."""
    return [{"Data": f"event {number}".encode(), "PartitionKey": str(number)} for number in range(count)]


def test_the_first_records_are_rejected_one_by_one(aws: LocalAws, proxy: ThrottlingProxy) -> None:
    """PutRecords succeeds as a call, marks the rejected records by position, and stores only the others."""
    kinesis = client("kinesis", "us-west-2", proxy)
    response = kinesis.put_records(StreamARN=aws.stream_arn, Records=records(5))
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert response["FailedRecordCount"] == 3
    codes = [record.get("ErrorCode") for record in response["Records"]]
    assert codes == ["ProvisionedThroughputExceededException"] * 3 + [None, None]
    name = aws.stream_arn.rpartition("/")[2]
    assert response["Records"][0]["ErrorMessage"] == (
        f"Rate exceeded for shard shardId-000000000000 in stream {name} under account {ACCOUNT}."
    )
    assert all("SequenceNumber" in record for record in response["Records"][3:])
    assert sorted(aws.arrived_at_stream()) == [b"event 3", b"event 4"]
    assert proxy.rejected == 3
    kinesis.close()


def test_rejected_records_are_accepted_when_sent_again(aws: LocalAws, proxy: ThrottlingProxy) -> None:
    """The proxy may reject a whole batch and some records of the next call; then it accepts everything."""
    kinesis = client("kinesis", "us-west-2", proxy)
    name = aws.stream_arn.rpartition("/")[2]
    calls = [kinesis.put_records(StreamName=name, Records=records(2)) for _ in range(3)]
    assert [call["FailedRecordCount"] for call in calls] == [2, 1, 0]
    assert [len(call["Records"]) for call in calls] == [2, 2, 2]
    assert sorted(aws.arrived_at_stream()) == [b"event 0", b"event 1", b"event 1"]
    kinesis.close()


def test_other_calls_pass_through_unchanged(aws: LocalAws, proxy: ThrottlingProxy) -> None:
    """Every other call reaches the local AWS unchanged, with any method, including headers and errors."""
    s3 = client("s3", "us-east-1", proxy)
    s3.put_object(Bucket=aws.bucket, Key="a b/c", Body=b"\x00\xff\r\n", Metadata={"who": "me"})
    head = s3.head_object(Bucket=aws.bucket, Key="a b/c")
    assert head["ContentLength"] == 4
    assert head["Metadata"] == {"who": "me"}
    assert s3.get_object(Bucket=aws.bucket, Key="a b/c")["Body"].read() == b"\x00\xff\r\n"
    s3.delete_object(Bucket=aws.bucket, Key="a b/c")
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket=aws.bucket, Key="a b/c")
    s3.close()


def test_an_error_of_the_local_aws_is_passed_on(proxy: ThrottlingProxy) -> None:
    """PutRecords to a stream that does not exist fails with the error of AWS, throttled or not."""
    kinesis = client("kinesis", "us-west-2", proxy)
    with pytest.raises(kinesis.exceptions.ResourceNotFoundException):
        kinesis.put_records(StreamName="no-such-stream", Records=records(5))
    kinesis.close()


def test_one_connection_serves_many_requests(aws: LocalAws, proxy: ThrottlingProxy) -> None:
    """Connections stay open, and the proxy serves several at the same time."""
    assert aws.waiting(aws.source) == 0
    address = urlsplit(proxy.url)
    connections = [http.client.HTTPConnection("127.0.0.1", address.port or 0) for _ in range(3)]
    for _ in range(2):
        for connection in connections:
            connection.request("GET", "/moto-api/")
        for connection in connections:
            response = connection.getresponse()
            assert response.status == 200
            response.read()
            assert connection.sock is not None
    for connection in connections:
        connection.close()


def test_a_server_stops_although_clients_stay_connected() -> None:
    """Leaving the `with` block closes open connections, and no thread remains."""

    class Hello(Handler):
        def do_GET(self) -> None:  # noqa: N802  # name that the base class requires
            self.respond(200, {}, b"hello")

    before = threading.active_count()
    with LoopbackServer(Hello) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"hello"
    connection.close()
    for thread in threading.enumerate()[before:]:
        thread.join(600)
    assert threading.active_count() <= before


def test_an_error_in_a_handler_is_printed_and_a_closed_connection_is_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Programming errors appear on standard error; closed connections do not."""

    class Broken(Handler):
        def do_GET(self) -> None:  # noqa: N802  # name that the base class requires
            raise ConnectionResetError if self.path == "/reset" else LookupError("a real error")

    with LoopbackServer(Broken) as server:
        for path in ("/reset", "/error"):
            connection = http.client.HTTPConnection("127.0.0.1", server.port)
            connection.request("GET", path)
            with pytest.raises(http.client.RemoteDisconnected):
                connection.getresponse()
            connection.close()
    printed = capsys.readouterr().err
    assert "a real error" in printed
    assert printed.count("Traceback") == 1
