"""A local AWS whose services fail at random: they throttle, break, refuse entries, and reset connections."""

from __future__ import annotations

import random
import threading
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.faults.faults import CODES
from tests.faults.world import POISON
from tests.support.stub_aws import Fault, Refusal, Refuse, Reset, Silence, StubAws

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.stub_aws import Call, Item

#: The service in a signature → the type of sink. Others are called events, as EventBridge is.
_SINKS = {"events": "eventbridge"}


@dataclass(frozen=True)
class _Accept(Fault):
    """Refuses entries: the poisoned ones because of their content, and some because of throttling."""

    service: str
    throttled: frozenset[int] = frozenset()

    def apply(self, call: Call) -> None:
        """Stores the other entries."""
        codes = CODES[_SINKS.get(self.service, self.service)]
        refused = {at: Refusal(codes.entry) for at in self.throttled if at < len(call.items)}
        refused |= dict.fromkeys(_poisoned(call.items), Refusal(codes.invalid, sender_fault=True))
        call.report(
            call.take(
                refused if self.service == "sqs" else dict.fromkeys(self.throttled, Refusal(codes.entry))
            )
        )


def _poisoned(items: Sequence[Item]) -> list[int]:
    return [at for at, item in enumerate(items) if POISON in item.data and not item.attributes]


class ChaoticAws(StubAws):
    """The server.

    Args:
        seed: of the faults.
        share: of the calls that fail.

    Attributes:
        faults: number of calls by what happened to them.
        clients: number of calls by client, ``direct`` or ``botocore``.
    """

    def __init__(self, seed: int, share: float = 0.4) -> None:
        super().__init__()
        self._source = random.Random(seed)  # noqa: S311  # repeatable
        self._share = share
        self._drawing = threading.Lock()
        self.faults: Counter[str] = Counter()
        self.clients: Counter[str] = Counter()

    def handle_error(self, *_: object) -> None:
        """Counts a request that ended early, because the client was killed."""
        with self._drawing:
            self.faults["cut off"] += 1

    def quiet(self) -> None:
        """Ends all faults but the refusal of poisoned entries."""
        self._share = 0.0

    def next_fault(self, place: str) -> Fault:
        """What happens to the next call."""
        service = place.partition(":")[0]
        with self._drawing:
            name, fault = self._drawn(service)
            self.faults[name] += 1
        return _Counted(self, fault, arrives=fault.arrives)

    def _drawn(self, service: str) -> tuple[str, Fault]:
        source = self._source
        known = service in _SINKS or service in CODES
        if not known or source.random() >= self._share:
            return "accepted", _Accept(service)
        codes = CODES[_SINKS.get(service, service)]
        name = source.choice(["throttled", "server error", "some refused", "reset", "response lost", "slow"])
        if name == "throttled":
            return name, Refuse(400, codes.throttled)
        if name == "server error":
            return name, Refuse(503)
        if name == "some refused":
            return name, _Accept(service, frozenset(source.sample(range(10), 4)))
        if name == "slow":
            return name, Silence(stored=True, seconds=source.uniform(0, 0.3))
        return name, Reset(stored=name == "response lost")


class _Counted(Fault):
    """Counts which client made the call."""

    def __init__(self, aws: ChaoticAws, fault: Fault, *, arrives: bool) -> None:
        self._aws, self._fault, self.arrives = aws, fault, arrives

    def apply(self, call: Call) -> None:
        """Handles the request."""
        agent = call.headers.get("User-Agent", "")
        self._aws.clients["botocore" if "botocore" in agent.lower() else "direct"] += 1
        self._fault.apply(call)
