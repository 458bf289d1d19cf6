"""Invalid settings are errors with a fix, and error texts never contain a secret."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.settings import read
from trailforward.config.problems import validated
from trailforward.errors import MissingExtraError, Problem, SettingError
from trailforward.formats import load
from trailforward.sinks.http.sink import HttpSettings, HttpSink

URL = "https://siem.example.com/in"
SECRET = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:siem-AbCdEf"
PARAMETER = "arn:aws:ssm:eu-west-1:111122223333:parameter/siem/token"


def faults(**settings: Any) -> list[tuple[str, str]]:
    """Message and fix of each problem."""
    problems: list[Problem] = []
    assert validated(HttpSettings, {"to": URL, **settings}, "sinks.siem", problems) is None
    assert "hunter2" not in str(problems)
    return [(problem.message, problem.fix) for problem in problems]


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("ftp://siem.example.com/in", "neither https nor http"),
        ("siem.example.com", "neither https nor http"),
        ("https://", "missing or malformed"),
        ("https:///in", "missing or malformed"),
        ("https://:8443/in", "missing or malformed"),
        ("https://siem.example.com:0/in", "missing or malformed"),
        ("https://siem.example.com:99999/in", "malformed"),
        ("https://siem.example.com:port/in", "malformed"),
        ("https://a..b/in", "malformed"),
        ("https://-a.example.com/in", "malformed"),
        ("https://*.example.com/in", "malformed"),
        ("https://" + "a" * 64 + ".example.com", "malformed"),
        ("https://" + "a." * 127 + "example.com", "malformed"),
        ("https://[::1/in", "malformed"),
        ("https://[::zz]/in", "malformed"),
        ("https://[v1.a:b]/in", "malformed"),
        ("https://alice:hunter2@siem.example.com/in", "user name or password"),
        ("https://hunter2@siem.example.com/in", "user name or password"),
        ("https://siem.example.com/in#hunter2", "fragment"),
        ("https://siem.example.com/in#", "fragment"),
        ("https://siem.example.com/hunter2 in", "spaces"),
        ("https://siem.example.com/\r\nX: hunter2", "control characters"),
        ("https://bücher.example.com/", "non-ASCII"),
        ("http://siem.example.com/in", "plain http"),
        ("http://127.0.0.1.example.com/in", "plain http"),
        ("http://10.0.0.1/in", "plain http"),
        ("http://[::2]/in", "plain http"),
        ("http://0x7f.1/in", "plain http"),
    ],
)
def test_an_invalid_url_is_rejected_without_being_repeated(url: str, what: str) -> None:
    """Each invalid URL is an error with a fix, and the text never repeats the URL."""
    ((found, fix),) = faults(to=url)
    assert what in found
    assert found.startswith(("the URL ", "the URL's ", "plain http "))
    assert fix


@pytest.mark.parametrize(
    "url",
    [
        "https://siem.example.com",
        "HTTPS://SIEM.example.com:8443/a?b=c",
        "https://[2001:db8::1]:8443/in",
        "https://my_host.internal./in",
        "https://10.0.0.1/in",
        "http://localhost:8080/in",
        "http://127.0.0.1/in",
        "http://127.8.9.10:8080/in",
        "http://[::1]:8080/in",
    ],
)
def test_https_anywhere_and_http_on_loopback_are_accepted(url: str) -> None:
    """TLS is required everywhere except on loopback addresses."""
    HttpSink(HttpSettings(to=url)).close()


@pytest.mark.parametrize(
    "secret",
    [
        "hunter2",
        "arn:aws:hunter2",
        "arn:hunter2:secretsmanager:eu-west-1:111122223333:secret:siem",
        "arn:aws:s3:::hunter2",
        "arn:aws:ssm:eu-west-1:111122223333:document/hunter2",
        "arn:aws:secretsmanager:eu-west-1:111122223333:hunter2",
        "arn:aws:secretsmanager::111122223333:secret:hunter2",
        "arn:aws:ssm:eu-west-1::parameter/hunter2",
        f"{SECRET}#",
        "",
    ],
)
@pytest.mark.parametrize(
    "auth",
    [{"type": "bearer"}, {"type": "header", "name": "X-Api-Key"}, {"type": "basic", "username": "alice"}],
)
def test_a_secret_in_the_configuration_is_rejected_and_never_repeated(
    auth: dict[str, str], secret: str
) -> None:
    """Secrets must be references; anything else is rejected and not repeated: it may be the secret."""
    ((what, fix),) = faults(auth={**auth, "secret": secret})
    assert "must be a reference" in what
    assert "arn:aws:secretsmanager:" in fix
    assert "arn:aws:ssm:" in fix


@pytest.mark.parametrize("secret", [SECRET, f"{SECRET}#token", PARAMETER, f"{PARAMETER}#token"])
def test_references_to_secrets_and_parameters_are_accepted(secret: str) -> None:
    """The ARN of a secret or a parameter is a reference, with or without a key."""
    settings = read(HttpSettings, {"to": URL, "auth": {"type": "bearer", "secret": secret}})
    HttpSink(settings).close()


@pytest.mark.parametrize(
    ("headers", "what"),
    [
        ({"Authorization": "Bearer hunter2"}, "secret"),
        ({"cookie": "hunter2"}, "secret"),
        ({"X-Api-Key": "hunter2"}, "secret"),
        ({"Content-Length": "7"}, "the sink sets the header"),
        ({"content-type": "text/plain"}, "the sink sets the header"),
        ({"Host": "hunter2"}, "the sink sets the header"),
        *[
            ({name: "x"}, "the sink sets the header")
            for name in ("Accept-Encoding", "Connection", "Content-Encoding", "Expect", "Keep-Alive", "TE")
        ],
        *[
            ({name: "x"}, "the sink sets the header")
            for name in ("Trailer", "Transfer-Encoding", "Upgrade", "User-Agent")
        ],
        ({"X Tenant": "blue"}, "not a valid header name"),
        ({"": "blue"}, "not a valid header name"),
        ({"X-Tenant\r\nX-Evil": "blue"}, "not a valid header name"),
        ({"X-Tenant": "blue\r\nX-Evil: hunter2"}, "line breaks"),
        ({"X-Tenant": "blue\x00"}, "line breaks"),
        ({"X-Tenant": "snow ☃"}, "line breaks"),
    ],
)
def test_invalid_and_secret_headers_are_rejected(headers: dict[str, str], what: str) -> None:
    """Headers must not contain secrets, change the request's framing, or inject other headers."""
    ((found, fix),) = faults(headers=headers)
    assert what in found
    assert fix


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"to": "http://localhost/in", "ca_file": "ca.pem"}, "`ca_file` is for https"),
        ({"batch": "single", "limits": {"max_entries": 2}}, "`limits.max_entries` is not compatible"),
        (
            {"auth": {"type": "header", "name": "X-Key", "secret": SECRET}, "headers": {"x-key": "1"}},
            "`auth` sets the header x-key",
        ),
        (
            {
                "auth": {"type": "sigv4", "service": "es", "region": "eu-west-1"},
                "headers": {"X-Amz-Date": "1"},
            },
            "`auth` sets the header X-Amz-Date",
        ),
        ({"auth": {"type": "header", "name": "Host", "secret": SECRET}}, "the sink sets the header"),
        ({"auth": {"type": "header", "name": "X:", "secret": SECRET}}, "not a valid header name"),
        ({"auth": {"type": "basic", "username": "alice:hunter2", "secret": SECRET}}, "user name"),
        ({"auth": {"type": "basic", "username": "alice\n", "secret": SECRET}}, "user name"),
    ],
)
def test_settings_that_contradict_each_other_are_rejected(settings: dict[str, Any], what: str) -> None:
    """Each contradiction is an error with a fix."""
    ((found, fix),) = faults(**settings)
    assert what in found
    assert fix


