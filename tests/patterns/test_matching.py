"""Patterns match values, operators, and paths exactly as EventBridge does."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trailforward.errors import EventError
from trailforward.message import Message, Origin
from trailforward.patterns import InvalidPatternError, Pattern

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("ab.$"), inner, max_size=4),
    max_leaves=20,
)


def holds(member: Any, value: Any) -> bool:
    """Whether a field with this value matches an array with this one member."""
    return Pattern({"a": [member]}).matches({"a": value})


@pytest.mark.parametrize(
    ("member", "match", "miss"),
    [
        ("x", ["x", ["y", "x"], [["x"]]], ["X", "", None, 1, {}, {"x": "x"}, [], [{}]]),
        ("", [""], ["x", None]),
        ("true", ["true"], [True]),
        (True, [True], ["true", 1, 1.0, False]),
        (False, [False], [0, "false", None, True]),
        (None, [None, [None]], ["null", [], 0, False]),
        (300, [300, 300.0, 3e2], ["300", 301, True]),
        (1, [1], [True]),
        (0, [0, -0.0], [False]),
        ("é", ["é"], ["e\u0301"]),
        ({"exactly": "10.0.0.1"}, ["10.0.0.1"], ["010.0.0.1"]),
        ({"prefix": "ab"}, ["ab", "abc"], ["aab", 1, None]),
        ({"prefix": ""}, ["", "x"], [1, None]),
        ({"suffix": "bc"}, ["bc", "abc"], ["bcd", 1]),
        ({"suffix": ""}, [""], [1]),
        ({"prefix": {"equals-ignore-case": "aB"}}, ["ABc", "ab"], ["b", ""]),
        ({"prefix": {"equals-ignore-case": ""}}, ["", "x"], [1]),
        ({"suffix": {"equals-ignore-case": "aB"}}, ["cAb", "ab"], ["abc", "b"]),
        ({"suffix": {"equals-ignore-case": ""}}, ["", "x"], [1]),
        ({"equals-ignore-case": "aBc"}, ["ABC", "abc"], ["abcd", "ab", 1]),
        ({"equals-ignore-case": ""}, [""], ["x"]),
        ({"equals-ignore-case": "k"}, ["K"], ["\u212a"]),
        ({"wildcard": "*"}, ["", "x\ny"], [1]),
        ({"wildcard": ""}, [""], ["x"]),
        ({"wildcard": "a*"}, ["a", "ab"], ["ba"]),
        ({"wildcard": "*a*b*"}, ["ab", "xaxbx", "aab"], ["ba", "a"]),
        ({"wildcard": "ab*ba"}, ["abba", "abxba"], ["aba"]),
        ({"wildcard": r"a\*b\\*"}, ["a*b\\", "a*b\\x"], ["axb\\", "a*b"]),
        ({"wildcard": r"a\**"}, ["a*", "a*z"], ["a", "az"]),
        ({"exists": True}, ["", None, False, [1]], [{}, [], {"b": 1}, [[]], [{}]]),
        ({"exists": False}, [{}, [], {"b": 1}, [[{}]]], ["", None]),
        ({"numeric": ["=", 5]}, [5, 5.0], ["5", True, None, 6]),
        ({"numeric": ["<", 5]}, [4.9, -1], [5]),
        ({"numeric": ["<=", 5]}, [5], [5.1]),
        ({"numeric": [">", 5]}, [5.1], [5]),
        ({"numeric": [">=", 5]}, [5], [4]),
        ({"numeric": [">", 0, "<=", 5]}, [5, 1], [0, 6, 10**400]),
        ({"numeric": [">=", 0, "<", 5]}, [-0.0, 4], [5, -1, 2**53 + 1]),
        ({"anything-but": "x"}, ["y", None, 1, True, ["x", "y"]], ["x", ["x"], [], {}]),
        ({"anything-but": ["x", "y"]}, ["z", ""], ["x", "y"]),
        ({"anything-but": 5}, ["5", 6, None, True, 2**53 + 1], [5, 5.0]),
        ({"anything-but": [5, 6]}, [7], [5, 6.0]),
        ({"anything-but": "10.0.0.1"}, ["010.0.0.1"], ["10.0.0.1"]),
        ({"anything-but": {"prefix": "x"}}, ["yx", 1, None], ["x", "xy"]),
        ({"anything-but": {"suffix": ["x", "y"]}}, ["xz"], ["ax", "ay"]),
        ({"anything-but": {"equals-ignore-case": ["x"]}}, ["y"], ["X", "x"]),
        ({"anything-but": {"wildcard": ["a*", "*b"]}}, ["ba", 1], ["a", "xb"]),
        (
            {"cidr": "10.0.0.5/24"},
            ["10.0.0.1", "010.000.000.255", "::ffff:a00:1"],
            ["10.0.1.0", "x", 1, "a00::1"],
        ),
        ({"cidr": "2001:db8::/32"}, ["2001:DB8:0:1::"], ["2001:db9::", "10.0.0.1", "2001:db8::%1"]),
        ({"cidr": "0.0.0.0/0"}, ["1.2.3.4"], [1, "::1"]),
        ("10.0.0.1", ["10.0.0.1", "010.0.0.1", "::ffff:a00:1"], ["10.0.0.2", "x"]),
        ("::1", ["0:0:0:0:0:0:0:1", "::00001"], ["::2", ":1", "1"]),
    ],
)
def test_values_and_operators(member: Any, match: list[Any], miss: list[Any]) -> None:
    """Every operator matches the same values of every type as in EventBridge."""
    assert [value for value in match if not holds(member, value)] == []
    assert [value for value in miss if holds(member, value)] == []


@pytest.mark.parametrize(
    ("operand", "match", "miss"),
    [
        ("straße", ["STRASSE", "strasse".replace("ss", "ß")], ["strasse"]),
        ("STRASSE", ["strasse"], ["straße"]),
        ("ẞ", ["ß", "ẞ"], []),
        ("ß", ["ß", "SS"], ["ẞ", "ss"]),
        ("\u03c3", ["Σ", "\u03c3"], ["ς"]),
        ("😀a", ["😀A"], ["a"]),
    ],
)
def test_case_rule(operand: str, match: list[str], miss: list[str]) -> None:
    """equals-ignore-case matches the lower-case and the upper-case form of the operand, and no other form."""
    for member in (
        {"equals-ignore-case": operand},
        {"prefix": {"equals-ignore-case": operand}},
        {"suffix": {"equals-ignore-case": operand}},
    ):
        assert all(holds(member, value) for value in match)
        assert not any(holds(member, value) for value in miss)


def test_case_forms_need_no_backtracking() -> None:
    """The two forms of any character are equal or differ at both ends, so no backtracking is needed."""
    for code in range(sys.maxunicode + 1):
        low, high = chr(code).lower(), chr(code).upper()
        assert low == high or (low[0] != high[0] and low[-1] != high[-1])


@given(st.text("aßSİǰ", max_size=6), st.text("aAßsSİi\u0131ǰJ\u0307\u030c", max_size=8))
def test_prefix_and_suffix_without_case_agree_with_equality(operand: str, value: str) -> None:
    """A value starts (ends) with the operand if and only if one of its prefixes (suffixes) equals it."""
    heads = any(holds({"equals-ignore-case": operand}, value[:at]) for at in range(len(value) + 1))
    tails = any(holds({"equals-ignore-case": operand}, value[at:]) for at in range(len(value) + 1))
    assert holds({"prefix": {"equals-ignore-case": operand}}, value) == heads
    assert holds({"suffix": {"equals-ignore-case": operand}}, value) == tails


def _wildcard(segments: list[str], value: str) -> bool:
    """The definition of a wildcard: tries every position."""
    head, *rest = segments
    if not rest:
        return value == head
    return value.startswith(head) and any(
        _wildcard(rest, value[at:]) for at in range(len(head), len(value) + 1)
    )


@given(st.lists(st.text("ab", min_size=1, max_size=2), min_size=2, max_size=4), st.text("ab", max_size=8))
def test_wildcards_match_as_by_trying_everything(segments: list[str], value: str) -> None:
    """Matching by segments gives the same result as the definition."""
    try:
        pattern = Pattern({"a": [{"wildcard": "*".join(segments)}]})
    except InvalidPatternError:
        return
    assert pattern.matches({"a": value}) == _wildcard(segments, value)


@pytest.mark.parametrize(
    ("literal", "event_number", "expected"),
    [
        ("12345678901234567890", "12345678901234567890", True),
        ("12345678901234567890", "1.2345678901234567890e19", False),
        ("9007199254740993", "9007199254740992", False),
        ("1e400", "1e400", True),
        ("1e400", "1e401", False),
        ("0.12345678901234567", "0.12345678901234567", True),
        ("0.1", "0.1000000000000000055511151231257827", False),
        ("0", "-0", True),
        ("0", "0.0e5", True),
        ("0", "1e-400", False),
        ("1e23", "100000000000000000000000", True),
        ("1.50", "15e-1", True),
        ("1e3", "1e" + "0" * 5_000 + "3", False),
    ],
)
def test_numbers(literal: str, event_number: str, *, expected: bool) -> None:
    """Numbers are compared by value if a double represents them exactly, else by their text."""
    event = f'{{"a":{event_number}}}'
    assert Pattern(f'{{"a":[{literal}]}}').matches(event) is expected
    assert Pattern('{"a":[{"exists":true}]}').matches(event)


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), 10**5_000, 2**53 + 1], ids=["nan", "inf", "huge", "odd"]
)
def test_numbers_beyond_doubles(value: float) -> None:
    """A number that no double represents exactly matches no numeric condition and every anything-but."""
    assert not holds({"numeric": [">=", 0]}, value)
    assert not holds(12345678901234567890, value)
    assert holds({"anything-but": [1]}, value)
    assert holds({"anything-but": {"prefix": "1"}}, value)


@pytest.mark.parametrize(
    ("pattern", "event", "expected"),
    [
        ('{"a.b":["x"]}', {"a": {"b": "x"}}, True),
        ('{"a":{"b":["x"]}}', {"a.b": "x"}, True),
        ('{"a":{"b.c":["x"]}}', {"a.b": {"c": "x"}}, True),
        ('{"a":{"b":{"c":["x"]}}}', {"a": [{"b.c": "y"}, {"b": {"c": "x"}}]}, True),
        ('{"a":{"b":["x"]},"c":["y"]}', {"a": {"b": "z"}, "a.b": "x", "c": "y"}, True),
        ('{"a":{"b":["x"]}}', {"a": "x"}, False),
        ('{"a":{"b":["x"]}}', {"A": {"b": "x"}}, False),
        ('{"a":{"b":["x"]}}', {"a": '{"b":"x"}'}, False),
        ('{"a":["x"],"a":["y"]}', {"a": "x"}, False),
        ('{"a":["x"],"a":["y"]}', {"a": "y"}, True),
        ('{"a.b":["x"],"a":{"b":["y"]}}', {"a": {"b": "y"}}, True),
        ('{"a":{"b":["x"]},"a":{"c":["y"]}}', {"a": {"b": "x"}}, False),
        ('{"a":{"b":["x"]},"a":{"c":["y"]}}', {"a": {"b": "x", "c": "y"}}, True),
        ('{"prefix":["x"],"a":{"exists":[true]}}', {"prefix": "x", "a": {"exists": True}}, True),
        ('{"":["x"]}', {"": "x"}, True),
        ('{"a.":["x"]}', {"a": {"": "x"}}, True),
        ('{"":{"a":["x"]}}', {".a": "x"}, True),
        ('{"\\u0061":["\\u0062"]}', {"a": "b"}, True),
        ('{"a":{"b":[{"exists":false}]}}', {}, True),
        ('{"a":{"b":[{"exists":false}]}}', {"a": 1}, True),
        ('{"a":["x",{"exists":false}]}', {"a": "y"}, False),
        ('{"a":["x",{"exists":false}]}', {}, True),
        ('{"a":["x",{"anything-but":"y"},{"numeric":[">",5]},3]}', {"a": 6}, True),
        ('{"a":["x","10.0.0.1",{"prefix":"y"}]}', {"a": "yes"}, True),
        ('{"a":["x"]} trailing', {"a": "x"}, True),
    ],
)
def test_paths(pattern: str, event: dict[str, Any], *, expected: bool) -> None:
    """Fields are found by their joined path; of two conditions on one path, the last one wins."""
    assert Pattern(pattern).matches(event) is expected


@pytest.mark.parametrize(
    ("pattern", "match", "miss"),
    [
        ('{"$or":[{"a":[1]},{"b":[1]}]}', [{"a": 1}, {"b": 1}], [{"a": 2}, {}]),
        ('{"a":[1],"$or":[{"a":[2]},{"b":[3]}]}', [{"a": 2}, {"a": 1, "b": 3}], [{"a": 1}]),
        ('{"$or":[{"a":[2]},{"b":[3]}],"a":[1]}', [{"a": 1}, {"a": 1, "b": 3}], [{"a": 2}]),
        ('{"d":{"$or":[{"a":[1]},{"e":{"b":[1]}}]}}', [{"d": {"a": 1}}, {"d": {"e": {"b": 1}}}], [{"a": 1}]),
        (
            '{"$or":[{"a":[1]},{"b":[1]}],"$or":[{"c":[1]},{"d":[1]}]}',
            [{"a": 1, "d": 1}, {"b": 1, "c": 1}],
            [{"a": 1, "b": 1}],
        ),
        ('{"$or":[{"$or":[{"a":[1]},{"b":[1]}]},{"c":[1]}]}', [{"b": 1}, {"c": 1}], [{}]),
        ('{"$OR":["x"]}', [{"$OR": "x"}], [{}]),
        ('{"$or":[{"b":["x"]},{"b":["x","z"]}]}', [{"b": "z"}], [{"b": "y"}]),
    ],
)
def test_or(pattern: str, match: list[dict[str, Any]], miss: list[dict[str, Any]]) -> None:
    """$or multiplies out in document order, and in each combination the later condition on a path wins."""
    compiled = Pattern(pattern)
    assert all(compiled.matches(event) for event in match)
    assert not any(compiled.matches(event) for event in miss)


def test_events_in_every_form() -> None:
    """A dict, text, bytes, and a message give the same result, and a message is parsed only once."""
    pattern = Pattern({"source": ["aws.s3"]})
    text = '{"source":"aws.s3","detail":{}}'
    message = Message(text.encode(), Origin("test"))
    assert pattern.matches(json.loads(text))
    assert pattern.matches(text)
    assert pattern.matches(text.encode())
    assert pattern.matches(message)
    assert message.event is message.event


@pytest.mark.parametrize("event", ["[]", "1", "null", '"x"', [], None, 5, [{"a": 1}]])
def test_events_that_are_not_objects(event: Any) -> None:
    """JSON that is not an object matches nothing, not even exists:false."""
    assert not Pattern({"a": [{"exists": False}]}).matches(event)


@pytest.mark.parametrize("event", ["", "{", b"\xff", "{'a':1}", '{"a":NaN}', "\ufeff{}", b'{"a":1}x'])
def test_events_that_are_not_json(event: Any) -> None:
    """Text or bytes that are not JSON raise EventError and no other exception."""
    with pytest.raises(EventError):
        Pattern({"a": [1]}).matches(event)


def test_deep_events() -> None:
    """Events nested as deeply as EventBridge allows can be matched, on and off the pattern's paths."""
    depth = 1_000
    text = '{"a":' * (depth - 1) + "[]" + "}" * (depth - 1)
    pattern = Pattern({"a": {"a": {"b": [{"exists": False}]}}})
    assert pattern.matches(text)
    nested: Any = "x"
    for _ in range(50_000):
        nested = [nested]
    assert Pattern({"a": ["x"]}).matches({"a": nested})
    assert Pattern({"a": {"b": [{"exists": False}]}}).matches({"a": nested})
    assert not Pattern({"a": {"b": ["x"]}}).matches({"a": nested})
    while isinstance(nested, list):  # unwound by hand: freeing it recursively is Python's own weak spot
        nested = nested[0]


