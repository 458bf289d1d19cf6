"""An invalid configuration fails at once and reports every problem, with its key and fix, and no secret."""

from __future__ import annotations

import sys
from dataclasses import field
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator, Field

from trailforward import Config, ConfigError, MissingExtraError
from trailforward.config import PipelineSettings, RetrySettings
from trailforward.config.former_keys import FORMER_KEYS
from trailforward.config.problems import validated
from trailforward.settings import Settings, fields
from trailforward.sinks.settings import LimitSettings

if TYPE_CHECKING:
    from pathlib import Path

    from trailforward.errors import Problem

SECRET = "hunter2"
REFERENCE = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:siem-AbCdEf"
QUEUE = "arn:aws:sqs:us-west-2:111122223333:dead"
OUT = '[sinks.out]\nto = "stdout:"\n'
HTTP = 'to = "https://siem.example.com/in"'


def problems(toml: str, **pipeline: Any) -> dict[str, tuple[str, str]]:
    """Returns key → what is wrong, and the fix."""
    with pytest.raises(ConfigError) as caught:
        Config.from_toml(toml, **pipeline)
    return found(caught.value)


def found(error: ConfigError) -> dict[str, tuple[str, str]]:
    """Returns key → what is wrong, and the fix. No text has a secret, a line break, or Pydantic's wording."""
    text = str(error)
    assert SECRET not in text
    assert len(text.splitlines()) == len(error.problems) + 1
    for word in ("input should", "pydantic", "union", "input tag", "validation", "[type="):
        assert word not in text.lower().replace("eventbridge", "")
    for problem in error.problems:
        assert problem.key
        assert problem.message
        assert problem.fix
        assert str(problem) in text
    return {problem.key: (problem.message, problem.fix) for problem in error.problems}