@pytest.mark.parametrize(
    "settings",
    [
        {"batch": "xml"},
        {"gzip": "sometimes"},
        {"auth": {"type": "digest", "secret": SECRET}},
        {"auth": {"type": "bearer"}},
        {"auth": {"type": "bearer", "token": "hunter2", "secret": SECRET}},
        {"auth": {"type": "sigv4", "service": "ES!", "region": "eu-west-1"}},
        {"auth": "Bearer hunter2"},
        {"connect_timeout_seconds": 0},
        {"read_timeout_seconds": "inf"},
        {"secret_lifetime_seconds": -1},
        {"method": "PUT"},
    ],
)
def test_values_of_the_wrong_type_are_rejected(settings: dict[str, Any]) -> None:
    """Unknown keys and values are errors, and the text contains no value."""
    assert len(faults(**settings)) == 1


@pytest.mark.parametrize("batch", ["array", "ndjson"])
def test_a_format_that_is_not_json_needs_single(batch: Any) -> None:
    """Text is not possible in a JSON array or NDJSON; the error has the fix."""
    with pytest.raises(SettingError) as caught:
        HttpSettings(to=URL, batch=batch, format="text").check(load("text"))
    assert "'text' is not JSON" in caught.value.what
    assert caught.value.fix == 'set batch = "single"'
    HttpSettings(to=URL, batch="single", format="text").check(load("text"))


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_an_invalid_ca_file_is_an_error(tmp_path: Any, content: str | None) -> None:
    """A CA file that cannot be read is an error in the configuration, not with the first event."""
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    ((found, fix),) = faults(ca_file=str(path))
    assert "`ca_file` cannot be used" in found
    assert fix == "write the path of a PEM file with certificates"


