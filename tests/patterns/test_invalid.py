"""Patterns that EventBridge rejects are rejected with its reason and location."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.depth import examples
from trailforward.errors import PatternError
from trailforward.patterns import InvalidPatternError, Limits, Pattern, lint
from trailforward.patterns.reader import Reader


def error_of(source: Any, **options: Any) -> InvalidPatternError:
    """The error that a pattern raises."""
    with pytest.raises(InvalidPatternError) as caught:
        Pattern(source, **options)
    return caught.value


def member(text: str) -> str:
    """The reason why a member of an array is rejected."""
    return error_of(f'{{"a":[{text}]}}').reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "Filter is not an object"),
        ("   ", "Filter is not an object"),
        ("[1]", "Filter is not an object"),
        ('"x"', "Filter is not an object"),
        ("{}", "Empty objects are not allowed"),
        ('{"a":{}}', "Empty objects are not allowed"),
        ('{"a":[]}', "Empty arrays are not allowed"),
        ('{"a":{"b":"x"}}', '"b" must be an object or an array'),
        ('{"a":null}', '"a" must be an object or an array'),
        ('{"a":"x"]', '"a" must be an object or an array'),
        ('{"a":[["x"]]}', "Match value must be String, number, true, false, or null"),
        ('{"$or":{"a":[1]}}', "It must be an Array followed with $or."),
        ('{"$or":[1,2]}', "Only JSON object is allowed in array of $or relationship."),
        ('{"$or":[]}', "There must have at least 2 Objects in $or relationship."),
        ('{"$or":[{"a":[1]}]}', "There must have at least 2 Objects in $or relationship."),
        ('{"$or":[{},{"a":[1]}]}', "Empty objects are not allowed"),
        (
            '{"$or":[{"a":{"exists":[1]}},{"b":[1]}]}',
            "exists is Ruler reserved fieldName which cannot be used inside $or.",
        ),
    ],
)
def test_shape(text: str, reason: str) -> None:
    """A pattern of the wrong shape is rejected for its first problem."""
    assert error_of(text).reason == reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{}", "Match expression name not found"),
        ('{"PREFIX":"x"}', "Unrecognized match type PREFIX"),
        ('{"$or":[{"a":[1]},{"b":[1]}]}', "Unrecognized match type $or"),
        ('{"regex":"x"}', "Unrecognized match type regex"),
        ('{"prefix":"x","suffix":"y"}', "Only one key allowed in match expression"),
        ('{"exactly":1}', "exact match pattern must be a string"),
        ('{"prefix":1}', "prefix match pattern must be a string"),
        ('{"suffix":["x"]}', "suffix match pattern must be a string"),
        ('{"prefix":{}}', "Prefix expression name not found"),
        ('{"suffix":{}}', "Suffix expression name not found"),
        ('{"suffix":{"prefix":"x"}}', "Unsupported suffix pattern: prefix"),
        ('{"prefix":{"equals-ignore-case":1}}', "equals-ignore-case match pattern must be a string"),
        ('{"prefix":{"equals-ignore-case":"x","b":1}}', "Only one key allowed in match expression"),
        ('{"equals-ignore-case":["x"]}', "equals-ignore-case match pattern must be a string"),
        ('{"wildcard":1}', "wildcard match pattern must be a string"),
        ('{"wildcard":"é**"}', "Consecutive wildcard characters at pos 3"),
        (r'{"wildcard":"a\\b"}', "Invalid escape character at pos 2"),
        (r'{"wildcard":"a\\"}', "Invalid escape character at pos 2"),
        ('{"exists":"true"}', "exists match pattern must be either true or false."),
        ('{"cidr":1}', "prefix match pattern must be a string"),
        ('{"cidr":"10.0.0.0"}', "Malformed CIDR, one '/' required"),
        ('{"cidr":"10.0.0.0/8","b":1}', "Only one key allowed in match expression"),
        ('{"cidr":""}', "Malformed CIDR, one '/' required"),
        ('{"cidr":"10.0.0.0/8/9"}', "Malformed CIDR, one '/' required"),
        ('{"cidr":"10.0.0.0/x"}', "Malformed CIDR, mask bits must be an integer"),
        ('{"cidr":"10.0.0.0/ 8"}', "Malformed CIDR, mask bits must be an integer"),
        ('{"cidr":"10.0.0.0/4294967296"}', "Malformed CIDR, mask bits must be an integer"),
        ('{"cidr":"10.0.0.0/-1"}', "Malformed CIDR, mask bits must not be negative"),
        ('{"cidr":"example/8"}', "Nonstandard IP address: example"),
        ('{"cidr":"10.0.0.256/8"}', "Invalid IP address: 10.0.0.256"),
        ('{"cidr":"1:::2/8"}', "Invalid IP address: 1:::2"),
        ('{"cidr":"10.0.0.1/32"}', "IPv4 mask bits must be < 32"),
        ('{"cidr":"::1/128"}', "IPv6 mask bits must be < 128"),
        ('{"cidr":"::ffff:0:0/96"}', "IPv4 mask bits must be < 32"),
    ],
)
def test_operators(text: str, reason: str) -> None:
    """A wrong operator or operand is rejected with EventBridge's message."""
    assert member(text) == reason


