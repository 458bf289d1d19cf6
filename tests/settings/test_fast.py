"""The fast path reads settings with the same result as Pydantic, and leaves everything else to Pydantic."""

from __future__ import annotations

import sys
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, TypeAdapter

from tests.support.settings import read
from trailforward import Config, sinks
from trailforward.config import PipelineSettings, RetrySettings, RouteSettings, RouteTest
from trailforward.settings import Constraint, Settings, fields, read_fast
from trailforward.sinks.http.sink import HttpSettings
from trailforward.sinks.sqs import SqsSettings

SECRET = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:siem-AbCdEf"
KINDS = [*(sinks.load(name).Settings for name in sinks.BUILT_IN), PipelineSettings, RouteSettings, RouteTest]
#: Values for keys that do not take arbitrary strings.
TEXTS: dict[str, list[Any]] = {
    "format": ["raw", "record"],
    "name": ["X-Tenant", "Host", "a", ""],
    "pattern": ['{"source":["aws.iam"]}', "{", {"source": ["aws.iam"]}],
    "secret": [SECRET, f"{SECRET}#key", "hunter2"],
    "service": ["es", "E S"],
    "region": ["eu-west-1", "eu-west-1\n"],
    "use": ["root-sign-in", "root"],
}
DESTINATIONS = {
    "ReceiptSettings": [
        "s3://receipts/a?region=eu-west-1",
        "arn:aws:firehose:eu-west-1:111122223333:deliverystream/receipts",
        "arn:aws:sqs:eu-west-1:111122223333:queue",
    ],
    "HttpSettings": ["https://siem.example.com", "http://localhost/in", "http://siem.example.com"],
    "S3Settings": ["s3://lake/a?region=eu-west-1", "s3://lake"],
    "FileSettings": ["file:x", "file:"],
    "StdoutSettings": ["stdout:", "stdout:x"],
}
ODD = [None, True, 1, -1, 0.5, float("nan"), float("inf"), 10**400, "", "x\n", "\udcff", "é", b"x"]
JUNK = st.sampled_from([*ODD, [], ["x"], ("x",), {}, {"x": "y"}, {"type": "bearer"}, RetrySettings()])
EXAMPLES: dict[Any, list[Any]] = {
    str: ["detail.a", "a..b", "x", "x\n", "é", "x" * 513],
    int: [0, 1, 100, 101, 2**70],
    float: [0, 0.1, 1, 60.5, 900, 901],
    bool: [True, False],
    Any: ODD,
}


def values(kind: Any, name: str, hint: Any) -> st.SearchStrategy[Any]:
    """Generates values that are mostly of the declared type."""
    right: list[Any] | None = TEXTS.get(name)
    if name == "to":
        right = DESTINATIONS.get(kind.__name__) or [kind.example, kind.example + "\n", SECRET]
    usual: st.SearchStrategy[Any] = typed(hint) if right is None else st.sampled_from(right)
    return st.integers(0, 19).flatmap(lambda number: usual if number else JUNK)


def typed(hint: Any) -> st.SearchStrategy[Any]:
    """Generates values of a type, inside and outside its bounds."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return typed(arguments[0])
    if origin in {Union, UnionType}:
        members = [st.none() if member is NoneType else typed(member) for member in arguments]
        return st.one_of(*members)
    if origin is Literal:
        return st.sampled_from([*arguments, "other"])
    if origin is tuple:
        elements = st.lists(typed(arguments[0]), max_size=2)
        return elements | elements.map(tuple)
    if origin is dict:
        return st.dictionaries(typed(arguments[0]), typed(arguments[1]), max_size=2)
    return st.sampled_from(EXAMPLES[hint]) if hint in EXAMPLES else tables(hint)


@cache
def tables(kind: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Generates tables that are valid or almost valid."""
    options = {name: values(kind, name, hint) for name, hint in fields(kind).items()}
    required = {name: options.pop(name) for name in list(options) if not hasattr(kind, name)}
    return st.fixed_dictionaries(required, optional=options)


def shape(value: Any) -> Any:
    """Returns a value together with the types inside it."""
    if isinstance(value, Settings):
        return type(value), {name: shape(getattr(value, name)) for name in fields(type(value))}
    if isinstance(value, dict):
        return dict, [(key, shape(each)) for key, each in value.items()]
    if isinstance(value, tuple):
        return tuple, [shape(each) for each in value]
    return type(value), repr(value)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@given(st.data())
def test_pydantic_reads_what_the_fast_path_reads(kind: Any, data: st.DataObject) -> None:
    """Pydantic accepts every table that the fast path reads, with the same values of the same types."""
    table = data.draw(tables(kind))
    made = read_fast(kind, table)
    if made is not None:
        assert shape(TypeAdapter(kind).validate_python(table)) == shape(made)


RIGHT = [
    (SqsSettings, {"to": SqsSettings.example, "redact": ["detail.a"], "limits": {"max_entries": 5}}),
    (HttpSettings, {"to": "https://siem.example.com", "auth": {"type": "bearer", "secret": SECRET}}),
    (HttpSettings, {"to": "https://siem.example.com", "preset": "splunk-hec", "secret": SECRET}),
    (HttpSettings, {"to": "https://siem.example.com", "headers": {"X-A": "b"}, "read_timeout_seconds": 5}),
    (PipelineSettings, {"retry": {"initial_seconds": 1}, "own_arns": ["x"], "envelope_mismatch": "tag"}),
    (RouteSettings, {"name": "a", "sinks": ["x", {"sink": "y"}], "pattern": {"source": ["aws.iam"]}}),
    (RouteSettings, {"name": "a", "sinks": ["x"], "tests": [{"matches": True, "sample": "s"}]}),
]


@pytest.mark.parametrize(("kind", "table"), RIGHT)
def test_a_valid_table_takes_the_fast_path(
    kind: Any, table: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nested tables, lists, unions, and shorthands do not need Pydantic."""
    monkeypatch.setitem(sys.modules, "pydantic", None)
    assert isinstance(read(kind, table), kind)


class Foreign(Settings):
    """Settings of a plug-in that use ``pydantic.Field``."""

    port: Annotated[int, Field(ge=1, le=9)] = 5
    rate: Annotated[float, Constraint(ge=1)] = 1.0


def test_pydantic_fields_are_respected() -> None:
    """Settings of a plug-in may use ``pydantic.Field`` for constraints that trailforward does not have."""
    assert read_fast(Foreign, {"port": 3}) is None
    assert read(Foreign, {"port": 3, "rate": 2}) == Foreign(port=3, rate=2.0)
    with pytest.raises(AssertionError, match="of at most 9"):
        read(Foreign, {"port": 10})


@pytest.mark.parametrize("more", [{}, {"deadline_margin_seconds": 3}])
def test_settings_may_be_given_as_objects(more: dict[str, Any]) -> None:
    """A program may pass an object instead of a table."""
    retry = RetrySettings(max_attempts=2)
    assert Config.to("stdout:", retry=retry, **more).pipeline.retry is retry
    assert TypeAdapter(PipelineSettings).validate_python({"retry": retry}).retry is retry
