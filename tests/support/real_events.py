"""Envelopes of real CloudTrail records, from the corpus that TRAILFORWARD_CORPUS names."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trailforward.patterns.cloudtrail import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator


def real_events() -> Iterator[dict[str, Any]]:
    """Envelopes of records that came from AWS unedited; other files of the corpus have edited values."""
    folder = Path(os.environ["TRAILFORWARD_CORPUS"])
    names = {kind.event_types[0]: kind.detail_types[0] for kind in KINDS}
    for name in ("envelopes-from-records", "invictus-ir__aws_dataset"):
        for line in folder.joinpath(f"{name}.ndjson").read_bytes().split(b"\n"):
            record = json.loads(line or b"{}")
            if "detail" in record:
                yield record
            elif record:
                source = "aws." + record["eventSource"].partition(".")[0]
                kind = names[record["eventType"]]
                yield {"source": source, "detail-type": kind, "detail": record}