@pytest.mark.parametrize(
    ("operand", "reason"),
    [
        ("1", "Value of numeric must be an array."),
        ("[]", "Invalid member in numeric match: ]"),
        ("[1]", "Invalid member in numeric match: 1"),
        ("[null]", "Invalid member in numeric match: null"),
        ('["!",1]', "Unrecognized numeric range operator: !"),
        ('["=","1"]', "Value of equals must be numeric"),
        ('["<=",[]]', "Value of <= must be numeric"),
        ('["=",1,2]', "Too many elements in numeric expression"),
        ('["<",1e999]', "Cannot compare number : 1e999"),
        ('[">",1e999]', "Cannot compare number : 1e999"),
        ('[">",1,2]', "Bad value in numeric range: 2"),
        ('[">",1,"="]', "Bad numeric range operator: ="),
        ('[">",1,"<","2"]', "Value of < must be numeric"),
        ('[">",1,"<=",2,3]', "Too many terms in numeric range expression"),
        ('[">",2,"<",1]', "Bottom must be less than top"),
        ('["=",1],"b":1', "Too many elements in numeric expression"),
    ],
)
def test_numeric(operand: str, reason: str) -> None:
    """The operands of numeric are checked one after the other."""
    assert member(f'{{"numeric":{operand}}}') == reason


@pytest.mark.parametrize(
    ("operand", "reason"),
    [
        ("true", "Value of anything-but must be an array or single string/number value."),
        ("{}", "Anything-But expression name not found"),
        ('{"cidr":"10.0.0.0/8"}', "Unsupported anything-but pattern: cidr"),
        ('{"prefix":null}', "Value of anything-but must be an array or single string/number value."),
        ("[true]", "Inside anything but list, start|null|boolean is not supported."),
        (
            "[]",
            "Inside anything but list, either all values are number or string, mixed type is not supported",
        ),
        (
            '["x",1]',
            "Inside anything but list, either all values are number or string, mixed type is not supported",
        ),
        ("1e999", "Cannot compare number : 1e999"),
        ("[1,1e999]", "Cannot compare number : 1e999"),
        ('{"suffix":""}', "Null prefix/suffix not allowed"),
        ('{"suffix":["x",""]}', "Null prefix/suffix not allowed"),
        ('{"prefix":[]}', "Empty arrays are not allowed"),
        ('{"wildcard":["a","b**"]}', "Consecutive wildcard characters at pos 2"),
        ('{"prefix":"x","suffix":"y"}', "Too many elements in numeric expression"),
        ('"x","b":1', "Too many elements in numeric expression"),
    ],
)
def test_anything_but(operand: str, reason: str) -> None:
    """The operands of anything-but are checked in all their forms."""
    assert member(f'{{"anything-but":{operand}}}') == reason


