"""Unknown values: text that stands for a value that nobody knows, alone or inside a longer text.

Such a text may be anywhere in a snapshot where AWS has a string. ``arn:aws:sqs:eu-west-1:{{unknown the
parameter Hub}}:in`` is an ARN whose account is not known. A result that depends on the
missing part is unknown.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

#: What begins like this is one value wherever a stack names it; other unknown parts may differ although their
#: words are equal: ``the condition Prod`` chooses between two values in one place, and two others elsewhere.
_ONE_VALUE = ("the parameter ", "the SSM parameter ", "the export ", "the dynamic reference ")
_MARK = re.compile(r"\{\{unknown ([^{}]*)\}\}")
#: These separate the parts of ARNs and of links.
_SEPARATORS = re.compile(r"[:/{}\s]+")


def unknown(why: str) -> str:
    """A text that stands for an unknown value.

    Args:
        why: what is not known, in a few words: ``the parameter Hub``.
    """
    return f"{{{{unknown {_SEPARATORS.sub(' ', why).strip()}}}}}"


def is_unknown(text: str) -> bool:
    """Whether any part of a text is unknown."""
    return "{{unknown " in text and _MARK.search(text) is not None


def why_unknown(text: str) -> str:
    """What is not known of a text, in a few words."""
    return ", ".join(dict.fromkeys(found.strip() for found in _MARK.findall(text)))


def is_one_value(text: str) -> bool:
    """Whether equal texts stand for equal values, because every unknown part is a parameter or the like."""
    return all(why.startswith(_ONE_VALUE) for why in _MARK.findall(text))


def words(text: str) -> str:
    """The text as people read it: ``(the parameter Hub)-rule``."""
    return _MARK.sub(lambda found: f"({found[1].strip()})", text) if is_unknown(text) else text


def holds_unknown(value: Any) -> bool:
    """Whether any text in a JSON value is unknown, keys included."""
    if isinstance(value, str):
        return is_unknown(value)
    if isinstance(value, dict):
        return any(holds_unknown(item) for pair in value.items() for item in pair)
    return isinstance(value, (list, tuple)) and any(map(holds_unknown, value))


def may_be(text: str, value: str) -> bool:
    """Whether a text can be a value, if its unknown parts may be anything."""
    return text == value if not is_unknown(text) else _pattern(text).fullmatch(value) is not None


@lru_cache(maxsize=4096)
def _pattern(text: str) -> re.Pattern[str]:
    known = _MARK.split(text)[::2]
    return re.compile(".*".join(map(re.escape, known)), re.DOTALL)


def fill(text: str, value: str) -> str:
    """The text with a value in place of its unknown parts."""
    return _MARK.sub(lambda _: value, text)


def split_known(text: str, delimiter: str) -> list[str]:
    """A text cut at a delimiter, but not inside the words for an unknown part."""
    marks = [found[0] for found in _MARK.finditer(text)]
    parts = _MARK.sub("\0", text).split(delimiter)
    found = iter(marks)
    return [re.sub("\0", lambda _: next(found), part) for part in parts]


def known_ends(text: str) -> tuple[str, str]:
    """What a text begins and ends with, up to its unknown parts; the whole text twice if it has none."""
    parts = _MARK.split(text)
    return parts[0], parts[-1]


def same(one: str, other: str) -> bool | None:
    """Whether two texts are equal; None if that depends on an unknown part.

    Parts are also unknown if their words are equal, except those of :func:`is_one_value`.
    """
    if one == other and is_one_value(one):
        return True
    if not is_unknown(one) and not is_unknown(other):
        return False
    return None if ends_meet(known_ends(one), known_ends(other)) else False


def ends_meet(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Whether the known beginnings and ends of two texts fit together."""
    heads = one[0].startswith(other[0]) or other[0].startswith(one[0])
    return heads and (one[1].endswith(other[1]) or other[1].endswith(one[1]))