#: Lines of a sink's table, the key of the problem, words of what is wrong, words of the fix.
SINKS = [
    ('to = "ftp://user:hunter2@siem.example.com/x"', "to", "no sink supports ftp URLs", "an http(s) URL"),
    ('to = "hunter2"', "to", "neither an ARN nor a URL", "the ARN of a Kinesis stream"),
    ('to = ""', "to", "neither an ARN nor a URL", "the ARN of"),
    (
        'to = "arn:aws:dynamodb:eu-west-1:111122223333:table/x"',
        "to",
        "ARNs of the service 'dynamodb'",
        "Kinesis",
    ),
    ('to = "arn:aws:kinesis"', "to", "not an ARN: an ARN has six parts", "Kinesis"),
    (
        'to = "arn:aws:kinesis:eu-west-1:111122223333:consumer/x"',
        "to",
        "not a Kinesis stream ARN: expected service `kinesis` and resource `stream/NAME`",
        "stream/cloudsec",
    ),
    ('to = "arn:aws:kinesis:euwest1:111122223333:stream/x"', "to", "not a Region", "stream/cloudsec"),
    ('to = "arn:aws:kinesis:eu-west-1:1111:stream/x"', "to", "12 digits", "stream/cloudsec"),
    (
        'to = "arn:amazon:kinesis:eu-west-1:111122223333:stream/x"',
        "to",
        "not an AWS partition",
        "stream/cloudsec",
    ),
    (
        'to = "arn:aws:kinesis:eu-west-1:111122223333:stream/"',
        "to",
        "stream name is missing",
        "stream/cloudsec",
    ),
    (
        'to = "arn:aws:kinesis:eu-west-1:111122223333:stream/x\\n"',
        "to",
        "that Kinesis does not allow",
        "stream/cloudsec",
    ),
    (
        'to = "arn:aws:sns:eu-west-1:111122223333:a,arn:aws:sns:eu-west-1:111122223333:b"',
        "to",
        "contains another destination after a separator",
        "separate those of TRAILFORWARD_TO by spaces",
    ),
    (
        'to = "arn:aws:sns:eu-west-1:111122223333:topic:subscription"',
        "to",
        "that SNS does not allow",
        "alerts",
    ),
    ('to = "arn:aws:sqs:::queue"', "to", "no Region or no account ID", "sqs:us-west-2"),
    ('to = "http://siem.example.com/in"', "to", "plain http", "https://"),
    ('to = "https://user:hunter2@siem.example.com/in"', "to", "user name or password", "auth"),
    ("", "to", "missing", "the ARN of"),
    ("to = 3", "to", "not a string", "the ARN of"),
    (HTTP + '\nformat = "xml"', "format", "unknown format", "raw, record, text"),
    (HTTP + "\nformat = 3", "format", "not a string", "in quotes"),
    (HTTP + '\nformat = "text"', "", "not compatible with batch", 'batch = "single"'),
    (HTTP + '\nformat = "text"\nbatch = "ndjson"', "", "not compatible with batch", 'batch = "single"'),
    (HTTP + '\nbatch = "arrays"', "batch", "unknown value", '"array", "ndjson" or "single"'),
    (HTTP + '\nbatsh = "array"', "batsh", "unknown key", "write batch"),
    (HTTP + "\nxyz = 3", "xyz", "unknown key", "use one of: to, format"),
    (HTTP + '\ngzip = "yes"', "gzip", "not true or false", "without quotes"),
    (HTTP + "\ngzip = 1", "gzip", "not true or false", "true or false"),
    (HTTP + '\nconnect_timeout_seconds = "3"', "connect_timeout_seconds", "not a number", "without quotes"),
    (HTTP + "\nconnect_timeout_seconds = nan", "connect_timeout_seconds", "not a finite number", "a number"),
    (HTTP + "\nconnect_timeout_seconds = 0", "connect_timeout_seconds", "out of range", "greater than 0"),
    (HTTP + "\nlimits = 4", "limits", "not a table", "{ KEY = … }"),
    (HTTP + "\nlimits = { max_entries = 0 }", "limits.max_entries", "out of range", "at least 1"),
    (HTTP + "\nlimits = { max_entries = 1.5 }", "limits.max_entries", "not a whole number", "whole number"),
    (HTTP + '\nlimits = { max_entries = "5" }', "limits.max_entries", "not a whole number", "without quotes"),
    (HTTP + "\nlimits = { entry = 1 }", "limits.entry", "unknown key", "max_entries"),
    (HTTP + "\nheaders = { X-A = 1 }", "headers.X-A", "not a string", "quotes"),
    (HTTP + '\nheaders = "hunter2"', "headers", "not a table", "{ NAME = … }"),
    (HTTP + '\nheaders = { Authorization = "hunter2" }', "headers", "secret", "auth"),
    (HTTP + '\nauth = "hunter2"', "auth", "not a table", "{ KEY = … }"),
    (
        HTTP + '\nauth = { secret = "hunter2" }',
        "auth.type",
        "missing",
        '"bearer", "header", "basic", "sigv4"',
    ),
    (HTTP + '\nauth = { type = "token", secret = "hunter2" }', "auth.type", "unknown value", '"bearer"'),
    (HTTP + '\nauth = { type = "bearer" }', "auth.secret", "missing", "secret = …"),
    (
        HTTP + '\nauth = { type = "bearer", secret = "hunter2" }',
        "auth.secret",
        "must be a reference",
        "secretsmanager",
    ),
    (HTTP + '\nauth = { type = "bearer", secret = ["hunter2"] }', "auth.secret", "not a string", "quotes"),
    (HTTP + f'\nauth = {{ type = "header", secret = "{REFERENCE}" }}', "auth.name", "missing", "name = …"),
    (
        HTTP + f'\nauth = {{ type = "bearer", secret = "{REFERENCE}", extra = "hunter2" }}',
        "auth.extra",
        "unknown key",
        "use one of: secret, type",
    ),
    (
        HTTP + '\nauth = { type = "sigv4", service = "e s", region = "eu-west-1" }',
        "auth.service",
        "malformed",
        "[a-z0-9-]",
    ),
    (
        HTTP + f'\nauth = {{ type = "header", secret = "{REFERENCE}", name = "{"x" * 257}" }}',
        "auth.name",
        "too long",
        "at most 256 character(s)",
    ),
    (
        'to = "arn:aws:kinesis:eu-west-1:111122223333:stream/x"\npartition_key = "id"',
        "partition_key",
        "unknown",
        "ID",
    ),
    ('to = "file:"', "", "file name is missing", "file:PATH"),
    ('to = "stdout:x"', "", "not exactly stdout:", "stdout:"),
]


