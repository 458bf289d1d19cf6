"""Parses and validates the arrays of a pattern (values and operators), with EventBridge's error messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trailforward.patterns.addresses import network
from trailforward.patterns.invalid import InvalidPatternError
from trailforward.patterns.numbers import Number, number
from trailforward.patterns.operators import Condition, Member, Range
from trailforward.patterns.strings import wildcard_segments

if TYPE_CHECKING:
    from collections.abc import Callable

    from trailforward.patterns.reader import Reader

_LITERALS = {"true": True, "false": False, "null": None}
_TOO_MANY = "Too many elements in numeric expression"  # EventBridge reports this for anything-but, too
_ONE_KEY = "Only one key allowed in match expression"
_ANYTHING_BUT_VALUE = "Value of anything-but must be an array or single string/number value."
_ANYTHING_BUT_MEMBER = "Inside anything but list, start|null|boolean is not supported."
_ANYTHING_BUT_MIXED = (
    "Inside anything but list, either all values are number or string, mixed type is not supported"
)
_ANYTHING_BUT_NESTED = {
    "prefix": "prefix/suffix match pattern must be a string",
    "suffix": "prefix/suffix match pattern must be a string",
    "equals-ignore-case": (
        "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported."
    ),
    "wildcard": "wildcard match pattern must be a string",
}


class ConditionParser:
    """Parses the arrays of a pattern into conditions."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self._operators: dict[str, Callable[[], Member]] = {
            "exactly": self._exactly,
            "prefix": lambda: self._affix("prefix"),
            "suffix": lambda: self._affix("suffix"),
            "equals-ignore-case": lambda: Member("equals-ignore-case", self._text("equals-ignore-case")),
            "wildcard": self._wildcard,
            "exists": self._exists,
            "cidr": self._cidr,
            "numeric": self._numeric,
            "anything-but": self._anything_but,
        }

    def condition(self) -> Condition:
        """Parses an array whose opening bracket has been read.

        Raises:
            InvalidPatternError: with EventBridge's reason and location.
        """
        reader = self.reader
        start = reader.position - 1
        members = []
        while (kind := reader.next()) != "]":
            members.append(self._member(kind))
        if not members:
            raise reader.error("Empty arrays are not allowed")
        return Condition(tuple(members), reader.text[start : reader.position])

    def _member(self, kind: str) -> Member:
        reader = self.reader
        if kind == "string":
            return Member("string", reader.string())
        if kind == "number":
            return Member("number", number(reader.number))
        if kind in _LITERALS:
            return Member("literal", _LITERALS[kind])
        if kind != "{":
            raise reader.error("Match value must be String, number, true, false, or null")
        if reader.next() == "}":
            raise reader.error("Match expression name not found")
        operator = reader.key
        if operator not in self._operators:
            raise reader.error(f"Unrecognized match type {operator}", hint=_did_you_mean(operator))
        member = self._operators[operator]()
        self._end(_TOO_MANY if operator in {"numeric", "anything-but"} else _ONE_KEY)
        return member

    def _end(self, reason: str) -> None:
        if self.reader.next() != "}":
            raise self.reader.error(reason)

    def _text(self, name: str) -> str:
        if self.reader.next() != "string":
            hint = f"write one object for each: {{{name!r}: …}}, {{{name!r}: …}}".replace("'", '"')
            is_list = self.reader.kind == "["
            raise self.reader.error(f"{name} match pattern must be a string", hint=hint if is_list else "")
        return self.reader.string()

    def _exactly(self) -> Member:
        return Member("exactly", self._text("exact"))

    def _affix(self, name: str) -> Member:
        reader = self.reader
        kind = reader.next()
        if kind == "string":
            return Member(name, reader.string())
        if kind != "{":
            hint = f'write one object for each: {{"{name}": …}}, {{"{name}": …}}' if kind == "[" else ""
            raise reader.error(f"{name} match pattern must be a string", hint=hint)
        if reader.next() == "}":
            raise reader.error(f"{name.capitalize()} expression name not found")
        if reader.key != "equals-ignore-case":
            raise reader.error(f"Unsupported {name} pattern: {reader.key}")
        member = Member(f"{name}/equals-ignore-case", self._text("equals-ignore-case"))
        self._end(_ONE_KEY)
        return member

    def _wildcard(self) -> Member:
        operand = self._text("wildcard")
        self._check_wildcard(operand)
        return Member("wildcard", operand)

    def _check_wildcard(self, operand: str) -> None:
        try:
            wildcard_segments(operand)
        except ValueError as error:
            raise self.reader.error(str(error)) from None

    def _exists(self) -> Member:
        kind = self.reader.next()
        if kind not in {"true", "false"}:
            raise self.reader.error("exists match pattern must be either true or false.")
        return Member("exists", _LITERALS[kind])

    def _cidr(self) -> Member:
        operand = self._text("prefix")  # EventBridge's message really says prefix
        try:
            return Member("cidr", network(operand))
        except ValueError as error:
            hint = f"to match one address, write it as a string: [{operand.split('/')[0]!r}]".replace(
                "'", '"'
            )
            raise InvalidPatternError(
                str(error), hint=hint if "bits must be <" in str(error) else ""
            ) from None

    def _number(self, name: str) -> Number:
        """The current token as an operand of ``numeric``."""
        if self.reader.kind != "number":
            raise self.reader.error(f"Value of {name} must be numeric")
        return number(self.reader.number)

    def _numeric(self) -> Member:
        reader = self.reader
        if reader.next() != "[":
            raise reader.error("Value of numeric must be an array.")
        if reader.next() != "string":
            raise reader.error(f"Invalid member in numeric match: {reader.token}")
        operator = reader.string()
        reader.next()
        if operator not in {"=", "<", "<=", ">", ">="}:
            raise reader.error(f"Unrecognized numeric range operator: {operator}")
        first = self._number("equals" if operator == "=" else operator)
        if operator in {">", ">="}:
            return Member("numeric", self._lower_bound(first, included=operator == ">="))
        if reader.next() != "]":
            raise reader.error(_TOO_MANY)
        value = self._comparable(first)
        if operator == "=":
            return Member("numeric", Range(value, True, value, True))  # noqa: FBT003
        return Member("numeric", Range(None, False, value, operator == "<="))  # noqa: FBT003

    def _lower_bound(self, first: Number, *, included: bool) -> Range:
        reader = self.reader
        kind = reader.next()
        if kind == "]":
            return Range(self._comparable(first), included, None, False)  # noqa: FBT003
        if kind != "string":
            raise reader.error(f"Bad value in numeric range: {reader.token}")
        operator = reader.string()
        if operator not in {"<", "<="}:
            raise reader.error(f"Bad numeric range operator: {operator}")
        reader.next()
        second = self._number(operator)
        if reader.next() != "]":
            raise reader.error("Too many terms in numeric range expression")
        low, high = self._comparable(first), self._comparable(second)
        if not low < high:
            raise reader.error("Bottom must be less than top")
        return Range(low, included, high, operator == "<=")

    def _comparable(self, found: Number) -> float:
        if found.value is None:
            raise self.reader.error(f"Cannot compare number : {found.text}")
        return found.value

    def _anything_but(self) -> Member:
        reader = self.reader
        kind = reader.next()
        if kind == "{":
            return self._anything_but_operator()
        if kind == "[":
            operand = self._anything_but_list(self._anything_but_value)
            if len({type(value) for value in operand}) != 1:
                raise reader.error(_ANYTHING_BUT_MIXED)
            for value in operand:
                if isinstance(value, Number):
                    self._comparable(value)
            return Member("anything-but", operand)
        if kind not in {"string", "number"}:
            raise reader.error(_ANYTHING_BUT_VALUE)
        value = self._anything_but_value(kind)
        if isinstance(value, Number) and value.value is None:
            raise InvalidPatternError(
                f"Cannot compare number : {value.text}"
            )  # EventBridge reports no location
        return Member("anything-but", (value,))

    def _anything_but_value(self, kind: str) -> str | Number:
        if kind == "string":
            return self.reader.string()
        if kind == "number":
            return number(self.reader.number)
        raise self.reader.error(_ANYTHING_BUT_MEMBER)

    def _anything_but_list(self, read: Callable[[str], Any]) -> tuple[Any, ...]:
        """A list in ``anything-but``. EventBridge adds a second location to errors of its members."""
        reader = self.reader
        values = []
        try:
            while (kind := reader.next()) != "]":
                values.append(read(kind))
        except InvalidPatternError as error:
            raise error.also_at(reader.location()) from None
        return tuple(values)

    def _anything_but_operator(self) -> Member:
        reader = self.reader
        if reader.next() == "}":
            raise reader.error("Anything-But expression name not found")
        name = reader.key
        if name not in _ANYTHING_BUT_NESTED:
            raise reader.error(f"Unsupported anything-but pattern: {name}")
        kind = reader.next()
        if kind == "[":
            operands = self._anything_but_list(lambda kind: self._anything_but_operand(name, kind))
        elif kind in {"string", "number"}:
            operands = (self._anything_but_operand(name, kind),)
        else:
            raise reader.error(_ANYTHING_BUT_VALUE)
        if not operands:  # Event Ruler accepts it and then crashes
            raise reader.error("Empty arrays are not allowed")
        if name == "wildcard":
            for operand in operands:
                self._check_wildcard(operand)
        self._end(_TOO_MANY)
        return Member(f"anything-but/{name}", operands)

    def _anything_but_operand(self, name: str, kind: str) -> str:
        if kind != "string":
            raise self.reader.error(_ANYTHING_BUT_NESTED[name])
        operand = self.reader.string()
        if not operand and name in {"prefix", "suffix"}:
            raise self.reader.error("Null prefix/suffix not allowed")
        return operand


def _did_you_mean(operator: str) -> str:
    low = operator.lower().replace("_", "-")
    known = {
        "numeric",
        "exists",
        "prefix",
        "suffix",
        "wildcard",
        "cidr",
        "anything-but",
        "equals-ignore-case",
    }
    return f"operators are lower case: {low!r}" if low in known and low != operator else ""
