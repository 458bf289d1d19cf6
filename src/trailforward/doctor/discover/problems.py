"""Problems: what could not be read, grouped by its cause, so that one cause is one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from trailforward.doctor.world.places import limit_names, name_places

if TYPE_CHECKING:
    from collections.abc import Iterable


class Problem(NamedTuple):
    """One thing that could not be read.

    Attributes:
        text: the sentence, the same for every problem with this cause. ``{where}`` is replaced by the
            accounts and Regions, ``{about}`` by the names of the things.
        account: the account ID.
        region: the Region; ``*`` for the account as a whole.
        about: the name of the thing, such as an ARN.
    """

    text: str
    account: str = "*"
    region: str = "*"
    about: str = ""


def sentences(problems: Iterable[Problem]) -> tuple[str, ...]:
    """One sentence of bounded length for each cause, in the order in which the causes were met."""
    groups: dict[str, list[Problem]] = {}
    for problem in problems:
        groups.setdefault(problem.text, []).append(problem)
    return tuple(
        text.replace("{where}", name_places((one.account, one.region) for one in group)).replace(
            "{about}", limit_names({one.about for one in group})
        )
        for text, group in groups.items()
    )
