"""The handler of both functions: one call is one step of the state machine, or of one of its children."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from trailforward.audit.steps import comparing, explaining, forwarding, lister, missing, reading, reporting
from trailforward.audit.steps.check import check
from trailforward.audit.steps.run import Run, client
from trailforward.audit.steps.settings import InvalidInputError, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: Steps of a child execution. Their items come in batches, or alone.
_CHILDREN: dict[str, Callable[[Run, Sequence[dict[str, int]]], dict[str, Any]]] = {
    "read-trail": reading.read_trail,
    "read-delivered": reading.read_delivered,
    "read-later": lambda run, items: reading.read_delivered(run, items, "later"),
    "compare": lambda run, items: {
        "parts": [comparing.compare(run, one["part"], one["turn"]) for one in items]
    },
    "explain": lambda run, items: {"units": [explaining.explain(run, item) for item in items]},
    "forward": forwarding.forward,
}
#: Steps of the state machine itself.
_STEPS: dict[str, Callable[[Run, dict[str, Any]], dict[str, Any]]] = {
    "list": lambda run, state: _list(run, state["list"]["cursor"]),
    "index": lambda run, state: reading.make_index(run, state["turn"]),
    "work": lambda run, state: comparing.make_work(run, state["turn"]),
    "report": lambda run, state: reporting.report(run, state["turn"]),
    "add-up": lambda run, state: forwarding.add_up(run, state["list"]),
}


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Does one step.

    Args:
        event: ``do``, the name of the step, and ``input``: the state, or one item of a map, or
            ``{"Items": [...]}`` with several. For ``check``, ``input`` is that of the execution, with its
            ``run`` and ``started`` beside it.
        context: Lambda's context, for the time that is left.

    Returns:
        Counts. Data is in the report bucket.

    Raises:
        InvalidInputError: the execution's input, or the event.
        StepError: a step cannot do its work.
    """
    settings = Settings.from_env(os.environ)
    seconds = context.get_remaining_time_in_millis() / 1000
    do: str = event.get("do", "")
    given: dict[str, Any] = event.get("input", {})
    s3 = _client()
    if do == "check":
        return check(given, event["run"], event["started"], settings, s3, seconds)
    if do in _CHILDREN:
        items = given.get("Items", [given])
        return _CHILDREN[do](Run.read(settings, items[0]["run"], s3, seconds), items)
    if do in _STEPS:
        return _STEPS[do](Run.read(settings, given["run"], s3, seconds), given)
    raise InvalidInputError(f"There is no step {do!r}. Start the state machine instead.")


@lru_cache(maxsize=1)
def _client() -> Any:
    return client()


def _list(run: Run, cursor: dict[str, Any]) -> dict[str, Any]:
    repairs = run.request.mode == "repair"
    found = missing.write_repair(run) if repairs else lister.write_lists(run, cursor)
    items = f"{forwarding.listed_in(run)}-groups.jsonl"
    return {"items": items, "round": 0, "files": 0, "result": {}, **found}
