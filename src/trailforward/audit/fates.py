"""What receipts say about an event, and what follows: did it arrive at every sink, and if not, why?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from trailforward.receipts.reader import Receipt

#: Codes of filters to the class of the event: see :data:`trailforward.audit.classes.CLASSES`. If the sinks
#: have several, the first one here names the class.
FILTERS = (
    "self",
    "canary",
    "suppressed",
    "below_threshold",
    "below_severity",
    "dropped",
    "old_alert",
    "no_route",
)
#: The code of the forgery guard's dead letters: see ``on_mismatch`` in docs/configuration.md.
MISMATCH = "envelope_mismatch"
#: An event that arrived at every sink that it was routed to.
ARRIVED = "arrived"

_MOST_SINKS = 100
_CHARACTERS = 256
#: Sinks that an explanation names.
_SHOWN = 5

Codes = tuple[tuple[str, str], ...]


class Fates(NamedTuple):
    """The fates of one event.

    Attributes:
        delivered: names of the sinks that accepted it, sorted.
        filtered: sinks with the code of their filter, sorted.
        dead: sinks with the code of its dead letter, sorted.
        unclear: whether there are more sinks or codes than the audit keeps.
    """

    delivered: tuple[str, ...] = ()
    filtered: Codes = ()
    dead: Codes = ()
    unclear: bool = False

    @property
    def sinks(self) -> set[str]:
        """All sinks with a fate."""
        return {*self.delivered, *dict(self.filtered), *dict(self.dead)}

    def at(self, sink: str) -> Fates:
        """The fates at one sink."""
        return Fates(
            tuple(name for name in self.delivered if name == sink),
            tuple(one for one in self.filtered if one[0] == sink),
            tuple(one for one in self.dead if one[0] == sink),
            self.unclear,
        )


UNCLEAR = Fates(unclear=True)


def fates_of(receipt: Receipt) -> Fates:
    """The fates in a receipt; :data:`UNCLEAR` if it names too many sinks, or has longer texts than ours."""
    found = Fates(
        tuple(sorted(set(receipt.delivered))),
        tuple(sorted(receipt.filtered.items())),
        tuple(sorted(receipt.dead_lettered.items())),
    )
    texts = (*found.delivered, *(text for pair in (*found.filtered, *found.dead) for text in pair))
    long = any(len(text) > _CHARACTERS for text in texts)
    return UNCLEAR if long or len(found.sinks) > _MOST_SINKS else found


def combined(one: Fates, two: Fates) -> Fates:
    """The fates of an event with two receipts.

    Of different fates at one sink, ``delivered`` counts before ``filtered``, and ``filtered`` before a dead
    letter: a dead letter that was sent again is delivered, or filtered by the configuration of that time.
    """
    if one.unclear or two.unclear:
        return UNCLEAR
    delivered = {*one.delivered, *two.delivered}
    filtered = {sink: code for sink, code in (*one.filtered, *two.filtered) if sink not in delivered}
    dead = {
        sink: code for sink, code in (*one.dead, *two.dead) if sink not in delivered and sink not in filtered
    }
    return Fates(tuple(sorted(delivered)), tuple(sorted(filtered.items())), tuple(sorted(dead.items())))


class FateTable:
    """Gives each combination of fates a small number, and keeps the combinations.

    Args:
        most: combinations. Dead letters' codes are then left out, and what is still too much is unclear.

    Attributes:
        rows: the combination of each number. Number 0 is :data:`UNCLEAR`.
    """

    def __init__(self, most: int) -> None:
        self.rows = [UNCLEAR]
        self._numbers = {UNCLEAR: 0}
        self._most = most

    def number(self, fates: Fates) -> int:
        """The number of a combination."""
        number = self._numbers.get(fates)
        if number is not None:
            return number
        # An eighth of the numbers is for combinations without codes.
        if len(self.rows) >= self._most - self._most // 8:
            fates = fates._replace(dead=tuple((sink, "?") for sink, _ in fates.dead))
            if fates in self._numbers or len(self.rows) >= self._most:
                return self._numbers.get(fates, 0)
        self._numbers[fates] = len(self.rows)
        self.rows.append(fates)
        return self._numbers[fates]


def as_json(rows: Iterable[Fates]) -> list[Any]:
    """Combinations as JSON values."""
    return [list(row) for row in rows]


def from_json(rows: Iterable[Any]) -> list[Fates]:
    """Reads what :func:`as_json` made."""
    return [
        Fates(tuple(delivered), tuple(map(tuple, filtered)), tuple(map(tuple, dead)), unclear)
        for delivered, filtered, dead, unclear in rows
    ]


class Judgement(NamedTuple):
    """What the fates of an event say.

    Attributes:
        name: of its class; :data:`ARRIVED` if it arrived.
        why: a sentence.
        dead: sinks that have a dead letter of it.
        absent: sinks without a fate.
        delivered: whether a sink in question accepted it.
    """

    name: str
    why: str = ""
    dead: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    delivered: bool = False


def judge(fates: Fates, expected: Collection[str], sink: str = "") -> Judgement:
    """What follows from the fates of an event.

    Args:
        fates: of all of its receipts.
        expected: names of the sinks that should have a fate of it.
        sink: the only one that counts; empty for all.
    """
    every = fates
    if sink:
        fates, expected = fates.at(sink), (sink,)
    if fates.unclear:
        return Judgement("undetermined", "its receipts name too many different sinks or codes")
    delivered = bool(fates.delivered)
    dead = tuple(name for name, _ in fates.dead)
    absent = tuple(sorted(set(expected) - fates.sinks))
    if dead:
        mismatch = all(code == MISMATCH for _, code in fates.dead)
        name = MISMATCH if mismatch else "dead_lettered"
        return Judgement(name, f"dead letter: {_pairs(fates.dead)}", dead, absent, delivered)
    if absent:
        accepted = f"accepted by {_names(every.delivered)}, and " if every.delivered else ""
        return Judgement("partial", f"{accepted}without a receipt of {_names(absent)}", (), absent, delivered)
    if delivered:
        return Judgement(ARRIVED, delivered=True)
    codes = {code for _, code in fates.filtered}
    name = "filtered" if codes - set(FILTERS) else next((code for code in FILTERS if code in codes), "")
    if not name:
        return Judgement("undetermined", "its receipts name no sink")
    return Judgement(name, _pairs(fates.filtered))


def _names(names: Collection[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(list(names)[:_SHOWN]) + more


def _pairs(pairs: Codes) -> str:
    return _names([f"{sink}: {code}" for sink, code in pairs])