@pytest.mark.parametrize(("lines", "key", "wrong", "fix"), SINKS, ids=[lines for lines, *_ in SINKS])
def test_a_wrong_sink(lines: str, key: str, wrong: str, fix: str) -> None:
    """Each problem in a ``[sinks.NAME]`` table is reported with its key as written and a fix."""
    (found_key, (message, advice)), *more = problems(f"[sinks.siem]\n{lines}\n").items()
    assert not more
    assert found_key in {".".join(filter(None, ("sinks.siem", key))), "sinks.siem.to"}
    assert wrong in message
    assert fix in advice


#: Top-level TOML before valid sinks, the key of the problem, words of what is wrong, words of the fix.
HEADS = [
    ("ded_letter = 'file:x'", "ded_letter", "unknown key", "write dead_letter"),
    ("[sink.a]\nto = 'stdout:'", "sink", "unknown key", "write sinks"),
    ("dead_letter = 3", "dead_letter", "not a string", "quotes"),
    ("dead_letter = 'https://user:hunter2@x'", "dead_letter", "not the ARN of an SQS queue", "or file:PATH"),
    ("dead_letter = 'stdout:'", "dead_letter", "not the ARN of an SQS queue", "or file:PATH"),
    ("dead_letter = 'file:'", "dead_letter", "file name is missing", "or file:PATH"),
    (
        "dead_letter = 'arn:aws:sns:us-west-2:111122223333:x'",
        "dead_letter",
        "not the ARN of an SQS",
        "arn:aws:sqs",
    ),
    (f"dead_letter = '{QUEUE}.fifo'", "dead_letter", "a FIFO queue", "standard queue"),
    ("retry_queue = 'file:x'", "retry_queue", "not the ARN of an SQS queue", "arn:aws:sqs"),
    ("retry_queue = 'arn:aws:sqs:us-west-2:1:x'", "retry_queue", "12 digits", "arn:aws:sqs"),
    (f"dead_letter = '{QUEUE}'\nretry_queue = '{QUEUE}'", "retry_queue", "the same queue", "two queues"),
    (f"dead_letter = '{QUEUE}'\n[sinks.q]\nto = '{QUEUE}'", "dead_letter", "a sink", "separate queue"),
    ("own_arns = 'x'", "own_arns", "not a list", '["…", "…"]'),
    ("own_arns = ['hunter2']", "own_arns[0]", "not an ARN: an ARN has six parts", "roles, functions"),
    ("own_arns = ['arn:aws:iam::111122223333:role/x', 3]", "own_arns[1]", "not a string", "quotes"),
    ("own_calls = 'ec2:X'", "own_calls", "not a list", '["…", "…"]'),
    ("own_calls = [{ call = 'ec2:X' }]", "own_calls[0].resource", "missing", "resource = …"),
    ("own_calls = [{ call = 'ec2', resource = '*' }]", "own_calls[0].call", "not SERVICE:EVENT", "one"),
    ("own_calls = [{ call = 'ec2:*', resource = '*' }]", "own_calls[0].call", "not SERVICE:EVENT", "one"),
    (
        "own_calls = [{ call = 'ec2:X', resource = 'sg-1' }]",
        "own_calls[0].resource",
        "not an ARN",
        "* for any",
    ),
    (
        "own_calls = [{ call = 'ec2:X', resource = 'arn:aws:ec2:*:111122223333:security-group/*' }]",
        "own_calls[0].resource",
        "a wildcard before the end",
        "arn:aws:ec2:eu-west-1",
    ),
    ("own_calls = [{ call = 'ec2:X', resource = '*', x = 1 }]", "own_calls[0].x", "unknown", "call"),
    ("deadline_margin_seconds = 0", "deadline_margin_seconds", "out of range", "at least 0.1"),
    ("deadline_margin_seconds = 999", "deadline_margin_seconds", "out of range", "at most 300"),
    ("retry = 3", "retry", "not a table", "{ KEY = … }"),
    ("[retry]\nattempts = 3", "retry.attempts", "unknown key", "max_attempts"),
    ("[retry]\nmax_attempts = true", "retry.max_attempts", "not a whole number", "whole number"),
    ("[sinks.'a b']\nto = 'stdout:'", 'sinks."a b"', "metrics cannot contain", "64 letters"),
    ("[sinks.a]\nto = ['x']", "sinks.a.to", "not a string", "Kinesis"),
    ("sinks.a = 3", "sinks.a", "not a table", "[sinks.a]"),
    ("routes = 3", "routes", "not a list of tables", "two brackets"),
    ("[routes]\nname = 'x'", "routes", "not a list of tables", "two brackets"),
    ("routes = ['out']", "routes[0]", "not a table", "{ KEY = … }"),
    ("[[routes]]\nsinks = ['out']", "routes[0].name", "missing", "name = …"),
    ("[[routes]]\nname = ''\nsinks = ['out']", "routes[0].name", "empty", "at least 1 character"),
    ("[[routes]]\nname = 'a'", "routes.a.sinks", "missing", "sinks = …"),
    ("[[routes]]\nname = 'a'\nsinks = 'out'", "routes.a.sinks", "not a list", '["…", "…"]'),
    ("[[routes]]\nname = 'a'\nsinks = ['out', 3]", "routes.a.sinks[1]", "not a string", "quotes"),
    (
        "[[routes]]\nname = 'a'\nsinks = ['out', 'uot']",
        "routes.a.sinks",
        "no sink is named 'uot'",
        "one of out",
    ),
    (
        "[[routes]]\nname = 'a'\nsinks = ['out']\npatern = {}",
        "routes.a.patern",
        "unknown key",
        "write pattern",
    ),
    (
        "[[routes]]\nname = 'a'\nsinks = ['out']\npattern = 3",
        "routes.a.pattern",
        "neither a table nor",
        "source",
    ),
    ("[[routes]]\nname = 'a'\nsinks = ['out']\npattern = '{'", "routes.a.pattern", "would reject", "correct"),
    (
        "[[routes]]\nname = 'a'\nsinks = ['out']\npattern = { source = 'aws.iam' }",
        "routes.a.pattern",
        '"source" must be an object or an array (line 1, column',
        "correct the event pattern",
    ),
    (
        "[[routes]]\nname = 'a'\nsinks = ['out']\n[[routes]]\nname = 'a'\nsinks = ['out']",
        "routes.a",
        "another route has the same name",
        "a unique name",
    ),
    (
        "[sinks.b]\nto = 'file:x'\n[[routes]]\nname = 'a'\nsinks = ['out']",
        "sinks.b",
        "no route uses",
        "or remove it",
    ),
]