@given(value=JSON, as_text=st.booleans())
def test_no_event_crashes(value: Any, *, as_text: bool) -> None:
    """For any JSON, `matches` and `explain` return a result, and they agree."""
    event = {"a": value, "a.b": value}
    for source in (
        {"a": {"b": ["x", {"exists": False}]}, "a.b.a": [{"anything-but": ["y"]}]},
        {"a": [{"numeric": [">", 0]}, {"cidr": "10.0.0.0/8"}, {"wildcard": "*a"}, 5, "::1"]},
        {"$or": [{"a": {"a": [True]}, "b": [1]}, {"a": [None, {"suffix": ""}]}]},
    ):
        pattern = Pattern(source)
        given_event = json.dumps(event) if as_text and _finite(value) else event
        assert pattern.explain(given_event).matched == pattern.matches(given_event)


def _finite(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("value", [b"x", ("x",), {"x"}, object(), bytearray(b"x")])
def test_values_json_does_not_know(value: Any) -> None:
    """Python values that JSON cannot express exist, equal nothing, and do no harm."""
    assert holds({"exists": True}, value)
    assert holds({"anything-but": "x"}, value)
    assert not holds("x", value)
    assert not Pattern({"a": {"b": ["x"]}}).matches({1: {"b": "x"}, "a": value})


def test_subclasses_of_json_types() -> None:
    """Subclasses of str, dict, and list count as those types."""

    class Name(str):
        __slots__ = ()

    class Record(dict[str, Any]):
        pass

    assert Pattern({"a": {"b": ["x"]}}).matches(Record(a=Record(b=Name("x"))))


def test_equality_and_repr() -> None:
    """Patterns with equal text are equal and hashable, and ``repr`` shows the text."""
    one, other = Pattern({"a": [1]}), Pattern('{"a":[1]}')
    assert one == other
    assert len({one, other}) == 1
    assert one != Pattern({"a": [2]})
    assert one != '{"a":[1]}'
    assert repr(one) == """Pattern('{"a":[1]}')"""


def test_import_is_light() -> None:
    """Importing the patterns imports neither Pydantic nor boto3."""
    code = (
        "import sys, trailforward.patterns; "
        "sys.exit(bool({'pydantic', 'boto3', 'botocore'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
