"""What ``trailforward audit`` knows beside the log files: configuration, ARNs, and snapshot."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.arn import Arn
from trailforward.cli._options import load_config
from trailforward.cli._world import read_snapshot, stop
from trailforward.patterns import Pattern

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from trailforward.audit.changes import Change
    from trailforward.audit.classes import Classifier
    from trailforward.config import Config
    from trailforward.doctor import World


#: Position of the Region's folder below ``AWSLogs/``: account, ``CloudTrail``, Region.
_REGION = 2


class Known(NamedTuple):
    """What explains that events are missing.

    Attributes:
        config: of the forwarder, or None.
        sink: name of the sink whose events are audited; empty for all.
        arns: of the forwarder's role and resources.
        world: the snapshot, or None.
        rule: names of rules that are not in the snapshot, with ``*``.
    """

    config: Config | None
    sink: str
    arns: Sequence[str]
    world: World | None
    rule: str

    @property
    def sinks(self) -> tuple[str, ...] | None:
        """Names of all sinks; None without a configuration."""
        return tuple(self.config.sinks) if self.config is not None else None

    def classifier(self, changes: Sequence[Change], young: str) -> Classifier:
        """What names the reasons.

        Args:
            changes: from the log files.
            young: ``eventTime`` from which on an event is pending.
        """
        from trailforward.audit.classes import Classifier
        from trailforward.audit.reasons import reasons, routed
        from trailforward.audit.rules import Rules
        from trailforward.pipeline.left_out import LeftOut

        config = self.config
        return Classifier(
            Rules(self.world, changes, self.rule),
            young,
            routed(config, self.sink) if config is not None else None,
            LeftOut(config, tuple(self.arns), self.sink) if config is not None else None,
            reasons(self.world),
        )

    def fingerprint(self, young: str) -> str:
        """A hash of the content of all this, so that explanations are made again when it changes."""
        world = self.world.to_json() if self.world is not None else None
        values = [_plain(self.config), self.sink, self.arns, world, self.rule, young]
        text = json.dumps(values, sort_keys=True)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def read_known(config: str | None, sink: str, arns: Sequence[str], snapshot: Path | None, rule: str) -> Known:
    """Reads the configuration and the snapshot.

    Raises:
        typer.Exit: with 2; an option, or what it names, is wrong.
    """
    loaded = load_config(config).config if config is not None else None
    if loaded is not None and sink and sink not in loaded.sinks:
        stop(f"--sink {sink}: the configuration has the sinks {', '.join(loaded.sinks)}.")
    for arn in arns:
        try:
            Arn.parse(arn)
        except ValueError as error:
            stop(f"--own-role {arn}: {error}.")
    return Known(loaded, sink, arns, read_snapshot(snapshot) if snapshot is not None else None, rule)


class Trail(NamedTuple):
    """Which log files to read: the location above ``AWSLogs/``, accounts, and Regions; if empty, all."""

    place: str
    accounts: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()


def trail_at(place: str, accounts: Sequence[str] = (), regions: Sequence[str] = ()) -> Trail:
    """The trail of a location at, above, or below ``AWSLogs/``.

    Args:
        place: the location. An account and Region in it count if the options name none.
        accounts: of the options.
        regions: of the options.
    """
    head, found, rest = f"{place}/".partition("/AWSLogs/")
    names = [name for name in rest.split("/") if name]
    if names and re.fullmatch("o-[a-z0-9]{10,32}", names[0]):
        names = names[1:]
    if names and re.fullmatch("[0-9]{12}", names[0]):
        accounts = accounts or names[:1]
        regions = regions or names[_REGION : _REGION + 1]
    return Trail(f"{head}/" if found else place, tuple(accounts), tuple(regions))


def _plain(value: Any) -> Any:
    """Values of a configuration as JSON."""
    if isinstance(value, Pattern):
        return value.text
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    return [type(value).__name__, _plain(vars(value))] if hasattr(value, "__dict__") else repr(value)
