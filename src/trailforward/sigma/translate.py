"""Translates the condition of a rule into clauses. Negations are pushed down to the fields (De Morgan)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
)
from sigma.types import (
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaString,
    SigmaTimestampPart,
    SpecialChars,
)

from trailforward.patterns.cloudtrail import shape_of
from trailforward.sigma.clauses import (
    ABSENT,
    NOT_NULL,
    All,
    Clause,
    Kind,
    Node,
    NotConvertibleError,
    Some,
    but,
    unique,
)
from trailforward.sigma.networks import inside, outside
from trailforward.sigma.regexes import wildcards

if TYPE_CHECKING:
    from collections.abc import Callable

_OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_COMPARISONS = {"LT": "<", "LTE": "<=", "GT": ">", "GTE": ">="}
_NUMBER = r"-?(0|[1-9]\d{0,14})(\.\d{1,6})?"


class Translator:
    """Translates one rule.

    Attributes:
        notes: how the clauses differ from the rule, without repetitions.
    """

    def __init__(self, *, spellings: bool) -> None:
        """Creates a translator.

        Args:
            spellings: whether a wildcard gets two more spellings, in small and in capital letters.
        """
        self.notes: dict[str, None] = {}
        self._spellings = spellings

    def node(self, item: Any, *, negated: bool = False) -> Node:
        """The clauses of a part of a condition, as pySigma parses it.

        Raises:
            NotConvertibleError: the pattern language cannot express it.
        """
        if isinstance(item, ConditionNOT):
            return self.node(item.args[0], negated=not negated)
        if isinstance(item, (ConditionAND, ConditionOR)):
            parts = tuple(self.node(part, negated=negated) for part in item.args)
            return All(parts) if isinstance(item, ConditionAND) is not negated else Some(parts)
        if isinstance(item, ConditionFieldEqualsValueExpression):
            return self._field(item.field, item.value, negated=negated)
        text = "it searches the whole event for a text, but a pattern tests named fields"
        raise NotConvertibleError(text)

    def _field(self, name: str, value: Any, *, negated: bool) -> Node:
        path = f"detail.{name}"
        if "$or" in name.split("."):
            raise NotConvertibleError(f"a pattern cannot test a field named {name}")
        if isinstance(value, SigmaExpansion):
            parts = tuple(self._field(name, each, negated=negated) for each in value.values)
            return All(parts) if negated else Some(parts)
        for kind, translate in self._translators():
            if isinstance(value, kind):
                found: Node = translate(path, value, negated)
                self._note_arrays(path, negated=negated and not isinstance(value, (SigmaExists, SigmaNull)))
                return found
        if isinstance(value, SigmaFieldReference):
            raise NotConvertibleError(f"it compares {name} with another field, {value.field}")
        raise NotConvertibleError(
            f"a pattern cannot express the condition on {name} ({type(value).__name__})"
        )

    def _translators(self) -> tuple[tuple[type, Callable[[str, Any, bool], Node]], ...]:
        return (
            (SigmaString, self._text),
            (SigmaExists, _exists),
            (SigmaNull, lambda path, _, negated: _null(path, negated=negated)),
            (SigmaBool, lambda path, value, negated: self._word(path, str(value).lower(), negated=negated)),
            (SigmaTimestampPart, _timestamp),
            (SigmaNumber, lambda path, value, negated: self._word(path, str(value.number), negated=negated)),
            (SigmaCompareExpression, self._comparison),
            (SigmaCIDRExpression, self._network),
            (SigmaRegularExpression, self._expression),
        )

    def _note_arrays(self, path: str, *, negated: bool) -> None:
        if negated and _free(path):
            self.note(f"if {_short(path)} is a list, one element that differs is enough for the pattern")

    def note(self, text: str) -> None:
        """Adds a way in which the pattern differs from the rule."""
        self.notes[text] = None

    def _text(self, path: str, value: SigmaString, negated: bool) -> Node:  # noqa: FBT001  # see _translators
        parts = _parts(path, value)
        if "?" in parts:
            self.note(f"? in a value of {_short(path)} stands for one character, but here for any number")
        texts = _collapsed([None if part == "?" or part is None else part[1:] for part in parts])
        if texts == (None,):
            return _present(path, negated=negated)
        cased = isinstance(value, SigmaCasedString)
        if _free(path) and (None in texts or cased) and all(map(_like_no_text, filter(None, texts))):
            self.note(f"numbers and booleans in {_short(path)} do not match")
        if None not in texts:
            word = texts[0] if texts else ""
            if cased:
                return _plain(path, word or "", negated=negated)
            return self._word(path, word or "", negated=negated)
        if not cased and not negated and len(texts) == 2:  # noqa: PLR2004  # a text and a star
            operator = "prefix" if texts[1] is None else "suffix"
            word = texts[0] or texts[1] or ""
            return Clause(path, ({operator: {"equals-ignore-case": word}},))
        return self._wildcard(path, texts, negated=negated, ignoring=not cased)

    def _word(self, path: str, word: str, *, negated: bool) -> Node:
        """A text without wildcards, which may also be written as a boolean or a number."""
        shape = shape_of(path)
        if shape == "boolean" and word.lower() in {"true", "false"}:
            return _flag(path, word.lower() == "true", negated=negated)
        text = (
            Clause(path, but("but-ignoring-case", (word,)), "but-ignoring-case", (word,))
            if negated
            else Clause(path, ({"equals-ignore-case": word} if word else "",), "literal", (word,))
        )
        if shape == "text":
            return text
        if word.lower() in {"true", "false"}:
            both = (text, _flag(path, word.lower() == "true", negated=negated))
        elif re.fullmatch(_NUMBER, word):
            number = float(word) if "." in word else int(word)
            both = (text, _number(path, number, negated=negated))
        else:
            return text
        return All(both) if negated else Some(both)

    def _wildcard(self, path: str, texts: tuple[str | None, ...], *, negated: bool, ignoring: bool) -> Node:
        spelled = [_wildcard_text(texts)]
        if ignoring and spelled[0].lower() != spelled[0].upper():
            if self._spellings:
                spelled = list(dict.fromkeys([*spelled, spelled[0].lower(), spelled[0].upper()]))
                how = "as written, in small, or in capital letters"
            else:
                how = "as written"
            self.note(f"the texts inside values of {_short(path)} match {how}, not in every mix of cases")
        if negated:
            return Clause(path, but("but-wildcard", tuple(spelled)), "but-wildcard", tuple(spelled))
        members: tuple[Any, ...] = tuple({"wildcard": each} for each in spelled)
        inner = texts[0] is None and texts[-1] is None
        return Clause(path, members, "contains" if inner else "other", tuple(spelled))

    def _comparison(self, path: str, value: SigmaCompareExpression, negated: bool) -> Node:  # noqa: FBT001
        operator, number = _COMPARISONS.get(value.op.name), value.number.number
        if operator is None:
            raise NotConvertibleError(f"a pattern cannot express the comparison of {_short(path)}")
        if isinstance(value.number, SigmaTimestampPart):
            return _timestamp(path, value.number, negated)
        if shape_of(path) == "text":
            raise NotConvertibleError(
                f"it compares {_short(path)} as a number, but CloudTrail writes text there"
            )
        self.note(f"numbers that {_short(path)} holds as text do not match")
        if not negated:
            return Clause(path, ({"numeric": [operator, number]},))
        rest: Any = {"numeric": [_OPPOSITE[operator], number]}
        return Clause(path, (rest, {"wildcard": "*"}, True, False, None, ABSENT))

    def _network(self, path: str, value: SigmaCIDRExpression, negated: bool) -> Node:  # noqa: FBT001
        if not negated:
            return Clause(path, (inside(value.network),))
        self.note(f"a text in {_short(path)} that is not an address, and ends like one, is taken for one")
        return Clause(path, (*outside([value.network]), ABSENT))

    def _expression(self, path: str, value: SigmaRegularExpression, negated: bool) -> Node:  # noqa: FBT001
        ignore = any(flag.name == "IGNORECASE" for flag in value.flags)
        found, exact = wildcards(str(value.regexp.original), ignore_case=ignore)
        if not exact:
            more = "fewer" if negated else "more"
            self.note(f"the regular expression of {_short(path)} became wildcards, so {more} events match")
        parts = tuple(
            _plain(path, texts[0] or "", negated=negated)
            if None not in texts
            else self._wildcard(path, texts, negated=negated, ignoring=ignore)
            for texts in found
        )
        return All(parts) if negated else Some(parts)


def _parts(path: str, value: SigmaString) -> list[str | None]:
    """The parts of a string: a text with an equals sign before it, ``?``, or None for ``*``."""
    found: list[str | None] = []
    for part in value.s:
        if isinstance(part, str):
            found.append(f"={part}")
        elif part is SpecialChars.WILDCARD_MULTI:
            found.append(None)
        elif part is SpecialChars.WILDCARD_SINGLE:
            found.append("?")
        else:
            raise NotConvertibleError(f"{_short(path)} needs values for the placeholder %{part.name}%")
    return found


def _like_no_text(text: str) -> bool:
    """Whether a text may be a part of a number or a boolean."""
    return not set(text) - set("0123456789-+.eE") or text.lower() in "true" or text.lower() in "false"


def _collapsed(texts: list[str | None]) -> tuple[str | None, ...]:
    return tuple(
        text for at, text in enumerate(texts) if text is not None or at == 0 or texts[at - 1] is not None
    )


def _wildcard_text(texts: tuple[str | None, ...]) -> str:
    return "".join("*" if text is None else text.replace("\\", "\\\\").replace("*", "\\*") for text in texts)


def _plain(path: str, word: str, *, negated: bool) -> Clause:
    kind: Kind = "but" if negated else "other"
    return Clause(path, but("but", (word,)) if negated else (word,), kind, (word,) if negated else ())


def _exists(path: str, value: SigmaExists, negated: bool) -> Clause:  # noqa: FBT001  # see _translators
    if value.exists is not negated:
        return Clause(path, ({"exists": True},), "present")
    return Clause(path, (ABSENT,))


def _present(path: str, *, negated: bool) -> Clause:
    if negated:
        return Clause(path, (None, ABSENT))
    return Clause(path, tuple(NOT_NULL[:1] if shape_of(path) == "text" else NOT_NULL), "not-null")


def _null(path: str, *, negated: bool) -> Clause:
    return _present(path, negated=not negated)


def _flag(path: str, value: bool, *, negated: bool) -> Clause:  # noqa: FBT001  # a value of JSON
    if not negated:
        return Clause(path, (value,))
    if shape_of(path) == "boolean":
        return Clause(path, (not value, None, ABSENT))
    return Clause(path, (not value, *unique([each for each in NOT_NULL if each is not value]), None, ABSENT))


def _number(path: str, value: float, *, negated: bool) -> Clause:
    if negated:
        return Clause(path, but("but", (value,)))
    return Clause(path, (value,))


def _timestamp(path: str, _: SigmaTimestampPart, __: bool) -> Clause:  # noqa: FBT001  # see _translators
    raise NotConvertibleError(f"it tests a part of the time in {_short(path)}, which a pattern cannot")


def _free(path: str) -> bool:
    return shape_of(path) not in {"text", "boolean"}


def _short(path: str) -> str:
    return path.removeprefix("detail.")