@pytest.mark.parametrize(("toml", "key", "wrong", "fix"), HEADS, ids=[toml for toml, *_ in HEADS])
def test_a_wrong_top_level_key_or_route(toml: str, key: str, wrong: str, fix: str) -> None:
    """Each problem outside the sinks is reported with its key as written and a fix."""
    text = toml + "\n[sinks.out]\nto = 'stdout:'\n"
    if toml.startswith("sinks."):
        text = toml + "\n"
    all_of_them = problems(text)
    assert key in all_of_them
    message, advice = all_of_them[key]
    assert wrong in message
    assert fix in advice
    # A sink that only an invalid route names may be reported as well.
    assert {other for other in all_of_them if other != key} <= {"sinks.out"}


def test_everything_at_once() -> None:
    """One error lists the problems of sinks, routes, and top-level keys."""
    text = """
        dead_letter = "x"
        retry = { max_attempts = 0, initial_seconds = "x" }
        [sinks.a]
        to = "nowhere"
        [sinks.b]
        to = "https://siem.example.com/in"
        format = "xml"
        batch = "arrays"
        auth = { type = "bearer" }
        [sinks.unused]
        to = "stdout:"
        [[routes]]
        name = "x"
        sinks = ["a", "b", "absent"]
        pattern = "["
        [[routes]]
        sinks = []
    """
    assert set(problems(text)) == {
        "dead_letter",
        "retry.max_attempts",
        "retry.initial_seconds",
        "sinks.a.to",
        "sinks.b.format",
        "sinks.b.batch",
        "sinks.b.auth.secret",
        "sinks.unused",
        "routes.x.sinks",
        "routes.x.pattern",
        "routes[1].name",
        "routes[1].sinks",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (OUT + OUT, r"Cannot declare \('sinks', 'out'\) twice \(at line 3"),
        ("a = 1\na = 2", "Cannot overwrite a value"),
        ('secret = "hunter2', "not valid TOML"),
        ("sinks", "not valid TOML"),
    ],
)
def test_invalid_toml(text: str, message: str) -> None:
    """The error says where the TOML is invalid; TOML itself refuses duplicate names."""
    with pytest.raises(ConfigError, match=message) as caught:
        Config.from_toml(text)
    found(caught.value)


