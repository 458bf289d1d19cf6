"""Wildcards: compares texts as IAM does, where parts of either text may be unknown."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from trailforward.doctor.world.unknown import ends_meet, fill, is_one_value, is_unknown, known_ends

if TYPE_CHECKING:
    from trailforward.doctor.delivery.ternary import Ternary

#: Stand-ins for an unknown part. A pattern that matches both matches whatever the part is.
_STAND_INS = ("\x00", "\x00\x01\x00")
_WILDCARD = re.compile(r"[*?]")
#: The parts of an ARN before the resource.
_COLONS = 5


def like(pattern: str, text: str) -> Ternary:
    """Whether a text matches IAM's wildcards: ``*`` for any text, ``?`` for one character.

    None if that depends on an unknown part of either text. A parameter without a value equals itself.
    """
    if is_unknown(pattern):
        if pattern == text and is_one_value(text):
            return True
        return None if _may_meet(pattern, text) else False
    glob = _glob(pattern)
    if not is_unknown(text):
        return glob.fullmatch(text) is not None
    if all(glob.fullmatch(fill(text, part)) for part in _STAND_INS):
        return True
    return None if _may_meet(pattern, text) else False


def begins(text: str, prefix: str) -> Ternary:
    """Whether a text begins with another; None if that depends on an unknown part."""
    if text.startswith(prefix) and is_one_value(prefix):
        return True
    if not is_unknown(text) and not is_unknown(prefix):
        return False
    head, wanted = known_ends(text)[0], known_ends(prefix)[0]
    return None if head.startswith(wanted) or wanted.startswith(head) else False


def ends(text: str, suffix: str) -> Ternary:
    """Whether a text ends with another; None if that depends on an unknown part."""
    if text.endswith(suffix) and is_one_value(suffix):
        return True
    if not is_unknown(text) and not is_unknown(suffix):
        return False
    tail, wanted = known_ends(text)[1], known_ends(suffix)[1]
    return None if tail.endswith(wanted) or wanted.endswith(tail) else False


def like_arn(pattern: str, text: str) -> Ternary:
    """Whether an ARN matches a pattern, part by part: a wildcard does not match the colon between two parts.

    None also for a pattern with fewer than six parts that matches only across parts.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
    """
    whole = like(pattern, text)
    if whole is False or is_unknown(pattern) or is_unknown(text):
        return whole
    patterns, parts = pattern.split(":", _COLONS), text.split(":", _COLONS)
    if len(patterns) < len(parts):
        return whole if pattern.endswith("*") else None
    return (
        all(like(*pair) for pair in zip(patterns, parts, strict=True))
        if len(patterns) == len(parts)
        else None
    )


def _may_meet(pattern: str, text: str) -> bool:
    """Whether the beginnings and the ends of two texts, up to a wildcard or an unknown part, fit together."""
    head, tail = known_ends(pattern)
    wild = _WILDCARD.search(head), _WILDCARD.search(tail)
    if wild[0]:
        head = head[: wild[0].start()]
    if wild[1]:
        tail = _WILDCARD.split(tail)[-1]
    return ends_meet((head, tail), known_ends(text))


@lru_cache(maxsize=4096)
def _glob(pattern: str) -> re.Pattern[str]:
    # Repeated asterisks mean the same as one, but take time to match.
    single = re.sub(r"\*+", "*", pattern)
    return re.compile(re.escape(single).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)