@pytest.mark.parametrize(
    ("auth", "what"),
    [
        ({"type": "bearer", "secret": SECRET}, "secrets"),
        ({"type": "sigv4", "service": "es", "region": "eu-west-1"}, "SigV4"),
    ],
)
def test_a_missing_extra_is_an_error(
    monkeypatch: pytest.MonkeyPatch, auth: dict[str, str], what: str
) -> None:
    """If botocore is needed and missing, creating the sink fails with the command that installs it."""
    import sys

    monkeypatch.setitem(sys.modules, "botocore", None)
    settings = read(HttpSettings, {"to": URL, "auth": auth})
    with pytest.raises(MissingExtraError, match=rf"{what} needs .*trailforward\[aws\]"):
        HttpSink(settings)


@pytest.mark.parametrize(
    ("host", "arn"),
    [
        ("sqs.eu-west-1.amazonaws.com", "arn:aws:sqs:eu-west-1:111122223333:events"),
        ("sqs.cn-north-1.amazonaws.com.cn", "arn:aws-cn:sqs:cn-north-1:111122223333:events"),
        ("sqs.us-gov-west-1.amazonaws.com", "arn:aws-us-gov:sqs:us-gov-west-1:111122223333:events"),
        ("eu-west-1.queue.amazonaws.com", "arn:aws:sqs:eu-west-1:111122223333:events"),
        ("queue.amazonaws.com", "arn:aws:sqs:us-east-1:111122223333:events"),
    ],
)
def test_the_url_of_a_queue_is_refused_with_its_arn(host: str, arn: str) -> None:
    """The error for a queue's URL has the ARN to write instead, in the partition of its Region."""
    ((message, fix),) = faults(to=f"https://{host}/111122223333/events")
    assert message == "the URL of an SQS queue, which is not an HTTP receiver"
    assert fix == f"write the queue's ARN: {arn}"


def test_timeouts_may_be_fractions_of_a_second() -> None:
    """A timeout is any time over zero, up to 15 minutes."""
    for seconds in (0.001, 0.5, 900):
        assert (
            read(HttpSettings, {"to": URL, "read_timeout_seconds": seconds}).read_timeout_seconds == seconds
        )
    for seconds in (0, -1, 901):
        assert faults(read_timeout_seconds=seconds)


@pytest.mark.parametrize(
    ("more", "fix"),
    [({}, 'set batch = "single"'), ({"preset": "splunk-hec", "secret": SECRET}, "use another format")],
)
def test_a_format_that_is_not_json_says_what_to_change(more: dict[str, str], fix: str) -> None:
    """Text needs ``batch = "single"``; a preset decides that itself, so it needs another format."""
    with pytest.raises(SettingError) as caught:
        read(HttpSettings, {"to": URL, "format": "text", **more}).check(load("text"))
    assert "format 'text' is not JSON" in caught.value.what
    assert caught.value.fix == fix


@pytest.mark.parametrize(
    ("batch", "format", "content_type"),
    [
        ("array", "cloudevents", "application/cloudevents-batch+json"),
        ("array", "raw", "application/json"),
        ("ndjson", "cloudevents", "application/x-ndjson"),
    ],
)
def test_the_content_type_says_how_events_are_combined(batch: str, format: str, content_type: str) -> None:  # noqa: A002
    """Arrays of CloudEvents have a content type of their own; other arrays and lines have the usual one."""
    framing = read(HttpSettings, {"to": URL, "batch": batch, "format": format}).framing()
    assert framing.content_type == content_type


def test_plain_http_to_another_host_is_refused_with_the_fix() -> None:
    """The error says to use https."""
    ((found, fix),) = faults(to="http://siem.example.com/in")
    assert "unencrypted" in found
    assert fix.startswith("write https://")