def test_an_empty_document() -> None:
    """A configuration without a sink is invalid, and the fix shows how to add one."""
    assert "[sinks.NAME]" in problems("")["sinks"][1]


@pytest.mark.parametrize(("former", "current"), FORMER_KEYS.items())
def test_a_former_key_names_the_current_one(former: str, current: str) -> None:
    """A key from before the first release is an error that names the current key; it is not an alias."""
    key = former.replace("*", "siem.v1")
    table, _, name = key.removeprefix("sinks.siem.v1.").rpartition(".")
    if key.startswith("sinks."):
        text = f"[sinks.'siem.v1']\n{HTTP}\n[sinks.'siem.v1'.{table}]\n{name} = 1\n"
    else:
        text = f"{OUT}[{table}]\n{name} = 1\n" if table else f"{name} = 'count'\n{OUT}"
    short = f"{table}.{name}" if table else name
    assert problems(text) == {key: (f"`{short}` is now `{current}`", f"write {current.rpartition('.')[2]}")}


@pytest.mark.parametrize("current", FORMER_KEYS.values())
def test_a_former_key_leads_to_a_key_that_exists(current: str) -> None:
    """The key that such an error names is a key of the configuration."""
    kind = {"retry": RetrySettings, "limits": LimitSettings}.get(current.partition(".")[0], PipelineSettings)
    assert current.rpartition(".")[2] in fields(kind)


@pytest.mark.parametrize(
    ("text", "key", "fix"),
    [
        (f"{OUT}[retry]\ninitial = 1", "retry.initial", "write initial_seconds, or remove it"),
        (
            "[sinks.retry]\nto = 'stdout:'\nbase_seconds = 1",
            "sinks.retry.base_seconds",
            "remove it, or use one of",
        ),
        (f"{OUT}forged = 'count'", "sinks.out.forged", "remove it, or use one of"),
    ],
)
def test_a_key_that_never_existed_is_an_unknown_key(text: str, key: str, fix: str) -> None:
    """Only the full name of a former key counts, not its last part in another table."""
    message, advice = problems(text)[key]
    assert message == "unknown key"
    assert advice.startswith(fix)


