"""Known steps: the parts of paths that depend only on a target, kept for the next question.

Whether a role, a policy, and a key let a delivery through is the same for most events, and takes most of the
time of a question. The paths are the same with and without this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trailforward.doctor.delivery.delivery_path import DeliveryPath

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from trailforward.doctor.delivery.query import Query
    from trailforward.doctor.world.index import PlacedTarget

#: How many targets are kept: enough for the questions about one Region, which are usually asked together.
MOST = 4096


def from_target(
    query: Query,
    path: DeliveryPath,
    target: PlacedTarget,
    follow: Callable[[DeliveryPath], Iterable[DeliveryPath]],
    sent: tuple[str, ...] = (),
) -> Iterable[DeliveryPath]:
    """All paths that continue a path from its last link, which is a target.

    Args:
        query: the call.
        path: the path up to the target.
        target: the target, of which only one rule can be the owner.
        follow: continues a path from the target. It may depend on the snapshot, the target with its rule, and
            ``sent``, but on nothing else of the call and of the path.
        sent: what else the result depends on.
    """
    known = query.index.steps
    key = (id(target), *sent)
    held = known.get(key)
    if held is None:
        if len(known) >= MOST:
            known.clear()
        found: Sequence[DeliveryPath] = tuple(follow(DeliveryPath(path.links[-1:])))
        # The target is kept too, so that no other object gets its id.
        held = known[key] = (target, found)
    return map(path.then, held[1])