@pytest.mark.parametrize(
    "text",
    [
        '{"a":[NaN]}',
        '{"a":[1,]}',
        '{"a":[01]}',
        '{"a":[-]}',
        '{"a":[1.]}',
        '{"a":[.5]}',
        '{"a":[+1]}',
        '{"a":[-',
        '{"a":["x"] "b":["x"]}',
        '{"a" ["x"]}',
        '{"a"',
        '{"a":',
        "{'a':['x']}",
        '{"a":["x\ty"]}',
        '{"a":["\\q"]}',
        '{"a":["\\u12g4"]}',
        '{"a":["x',
        '{"a":["x"}',
        '{"a":["x"]',
        '{"a":["x"]]',
        '\ufeff{"a":["x"]}',
        '{"a":[/*x*/1]}',
        "\x00",
    ],
)
def test_broken_json(text: str) -> None:
    """Text that is not strict JSON is rejected with a location."""
    error = error_of(text)
    assert error.line == 1
    assert error.column


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("   ", 1, 4),
        ('{"a":"x"}', 1, 7),
        ('{"a":12345}', 1, 11),
        ('{\n "a":\r\n\r "b"}', 4, 3),
        ('{"😀":1}', 1, 8),
    ],
)
def test_location(text: str, line: int, column: int) -> None:
    """Line and column are the position of EventBridge's parser: after the text that it has read."""
    error = error_of(text)
    assert (error.line, error.column) == (line, column)


def test_message_has_prefix_reason_and_location() -> None:
    """``str()`` of the error is the message of EventBridge's API."""
    assert str(error_of('{"a":1}')) == (
        'Event pattern is not valid. Reason: "a" must be an object or an array\n'
        ' at [Source: (String)"{"a":1}"; line: 1, column: 7]'
    )


def test_errors_in_anything_but_lists_have_two_locations() -> None:
    """Errors for members of an anything-but list have their location twice, as in EventBridge."""
    assert str(error_of('{"a":[{"anything-but":[null]}]}')).count("\n at ") == 2
    assert str(error_of('{"a":[{"anything-but":{"prefix":[1]}}]}')).count("\n at ") == 2
    assert str(error_of('{"a":[{"anything-but":{"prefix":1}}]}')).count("\n at ") == 1


def test_long_patterns_are_echoed_in_part() -> None:
    """The quoted pattern ends after 500 UTF-16 code units, and control characters are escaped."""
    error = error_of('{"a":[1],\x01"' + "x" * 600)
    assert r"\u0001" in str(error)
    assert "[truncated 111 chars]" in str(error)


def test_errors_without_location() -> None:
    """Where EventBridge reports no location, we report none."""
    error = error_of('{"a":[{"cidr":"10.0.0.1/32"}]}')
    assert (error.line, error.column) == (None, None)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ('{"NUMERIC":["=",1]}', "numeric"),
        ('{"cidr":"10.0.0.1/32"}', '["10.0.0.1"]'),
        ('{"prefix":["x","y"]}', '{"prefix": …}'),
        ('{"equals-ignore-case":["x"]}', '{"equals-ignore-case": …}'),
        ('{"prefix":1}', ""),
        ('{"nonsense":1}', ""),
    ],
)
def test_hints(text: str, hint: str) -> None:
    """Common mistakes come with a hint."""
    found = error_of(f'{{"a":[{text}]}}').hint
    assert hint in found
    assert bool(hint) == bool(found)


def test_every_error_is_a_pattern_error() -> None:
    """``except PatternError`` catches every rejected pattern."""
    with pytest.raises(PatternError, match="Filter is not an object"):
        Pattern("[]")


@pytest.mark.parametrize("source", [{"a": {1}}, {"a": [float("nan")]}, {("x",): [1]}, {"a": [object()]}])
def test_dicts_without_json_form(source: Any) -> None:
    """A dict that JSON cannot express is rejected."""
    assert error_of(source).reason.startswith("not JSON")


def test_dict_as_deep_as_python_allows() -> None:
    """A dict that is nested too deeply is rejected without RecursionError."""
    source: dict[str, Any] = {"a": [1]}
    for _ in range(100_000):
        source = {"a": source}
    with pytest.raises(PatternError):
        Pattern(source)
    while source.get("a") != [1]:  # unwound by hand: freeing it recursively is Python's own weak spot
        source = source["a"]


def test_mappings_are_taken_like_dicts() -> None:
    """Any mapping is accepted, including nested ones."""
    source = MappingProxyType({"a": MappingProxyType({"b": ["x"]})})
    assert Pattern(source).matches({"a": {"b": "x"}})


def test_size_limit() -> None:
    """A pattern of more than 4,096 characters is rejected unless the limit is raised."""
    text = json.dumps({"a": ["x" * 5_000]})
    assert "4096" in error_of(text).reason
    assert Pattern(text, limits=Limits(size=10_000)).matches({"a": "x" * 5_000})