def environment(**variables: str) -> dict[str, tuple[str, str]]:
    """Returns the problems that environment variables cause."""
    with pytest.raises(ConfigError) as caught:
        Config.from_env({f"TRAILFORWARD_{name}": value for name, value in variables.items()})
    return found(caught.value)


def test_wrong_destinations_in_the_environment() -> None:
    """A problem names the variable and the position in it, and never shows a password."""
    to = (
        "https://user:hunter2@siem.example.com/in htps://user:hunter2@x stdout: stdout: "
        "arn:aws:dynamodb:eu-west-1:111122223333:table/x https://[::1 https://siem.example.com/a"
    )
    reported = environment(TO=to, DEAD_LETTER="x:hunter2", OWN_ARNS="hunter2 x")
    assert set(reported) == {
        "TRAILFORWARD_TO, destination 1",
        "TRAILFORWARD_TO, destination 2",
        "TRAILFORWARD_TO, destination 4",
        "TRAILFORWARD_TO, destination 5",
        "TRAILFORWARD_TO, destination 6",
        "TRAILFORWARD_DEAD_LETTER",
        "TRAILFORWARD_OWN_ARNS[0]",
        "TRAILFORWARD_OWN_ARNS[1]",
    }
    assert reported["TRAILFORWARD_TO, destination 4"][0] == "listed twice"


def test_no_destination_at_all() -> None:
    """Without a destination, the error says which variable to set, and lists the other problems as well."""
    reported = environment(RETRY_QUEUE="x")
    assert "there is no other destination" in reported["TRAILFORWARD_TO"][0]
    assert "TRAILFORWARD_RETRY_QUEUE" in reported


def test_two_configurations() -> None:
    """``TRAILFORWARD_TO`` and ``TRAILFORWARD_CONFIG`` together are refused."""
    assert set(environment(TO="stdout:", CONFIG=OUT)) == {"TRAILFORWARD_TO"}


def test_contradictions_between_toml_and_environment() -> None:
    """A top-level key with two different values is refused, and the error names both places."""
    reported = environment(CONFIG=f"dead_letter = '{QUEUE}'\n{OUT}", DEAD_LETTER="file:x")
    assert reported["TRAILFORWARD_DEAD_LETTER"][0] == "also set in trailforward.toml, with a different value"


def test_misspelled_variables() -> None:
    """A misspelled variable is an error; other variables with the prefix are ignored."""
    reported = environment(TO="stdout:", DEADLETTER="file:x", CORPUS="../events", OWN_ARN="")
    assert {key: fix for key, (_, fix) in reported.items()} == {
        "TRAILFORWARD_DEADLETTER": "write TRAILFORWARD_DEAD_LETTER, or remove it",
        "TRAILFORWARD_OWN_ARN": "write TRAILFORWARD_OWN_ARNS, or remove it",
    }


def test_broken_toml_hides_no_other_fault() -> None:
    """Environment variables are checked even if the TOML is invalid."""
    assert set(environment(CONFIG="a = ", RETRY_QUEUE="x")) == {
        "trailforward.toml",
        "TRAILFORWARD_RETRY_QUEUE",
    }


def test_wrong_arguments_of_a_program() -> None:
    """``Config.to`` identifies destinations by number and reports a wrong format once."""
    with pytest.raises(ConfigError) as caught:
        Config.to("nowhere", "stdout:", format="xml", retries=3)  # type: ignore[call-arg]
    assert set(found(caught.value)) == {"destination 1", "format", "retries"}


