"""Checks CloudTrail's digests: signatures, links, hashes, and what no digest covers."""

from __future__ import annotations

from collections import defaultdict, deque
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from trailforward.audit.digest_chain import check_chain
from trailforward.audit.digest_file import Digest, DigestError, parse_name, read_digest, signed, text_hash
from trailforward.audit.digest_report import CODES, DigestFinding, DigestReport
from trailforward.audit.digest_spans import spans
from trailforward.audit.places import FOLDERS
from trailforward.audit.plan import name_of
from trailforward.errors import EventError, StorageError
from trailforward.storage.log_keys import log_files, parse_key

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from trailforward.audit.digest_file import Log, Named
    from trailforward.audit.digest_keys import Keys
    from trailforward.audit.digest_state import KeptChecks
    from trailforward.storage import Location, Store, StoredFile
    from trailforward.storage.log_keys import LogKey

_Item = TypeVar("_Item")
_Found = TypeVar("_Found")

#: CloudTrail writes a digest every hour; it needs some time for it.
_HOUR, _SETTLED = timedelta(hours=1), timedelta(hours=2)
#: The time in a log file's name may be so long before its delivery, by which digests count.
_LATE = timedelta(minutes=20)
#: Backfill digests may come later than the hourly ones.
_BACKFILL = timedelta(days=1)
_WORKERS = 16


class Place(NamedTuple):
    """An account and Region below one folder ``AWSLogs/`` or ``AWSLogs/o-…/``."""

    root: str
    account: str
    region: str


class Read(NamedTuple):
    """A valid digest: its key, what its name says, and its content."""

    key: LogKey
    name: Named
    digest: Digest


def check_digests(  # noqa: PLR0913  # the options of a command
    store: Store,
    since: datetime,
    until: datetime,
    accounts: Collection[str],
    regions: Collection[str],
    keys: Keys,
    *,
    original: Location | None = None,
    now: datetime | None = None,
    show: Callable[[str, int, int], None] = lambda *_: None,
    kept: KeptChecks | None = None,
) -> DigestReport:
    """Checks the digests of the log files that CloudTrail delivered in a window.

    Args:
        store: the bucket, or a copy of it in a folder or another bucket.
        since: the first delivery time of log files.
        until: the time after the last one.
        accounts: IDs; if empty, all.
        regions: if empty, all.
        keys: public keys.
        original: where CloudTrail wrote the files, if ``store`` is a copy. For a folder, the digests say it.
        now: the time; digests of the last two hours may be missing.
        show: gets what is checked, how many accounts and Regions are done, and of how many.
        kept: the checks of an audit that was stopped; None to check everything.

    Raises:
        StorageError: the location cannot be listed.
    """
    now = now or datetime.now(UTC)
    digests: dict[Place, list[LogKey]] = defaultdict(list)
    logs: dict[Place, dict[str, LogKey]] = defaultdict(dict)
    files: dict[Place, list[StoredFile]] = defaultdict(list)
    end = until + max(_SETTLED, _BACKFILL)
    for key, file in log_files(store, since, end, accounts or None, regions or None, "CloudTrail-Digest"):
        named = parse_name(key.key.rpartition("/")[2])
        if named is None or named.backfill or key.time < until + _SETTLED:
            digests[_place(key)].append(key)
            files[_place(key)].append(file)
    for folder in FOLDERS:
        for key, file in log_files(store, since, until, accounts or None, regions or None, folder):
            logs[_place(key)][key.key] = key
            files[_place(key)].append(file)
    report = DigestReport()
    if not digests and logs:
        count = sum(len(found) for found in logs.values())
        report.unproven = count
        text = f"no digests for {count:,} log files. Turn on log file validation of the trail"
        report.findings.append(DigestFinding("NO_DIGESTS", CODES["NO_DIGESTS"][0], "", "", "", text))
        return report
    window = since, until, min(until, now - _SETTLED)
    places = sorted({*digests, *logs})
    with ThreadPoolExecutor(_WORKERS) as pool:
        for done, place in enumerate(places):
            name = name_of("digests", place, str(store.location), original, window, files[place])
            name += f"-{kept.keys}" if kept is not None else ""
            part = kept.find(name) if kept is not None else None
            if part is None:
                part = DigestReport()
                check = _Check(store, keys, original, part, place, pool)
                check.run(digests.get(place, []), logs.get(place, {}), *window)
                if kept is not None:
                    kept.keep(name, part)
            report.add(part)
            show("digests", done + 1, len(places))
    report.findings.sort(key=lambda one: (one.account, one.region, one.key, one.code))
    return report


