"""``make demo-audit``: a day in 13 Regions with planted faults, its audit, the repair, and a second audit."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from tests.support.digest_chain import DigestChain, public_keys
from tests.support.trail_bucket import TrailBucket, dumps, envelope, record

FOLDER = Path("build/demo-audit")
REGIONS = (
    "ap-northeast-1",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-2",
)
HOURS, STEP, EVENTS = 24, 10, 10
#: Region of each fault.
DISABLED, STOPPED, DELETED = "ap-south-1", "eu-north-1", "sa-east-1"
#: First and last hour without a rule, and without a trail.
BLIND = range(10, 14)
SILENT = range(15, 17)
#: Region, minute, and position of each lost event.
LOST = (
    ("us-east-1", 90, 3),
    ("us-east-1", 620, 7),
    ("eu-west-1", 300, 1),
    ("ap-southeast-2", 1010, 5),
    ("ca-central-1", 1210, 9),
)
DELETED_MINUTE = 480


class Day:
    """Writes the trail's log files and digests, and what arrived."""

    def __init__(self, folder: Path) -> None:
        self.trail = folder / "trail"
        self.bucket = TrailBucket(self.trail)
        self.arrived: list[dict[str, Any]] = []
        self.recorded = 0
        self.lost: set[str] = set()
        self.deleted = ""
        for number, region in enumerate(REGIONS):
            self._region(number, region)
        (folder / "delivered" / "2026" / "11" / "26").mkdir(parents=True)
        self.forged = record(999_999, eventName="DeleteTrail", eventTime="2026-11-26T11:11:11Z")["eventID"]
        forged = record(999_999, eventName="DeleteTrail", eventTime="2026-11-26T11:11:11Z")
        lines = [dumps(envelope(one)) for one in (*self.arrived, forged)]
        (folder / "delivered" / "2026" / "11" / "26" / "events.ndjson").write_text("\n".join(lines) + "\n")
        (folder / "keys.json").write_text(json.dumps(public_keys()))

    def _region(self, number: int, region: str) -> None:
        chain = DigestChain(self.trail, region=region, trail="example")
        chain.hourly(-1, 0, [])
        for hour in range(HOURS + 2):
            if region == STOPPED and hour in SILENT:
                chain.restart()
                continue
            logs = [
                self._log_file(number, region, minute)
                for minute in range(60 * hour, 60 * hour + 60, STEP)
                if hour < HOURS
            ]
            chain.put(hour, logs)
        if region == DELETED:
            (self.trail / self.deleted).unlink()

    def _log_file(self, number: int, region: str, minute: int) -> str:
        hour = minute // 60
        records = []
        for position in range(EVENTS):
            one = record(
                10_000 * EVENTS * number + EVENTS * minute + position,
                awsRegion=region,
                eventTime=f"2026-11-26T{hour:02}:{minute % 60:02}:0{position}Z",
                readOnly=position % 2 == 0,
                eventName="ListUsers" if position % 2 == 0 else "CreateUser",
            )
            records.append(one | self._change(region, minute, position))
        self.recorded += len(records)
        for position, one in enumerate(records):
            blind = region == DISABLED and hour in BLIND and "Rule" not in one["eventName"]
            if (region, minute, position) in LOST:
                self.lost.add(one["eventID"])
            elif not one["readOnly"] and not blind:
                self.arrived.append(one)
        key = self.bucket.put(minute, records, region=region)
        if (region, minute) == (DELETED, DELETED_MINUTE):
            self.deleted = key
        return key

    @staticmethod
    def _change(region: str, minute: int, position: int) -> dict[str, Any]:
        """The calls that disable and enable the rule, and stop and start the trail."""
        rule = {"eventSource": "events.amazonaws.com", "requestParameters": {"name": "trailforward-events"}}
        trail = {"eventSource": "cloudtrail.amazonaws.com", "requestParameters": {"name": "example"}}
        calls = {
            (DISABLED, 60 * BLIND[0], 1): rule | {"eventName": "DisableRule"},
            (DISABLED, 60 * BLIND[-1] + 50, 9): rule | {"eventName": "EnableRule"},
            (STOPPED, 60 * SILENT[0] - STEP, 9): trail | {"eventName": "StopLogging"},
            (STOPPED, 60 * SILENT[-1] + 60, 1): trail | {"eventName": "StartLogging"},
        }
        return calls.get((region, minute, position), {})


def say(text: str) -> None:
    """Prints a line as it is."""
    Console().print(text, markup=False, highlight=False, soft_wrap=True)


def command(name: str, *options: str) -> tuple[int, str]:
    """Runs the command, prints its output, and returns the exit status and standard output."""
    shown = [f"'{one}'" if " " in one else one for one in options]
    say(f"\n$ trailforward {name} {' '.join(shown)}")
    line = [sys.executable, "-m", "trailforward", name, *options]
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=300)
    say(f"{done.stdout}{done.stderr}exit status {done.returncode}")
    return done.returncode, done.stdout


def main() -> int:
    """Plants the faults, runs the commands, and compares; 0 if everything was named and repaired."""
    began = time.perf_counter()
    shutil.rmtree(FOLDER, ignore_errors=True)
    day = Day(FOLDER)
    say(f"{day.recorded:,} events recorded in {len(REGIONS)} Regions, {len(day.arrived):,} arrived.")
    trail, missing = str(FOLDER / "trail"), str(FOLDER / "missing.ndjson")
    places = ["--trail", trail, "--delivered", str(FOLDER / "delivered")]
    window = ["--since", "2026-11-26T00:00Z", "--until", "2026-11-27T00:00Z", "--wait", "0"]
    digests = ["--digests", "--public-keys", str(FOLDER / "keys.json")]
    first, text = command("audit", *places, *window, *digests, "--missing", missing)
    listed = {json.loads(line)["eventID"] for line in Path(missing).read_text().splitlines()}
    page = FOLDER / "audit.html"
    command("audit", *places, *window, *digests, "--format", "html", "--output", str(page))
    to = f"file:{FOLDER / 'delivered' / '2026' / '11' / '26' / 'repaired.ndjson'}"
    repaired, _ = command("repair", "--missing", missing, "--trail", trail, "--to", to)
    again, _ = command("repair", "--missing", missing, *places, "--to", to)
    second, clean = command("audit", *places, *window)
    seen = " ".join(text.split())
    # All but the two calls themselves, and a read-only event just before the first one.
    blind = len(BLIND) * 60 // STEP * EVENTS - 3
    checks = {
        f"disabled rule in {DISABLED}": f"{blind} rule_disabled DisableRule of rule trailforward-events"
        in seen,
        f"deleted log file in {DELETED}": f"LOG_MISSING {DELETED}" in seen and day.deleted in seen,
        f"stopped trail in {STOPPED}": f"CHAIN_RESTARTED {STOPPED}" in seen
        and "StopLogging of example" in seen,
        "forged event": f"not recorded: {day.forged}" in seen,
        f"{len(LOST)} lost events": first == 1 and listed == day.lost,
        "report page": day.deleted in page.read_text("utf-8"),
        "repair": repaired == 0,
        "second repair sends nothing": again == 0,
        "second audit is clean": second == 0 and "events that should have arrived" not in clean,
    }
    say("")
    for name, found in checks.items():
        say(f"  {'found' if found else 'MISSED':<8}{name}")
    say(f"The report page: {page}")
    say(f"{time.perf_counter() - began:.1f} s")
    return 0 if all(checks.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
