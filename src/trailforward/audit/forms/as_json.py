"""The report as JSON: everything but the list of missing events, which ``--missing`` writes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from trailforward._version import __version__
from trailforward.audit.classes import CLASSES
from trailforward.audit.forms.summary import proof, statements

if TYPE_CHECKING:
    from trailforward.audit.report import Result

_MINUTES = "%Y-%m-%dT%H:%MZ"


def to_json(result: Result) -> str:
    """The report as a JSON object."""
    totals = result.totals
    report = {
        "version": __version__,
        "audited": f"{result.time:{_MINUTES}}",
        "statements": statements(result),
        "since": f"{result.since:{_MINUTES}}",
        "until": f"{result.until:{_MINUTES}}",
        "trail": result.trail,
        "delivered_from": result.delivered_from,
        "accounts": list(result.accounts),
        "regions": list(result.regions),
        "sink": result.sink,
        "log_files": result.log_files,
        "recorded": totals["recorded"],
        "repeats": totals["repeats"],
        "arrived": totals["arrived"],
        "classes": {name: totals[name] for name in CLASSES if totals[name]},
        "delivered": result.delivered,
        "duplicates": result.duplicates,
        "compared": result.compared,
        "altered": result.altered,
        "altered_examples": [one._asdict() for one in result.altered_examples],
        "unrecorded": result.unrecorded,
        "unrecorded_examples": result.unrecorded_examples,
        "places": [
            {"account": account, "region": region, "hour": hour, **counts}
            for (account, region, hour), counts in result.places.items()
        ],
        "reasons": [
            dict(zip(("class", "account", "region", "why"), key, strict=True), records=count)
            for key, count in result.whys.items()
        ],
        "changes": [change._asdict() for change in result.changes],
        "assumptions": result.assumptions,
        "problems": result.problems,
        "digests": result.digests.as_json() if result.digests is not None else None,
        "proof": list(proof(result)),
        "exit_status": result.exit_code,
    }
    return json.dumps(report, indent=2)
