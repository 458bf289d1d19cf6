"""``trailforward tail``: shows events of all Regions live, without deploying anything."""

from __future__ import annotations

import json
import re
import signal
import sys
import time
from collections import OrderedDict
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from trailforward.cli._completion import complete_detection
from trailforward.cli._world import stop
from trailforward.errors import EventError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from trailforward.detections import Detection
    from trailforward.message import Message
    from trailforward.patterns import Pattern, PatternSet
    from trailforward.tail.taps import Place

#: What CloudTrail sends to EventBridge.
EVERYTHING = {"detail-type": [{"suffix": " via CloudTrail"}]}
#: The longest pattern of a rule, in characters.
#: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
_MAX_PATTERN = 2_048
_UNITS = {"s": 1, "m": 60, "h": 3_600}
_LONGEST = timedelta(hours=12)
#: How long after its end a run may still be removing its resources.
_GRACE = timedelta(minutes=5)
#: Events that are remembered, because EventBridge and SQS may deliver an event twice.
_REMEMBERED = 10_000


def _duration(text: str) -> timedelta:
    found = re.fullmatch(r"(\d{1,6})([smh])", text.strip())
    seconds = timedelta(seconds=int(found[1]) * _UNITS[found[2]]) if found else timedelta()
    if not timedelta() < seconds <= _LONGEST:
        raise typer.BadParameter(f"{text} is not a duration of at most 12h; write 30s, 10m, or 2h.")
    return seconds


def tail(  # noqa: PLR0913, PLR0917  # the options of a command
    region: Annotated[
        list[str] | None,
        typer.Option(metavar="REGION", help="Only this Region. Repeatable. Default: all that are enabled."),
    ] = None,
    match: Annotated[
        str,
        typer.Option(
            metavar="PATTERN",
            help="Only events that match: JSON, a file, or the @NAME of a detection.",
            autocompletion=complete_detection,
        ),
    ] = "",
    source: Annotated[
        str,
        typer.Option(
            "--from", metavar="ARN", help="Read this queue or Kinesis stream instead; creates nothing."
        ),
    ] = "",
    consume: Annotated[  # noqa: FBT002  # a flag
        bool,
        typer.Option("--consume", help="With --from: delete each message of the queue when it is shown."),
    ] = False,
    read_only: Annotated[  # noqa: FBT002  # a flag
        bool, typer.Option("--read-only-events", help="Also show read-only management events: many more.")
    ] = False,
    lasting: Annotated[
        timedelta,
        typer.Option("--for", parser=_duration, metavar="DURATION", help="End after 30s, 10m, or 2h."),
    ] = "1h",  # type: ignore[assignment]  # Typer parses it
    as_json: Annotated[  # noqa: FBT002  # a flag
        bool, typer.Option("--json", help="Print each event as it is, one per line.")
    ] = False,
    yes: Annotated[  # noqa: FBT002  # a flag
        bool, typer.Option("--yes", help="Do not ask for confirmation.")
    ] = False,
) -> None:
    """Show events live, from all Regions of the account, without deploying anything.

    It creates a rule and a queue in each Region, and removes them at the end. What a crash leaves behind
    expires, and the next run removes it. The time is that of the call, in UTC; colors show the severity of
    the shipped detections that match.

    Exit status: 0 the time is over, 1 something could not be removed, 2 wrong options, or no Region can be
    connected, 130 ended with Ctrl-C.
    """
    shown = _Shown(_pattern(match), as_json=as_json)
    with _ending_cleanly():
        try:
            client = _clients()
            if source:
                _read_existing(source, client, shown, consume=consume, until=lasting)
            else:
                _read_live(client, region or [], shown, lasting, read_only=read_only, yes=yes)
        except MissingExtraError as error:
            stop(str(error))


def _pattern(match: str) -> Pattern:
    from trailforward.cli.match import read_pattern
    from trailforward.patterns import Pattern

    return read_pattern(match) if match else Pattern(EVERYTHING)


def _clients() -> Callable[[str, str], Any]:
    """A function that creates botocore clients from a service and a Region."""
    from trailforward.aws.session import make_client, new_session, require_botocore

    require_botocore("trailforward tail")
    session = new_session(regional_sts=True)
    return lambda service, region: make_client(
        service, region, connect_timeout=5.0, read_timeout=30.0, attempts=4, session=session
    )