def test_combinations_limit() -> None:
    """More than 1,000 combinations of $or are rejected and never built."""
    branches = [{"a": [str(n)]} for n in range(10)]
    thousand: dict[str, Any] = {"x": {"$or": branches, "y": {"$or": branches, "z": {"$or": branches}}}}
    assert len(Pattern(thousand).rules) == 1_000
    assert "1000 combinations, more than 999" in error_of(thousand, limits=Limits(combinations=999)).reason
    text = '{"a":[1]}'
    for _ in range(150):
        text = f'{{"$or":[{text},{{"c":[1]}}]}}'
    assert str(2**150) in error_of(text).reason
    wide = "{" + ",".join('"$or":[{"a":[1]},{"b":[1]}]' for _ in range(100)) + "}"
    assert str(2**100) in error_of(wide).reason


def test_paths_limit() -> None:
    """More than 256 fields in one combination are rejected."""
    text = json.dumps({str(n): [1] for n in range(257)}, separators=(",", ":"))
    assert "256" in error_of(text).reason


def test_deep_patterns_are_read_without_recursion() -> None:
    """Nesting up to the size limit is accepted and does not crash."""
    depth = 800
    text = '{"":' * depth + "[1]" + "}" * depth
    event: Any = 1
    for _ in range(depth):
        event = {"": event}
    assert Pattern(text).matches(event)


def test_unknown_dialect() -> None:
    """An unknown dialect raises ValueError, which lists the known ones."""
    with pytest.raises(ValueError, match="pipes"):
        Pattern({"a": [1]}, dialect="pipe")


@pytest.mark.parametrize(
    ("dialect", "condition", "rejected"),
    [
        ("rules", {"anything-but": {"prefix": "x"}}, False),
        ("pipes", {"anything-but": {"prefix": "x"}}, True),
        ("pipes", {"anything-but": ["x"]}, False),
        ("pipes", {"prefix": {"equals-ignore-case": "x"}}, False),
        ("lambda-esm", {"anything-but": {"suffix": "x"}}, True),
        ("lambda-esm", {"prefix": {"equals-ignore-case": "x"}}, True),
        ("lambda-esm", {"wildcard": "x*"}, True),
        ("lambda-esm", {"prefix": "x"}, False),
    ],
)
def test_dialects(dialect: str, condition: dict[str, Any], *, rejected: bool) -> None:
    """Operators that another service does not support are rejected for it, with operator and field."""
    if rejected:
        assert "detail.a" in error_of({"detail": {"a": [condition]}}, dialect=dialect).reason
    else:
        Pattern({"detail": {"a": [condition]}}, dialect=dialect)


def test_reader_skips_strings_nobody_asked_for() -> None:
    """A string that is not read is skipped on the way to the next token."""
    reader = Reader('["x", 1]')
    assert [reader.next() for _ in range(4)] == ["[", "string", "number", "]"]
    assert reader.next() == ""


WORDS = st.sampled_from(
    [
        *("a", "$or", "prefix", "suffix", "wildcard", "numeric", "anything-but", "exists", "cidr"),
        *("exactly", "equals-ignore-case", "=", "<", ">", ">=", "*", "x*y", "10.0.0.0/8", "::1", ""),
        *("\\", "é😀"),
    ]
)
ANYTHING = st.recursive(
    WORDS | st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([1e400, 0.1]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=25,
)


@settings(max_examples=examples(500), deadline=None)
@given(ANYTHING)
def test_any_json_is_a_pattern_or_an_error(source: Any) -> None:
    """Any JSON is either a working pattern or raises InvalidPatternError."""
    text = json.dumps(source).replace("Infinity", "1e400")
    try:
        pattern = Pattern(text)
    except InvalidPatternError:
        return
    assert pattern.matches(text) in {True, False}
    assert pattern.explain(text).matched == pattern.matches(text)
    lint(pattern, portable=True)


@given(st.text('{}[]":,\\ab*$or01.-e\n\t\x00\ud800', max_size=30))
def test_any_text_is_a_pattern_or_an_error(text: str) -> None:
    """Any text is either a working pattern or raises InvalidPatternError."""
    for candidate in (text, '{"a":[' + text, '{"a":[{"anything-but":[' + text):
        try:
            Pattern(candidate).matches({"a": "b"})
        except InvalidPatternError as error:
            str(error).encode("utf-8", "surrogatepass")