class _RejectedError(Exception):
    """A digest proves nothing. Has the code of the finding, and its sentence."""

    def __init__(self, code: str, text: str) -> None:
        self.code = code
        self.text = text
        super().__init__(text)


class _Check:
    """Checks one account and Region."""

    def __init__(
        self,
        store: Store,
        keys: Keys,
        original: Location | None,
        report: DigestReport,
        place: Place,
        pool: ThreadPoolExecutor,
    ) -> None:
        self._store = store
        self._keys = keys
        self._report = report
        self._place = place
        self._pool = pool
        location = store.location
        self._rejected: list[tuple[LogKey, str]] = []
        self._origin: tuple[str, str] | None = None
        if original is not None or location.bucket:
            self._origin = ((original or location).bucket, (original or location).path)

    def run(
        self,
        keys: list[LogKey],
        logs: dict[str, LogKey],
        since: datetime,
        until: datetime,
        settled: datetime,
    ) -> None:
        """Checks digests and log files of a window; digests must be there up to ``settled``."""
        if not keys:
            self._report.unproven += len(logs)
            self._add("NO_DIGESTS", "", f"no digests for {len(logs):,} log files")
            self._add_spans([], since, until, settled)
            return
        found = [one for one in self._ahead(self._read, keys) if one is not None]
        self._origin = self._origin or _most_common(found)
        valid = [one for one in found if self._in_place(one)]
        self._report.digests += len(valid)
        chains: dict[Named, list[Read]] = defaultdict(list)
        for one in valid:
            chains[one.name].append(one)
        listed = {key.key for key in keys}
        for name, chain in sorted(chains.items()):
            ordered = {self._key(one.digest.bucket, one.digest.object): one.digest for one in chain}
            for code, key, text in check_chain(name, ordered, listed, since, settled, self._key):
                self._add(code, key, text)
        self._add_spans(valid, since, until, settled)
        self._check_logs(valid, logs, since, until, settled)

    def _add_spans(self, valid: list[Read], since: datetime, until: datetime, settled: datetime) -> None:
        """Adds which time the digests cover."""
        known = [(one.name, one.digest) for one in valid]
        place = self._place.account, self._place.region
        self._report.spans += spans(*place, known, self._rejected, since, until, settled)

    def _read(self, key: LogKey) -> Read | None:
        try:
            return self._valid(key)
        except _RejectedError as why:
            self._add(why.code, key.key, why.text)
            self._rejected.append((key, why.code))
            return None

    def _valid(self, key: LogKey) -> Read:
        name = parse_name(key.key.rpartition("/")[2])
        if name is None:
            raise _RejectedError("DIGEST_MOVED", "its name is not that of a digest")
        try:
            digest = read_digest(self._store.read(key.key), self._store.metadata(key.key))
        except StorageError as error:
            raise _RejectedError("DIGEST_UNREADABLE", f"it could not be read: {error}") from None
        except DigestError as error:
            raise _RejectedError("DIGEST_DAMAGED", f"it cannot be parsed: {error}") from None
        if not digest.signature:
            text = "it has no signature in its metadata. Copy digests with their metadata"
            raise _RejectedError("DIGEST_UNSIGNED", text)
        public = None
        for region in dict.fromkeys((key.region, name.home)):
            public = public or self._keys.find(region, digest.fingerprint, digest.generated)
        if public is None:
            why = self._keys.problem(key.region) or f"there is none in {key.region}"
            text = f"the public key {digest.fingerprint[:64]} was not found: {why}"
            raise _RejectedError("DIGEST_KEY", text)
        if not signed(digest, public):
            text = "its signature does not fit: it was altered, or its metadata was"
            raise _RejectedError("DIGEST_SIGNATURE", text)
        return Read(key, name, digest)

    def _in_place(self, one: Read) -> bool:
        """Whether a digest is where CloudTrail wrote it. The signature covers only what the digest says."""
        if self._key(one.digest.bucket, one.digest.object) == one.key.key:
            return True
        text = f"CloudTrail wrote it to s3://{one.digest.bucket}/{one.digest.object}, and somebody copied it"
        self._add("DIGEST_MOVED", one.key.key, text)
        self._rejected.append((one.key, "DIGEST_MOVED"))
        return False

    def _key(self, bucket: str, key: str) -> str:
        """The key below the location; empty if CloudTrail wrote the file elsewhere."""
        origin, prefix = self._origin or ("", "")
        return key[len(prefix) :] if bucket == origin and key.startswith(prefix) else ""

    def _check_logs(
        self,
        valid: list[Read],
        logs: dict[str, LogKey],
        since: datetime,
        until: datetime,
        settled: datetime,
    ) -> None:
        named: dict[str, Log] = {}
        for one in valid:
            for log in one.digest.logs:
                key = self._key(log.bucket, log.object)
                if not key:
                    text = f"its log file is s3://{log.bucket}/{log.object}, which was not read"
                    self._add("LOG_ELSEWHERE", one.key.key, text)
                elif (parsed := parse_key(key)) is None or since <= parsed.time < until:
                    named[key] = log
        found = [(key, log.sha256) for key, log in sorted(named.items())]
        self._report.logs += sum(self._ahead(self._fits, found))
        self._check_others([logs[key] for key in sorted(logs.keys() - named.keys())], named, valid, settled)

    def _fits(self, wanted: tuple[str, str]) -> bool:
        key, expected = wanted
        try:
            found = text_hash(self._store.read(key))
        except StorageError as error:
            if error.code == "not_found":
                self._add("LOG_MISSING", key, "a digest names it, and it was deleted")
            else:
                self._add("LOG_UNREADABLE", key, f"it could not be read: {error}")
            return False
        except EventError as error:
            self._add("LOG_CHANGED", key, f"it cannot be decompressed: {error}")
            return False
        if found != expected:
            self._add("LOG_CHANGED", key, "its text has another hash than in its digest")
        return found == expected

    def _check_others(
        self, others: list[LogKey], named: dict[str, Log], valid: list[Read], settled: datetime
    ) -> None:
        """Sorts the log files that are in no valid digest."""
        folders = {"CloudTrail", *(key.folder for one in named if (key := parse_key(one)) is not None)}
        hourly = [one.digest for one in valid if not one.name.backfill]
        groups: dict[str, list[LogKey]] = defaultdict(list)
        for key in others:
            if key.folder not in folders:
                groups["LOGS_OUTSIDE"].append(key)
            elif _covered(hourly, key.time):
                text = "no digest names it, although digests cover its time: somebody may have added it"
                self._add("LOG_NOT_IN_DIGEST", key.key, text)
            elif key.time + _LATE > settled:
                groups["LOGS_PENDING"].append(key)
            else:
                groups["LOGS_UNPROVEN"].append(key)
        for code, keys in sorted(groups.items()):
            times = f"from {keys[0].time:%Y-%m-%dT%H:%MZ} to {keys[-1].time:%Y-%m-%dT%H:%MZ}"
            text = f"{len(keys):,} log files delivered {times}, first {keys[0].key}: {CODES[code][1]}"
            self._add(code, "", text)
            self._report.unproven += len(keys)

    def _add(self, code: str, key: str, text: str) -> None:
        severity = CODES[code][0]
        finding = DigestFinding(code, severity, self._place.account, self._place.region, key, text)
        self._report.findings.append(finding)

    def _ahead(self, function: Callable[[_Item], _Found], items: Iterable[_Item]) -> Iterator[_Found]:
        """The results in the order of the items, of which some are computed ahead."""
        iterator = iter(items)
        ahead = deque(self._pool.submit(function, item) for item in islice(iterator, _WORKERS))
        while ahead:
            yield ahead.popleft().result()
            ahead.extend(self._pool.submit(function, item) for item in islice(iterator, 1))


def _place(key: LogKey) -> Place:
    root = key.key[: key.key.rindex(f"{key.account}/{key.folder}/")]
    return Place(root, key.account, key.region)


def _most_common(found: list[Read]) -> tuple[str, str] | None:
    """The bucket and prefix that most digests of a folder name."""
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for one in found:
        if one.digest.object.endswith(one.key.key):
            counts[one.digest.bucket, one.digest.object.removesuffix(one.key.key)] += 1
    return max(sorted(counts), key=lambda origin: counts[origin], default=None)


def _covered(digests: list[Digest], time: datetime) -> bool:
    """Whether digests cover the time in a log file's name, and the time in which it was delivered."""
    at, end = time, time + _LATE
    for digest in sorted(digests, key=lambda one: one.start):
        if digest.start <= at < digest.end:
            at = digest.end
    return at >= end