@contextmanager
def _ending_cleanly() -> Iterator[None]:
    """Ends as with Ctrl-C when the terminal is closed or the process is asked to end."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _read_existing(
    arn: str, client: Callable[[str, str], Any], shown: _Shown, *, consume: bool, until: timedelta
) -> None:
    from botocore.exceptions import BotoCoreError, ClientError

    from trailforward.tail.existing import open_existing
    from trailforward.tail.taps import TapError

    try:
        read = open_existing(arn, client, consume=consume)
        typer.echo(f"{arn}: connected", err=True)
        end = time.monotonic() + until.total_seconds()
        while (left := end - time.monotonic()) > 0:
            for record in read(left):
                shown.show(record)
    except (BotoCoreError, ClientError, TapError) as error:
        stop(f"{arn} cannot be read: {error}" if not isinstance(error, TapError) else str(error))


def _read_live(
    client: Callable[[str, str], Any],
    regions: list[str],
    shown: _Shown,
    lasting: timedelta,
    *,
    read_only: bool,
    yes: bool,
) -> None:
    from trailforward.tail.live import Live
    from trailforward.tail.taps import Tap, new_name

    places = _places(client, regions)
    name = new_name(datetime.now(UTC) + lasting + _GRACE)
    _confirm(places, name, yes=yes)
    _remove_leftovers(places, client)
    live = Live(
        [Tap(place, name, client) for place in places],
        _rule_pattern(shown.pattern),
        read_only_events=read_only,
        note=lambda text: typer.echo(text, err=True),
    )
    shown.skip = name
    try:
        live.start()
        for record in live.records(time.monotonic() + lasting.total_seconds()):
            shown.show(record)
    finally:
        typer.echo("Removing the rules and queues …", err=True)
        left = live.remove()
        for problem in left:
            typer.echo(problem, err=True)
        typer.echo("Everything is removed." if not left else _LEFT, err=True)
    if left:
        raise typer.Exit(1)
    if not live.connected:
        raise typer.Exit(2)


_LEFT = (
    "The next run removes what is left, after the time in its name. "
    "`trailforward iam tail` prints the policy that tail needs."
)


def _places(client: Callable[[str, str], Any], regions: list[str]) -> list[Place]:
    """Account and Regions; stops if AWS does not accept the credentials."""
    from botocore.exceptions import BotoCoreError, ClientError

    from trailforward.tail.taps import Place

    try:
        me = client("sts", "").get_caller_identity()
        if not regions:
            found = client("ec2", "").describe_regions(AllRegions=False)["Regions"]
            regions = sorted(each["RegionName"] for each in found)
    except (BotoCoreError, ClientError) as error:
        stop(f"AWS cannot be read: {error}\n`trailforward iam tail` prints the policy that tail needs.")
    return [Place(me["Arn"].split(":")[1], me["Account"], name) for name in dict.fromkeys(regions)]


def _confirm(places: list[Place], name: str, *, yes: bool) -> None:
    names = ", ".join(place.region for place in places)
    typer.echo(
        f"This creates an EventBridge rule and an SQS queue in {len(places)} Regions of account "
        f"{places[0].account} ({names}).\nBoth are named {name}. It removes them at the end.\n"
        f"It makes about {len(places) * 180:,} requests to SQS an hour.",
        err=True,
    )
    if not yes and not sys.stdin.isatty():
        stop("Fix: add --yes, because nobody can be asked here.")
    if not yes and not typer.confirm("Continue?", err=True):
        raise typer.Exit(2)


def _remove_leftovers(places: list[Place], client: Callable[[str, str], Any]) -> None:
    """Removes what crashed runs left behind; a Region that cannot be read is reported when it connects."""
    from concurrent.futures import ThreadPoolExecutor

    from botocore.exceptions import BotoCoreError, ClientError

    from trailforward.tail.taps import expired

    def clean(place: Place) -> list[str]:
        try:
            return [
                problem or f"{place.region}: removed {tap.name}, which an earlier run left behind"
                for tap in expired(place, datetime.now(UTC), client)
                for problem in tap.remove() or [""]
            ]
        except (BotoCoreError, ClientError):
            return []

    with ThreadPoolExecutor(16) as pool:
        for sentences in pool.map(clean, places):
            for sentence in sentences:
                typer.echo(sentence, err=True)


def _rule_pattern(pattern: Pattern) -> str:
    """The pattern of the rules; events are matched here, too, so a rule may let more through."""
    text = json.dumps(json.loads(pattern.text), separators=(",", ":"))
    return text if len(text) <= _MAX_PATTERN else json.dumps(EVERYTHING)


class _Shown:
    """Prints the events that match, each once.

    Attributes:
        skip: the name of the run's own resources: calls about them are not shown.
    """

    def __init__(self, pattern: Pattern, *, as_json: bool) -> None:
        self.skip = ""
        self.pattern = pattern
        self._as_json = as_json
        self._console = Console(highlight=False, soft_wrap=True)
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._detections, self._patterns = _detections()

    def show(self, record: dict[str, Any]) -> None:
        """Prints the events of one record of a Lambda payload."""
        from trailforward.sources import detect, examined
        from trailforward.sources.base import ObjectReader

        payload, reader = {"Records": [record]}, ObjectReader()
        for message in examined(detect(payload).messages(payload, reader), reader):
            try:
                if self._wanted(message):
                    self._print(message)
            except EventError as error:
                typer.echo(f"{message.origin.ref}: not an event: {error}", err=True)

    def _wanted(self, message: Message) -> bool:
        from trailforward.tail.taps import is_own_call

        if not self.pattern.matches(message.event) or message.key in self._seen:
            return False
        if self.skip and is_own_call(message.record, self.skip):
            return False
        self._seen[message.key] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return True

    def _print(self, message: Message) -> None:
        from trailforward.jsontext import on_one_line
        from trailforward.tail.line import STYLES, line

        if self._as_json:
            sys.stdout.buffer.write(on_one_line(message.body) + b"\n")
            sys.stdout.buffer.flush()
            return
        found = [self._detections[number] for number in self._patterns.matching_positions(message.event)]
        it = line(message, found)
        text = Text.assemble(
            (it.time, "dim"),
            " ",
            (it.region, "cyan"),
            " ",
            (it.account, "dim"),
            " ",
            (it.call, "bold"),
            " ",
            it.rest,
        )
        if it.detections:
            text.append(f"  [{it.severity}: {', '.join(it.detections)}]", STYLES[it.severity])
        self._console.print(text)


def _detections() -> tuple[list[Detection], PatternSet]:
    from trailforward import detections
    from trailforward.patterns import Pattern, PatternSet

    known = detections.load_all()
    return list(known.values()), PatternSet({name: Pattern(each.pattern) for name, each in known.items()})