@pytest.mark.parametrize(
    ("where", "wrong"),
    [
        ("/absent/trailforward.toml", "cannot read the file /absent/trailforward.toml: No such file"),
        ("https://user:hunter2@siem.example.com/", "cannot read the file that it names"),
        ("hunter2" * 100, "cannot read the file that it names"),
        ("a\0b", "cannot read the file that it names"),
        ("/", "Is a directory"),
        ("ssm:arn:aws:ssm:nowhere", "not the ARN of an SSM parameter"),
        ("s3://bucket", "no bucket or no key"),
        ("s3:///key", "no bucket or no key"),
    ],
)
def test_a_place_without_configuration(where: str, wrong: str) -> None:
    """The error names ``TRAILFORWARD_CONFIG``, and shows its value only if it looks like a path."""
    message, fix = environment(CONFIG=where)["TRAILFORWARD_CONFIG"]
    assert wrong in message
    assert "s3://BUCKET/KEY" in fix


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    """The error says that the file is not UTF-8 text."""
    path = tmp_path / "x.toml"
    path.write_bytes(b"\xff\xfe")
    assert "not UTF-8 text" in environment(CONFIG=str(path))["TRAILFORWARD_CONFIG"][0]


@pytest.mark.parametrize("where", ["ssm:/x", "s3://bucket/key"])
def test_a_place_in_aws_needs_an_extra(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """Without botocore, the error gives the command that installs it."""
    monkeypatch.setitem(sys.modules, "botocore", None)
    monkeypatch.setitem(sys.modules, "botocore.config", None)
    with pytest.raises(
        MissingExtraError, match=r"(ssm|s3).* needs an optional part: pip install 'trailforward\[aws\]'"
    ):
        Config.from_env({"TRAILFORWARD_CONFIG": where})


def _late(_value: str) -> str:
    raise ValueError("it is too late")


class Odd(Settings):
    """Settings that a third-party sink might have."""

    when: Annotated[str, AfterValidator(_late)] = ""
    ports: dict[Annotated[str, Field(max_length=3)], int] = field(default_factory=dict)


def test_settings_of_other_shapes() -> None:
    """Validators that raise ``ValueError``, and invalid keys in tables, give the same kind of problem."""
    reported: list[Problem] = []
    validated(Odd, {"when": "hunter2", "ports": {"https": "x"}}, "sinks.odd", reported)
    assert [(problem.key, problem.message) for problem in reported] == [
        ("sinks.odd.when", "it is too late"),
        ("sinks.odd.ports.https", "too long"),
        ("sinks.odd.ports.https", "not a whole number"),
    ]


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["stdout:", "arn:aws:sqs:x", SECRET]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["to", "format", "auth", "type", "limits", "name", "sinks", "pattern", "x"]),
            inner,
            max_size=3,
        ).filter(
            lambda table: SECRET not in f"{table.get('name')} {table.get('pattern')} {table.get('sinks')}"
        )  # errors show these
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["sinks", "routes", "retry", "dead_letter", "own_arns", "x"]), VALUES))
def test_wrong_types_everywhere(pipeline: dict[str, Any]) -> None:
    """Any configuration either works or raises a ``ConfigError`` that shows no value."""
    sinks = (
        {"a": {"to": "stdout:"}, **pipeline.pop("sinks", {})}
        if isinstance(pipeline.get("sinks"), dict)
        else None
    )
    try:
        options: dict[str, Any] = {**pipeline, **({} if sinks is None else {"sinks": sinks})}
        Config.from_toml(OUT if sinks is None else "", **options)
    except ConfigError as error:
        found(error)


@pytest.mark.parametrize(
    "value",
    [
        "[" * 1_000 + "]" * 1_000,
        "{a = " * 1_000 + "1" + "}" * 1_000,
        "9" * 5_000,
    ],
    ids=["lists", "tables", "digits"],
)
@pytest.mark.parametrize("key", ["sinks", "routes", "own_arns", "retry"])
def test_hostile_toml(key: str, value: str) -> None:
    """TOML that Python cannot parse is a configuration error, as any other mistake."""
    assert problems(f"{key} = {value}\n")


@pytest.mark.parametrize("pattern", ["a." * 1_000 + "b = 1", "a = " + "[" * 300 + "]" * 300])
def test_deep_tables(pattern: str) -> None:
    """A pattern that is nested too deeply is a configuration error."""
    assert problems(f'{OUT}[[routes]]\nname = "a"\nsinks = ["out"]\n[routes.pattern]\n{pattern}\n')
