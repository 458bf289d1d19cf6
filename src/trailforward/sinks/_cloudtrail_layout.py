"""CloudTrail's own layout of a bucket, so that readers of log files can read the objects of the S3 sink.

Sources, at docs.aws.amazon.com/awscloudtrail/latest/userguide/: get-and-view-cloudtrail-log-files.html
(folders) and cloudtrail-log-file-examples.html (names of log files). In siblings of ``CloudTrail``, names
contain the folder; this was observed for ``CloudTrail-Insight``, and is not documented.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from trailforward.errors import Cause, EventError
from trailforward.jsontext import decode
from trailforward.sinks.base import Rejection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trailforward.sinks._multi_call import SubBatch
    from trailforward.sinks.base import Entry

#: Bytes around the records, and between two of them.
HEAD, BETWEEN, TAIL = b'{"Records":[', b",", b"]}"

#: ``eventCategory`` → folder. Management and data events, and records before version 1.07, are in CloudTrail.
_FOLDERS = {
    "Insight": "CloudTrail-Insight",
    "NetworkActivity": "CloudTrail-NetworkActivity",
    "Aggregated": "CloudTrail-Aggregated",
}
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#: Names that the sink remembers: many more than the batches that are retried at the same time.
_REMEMBERED = 256


class Place(NamedTuple):
    """Where CloudTrail would put a record.

    Attributes:
        account: the account that records the event.
        folder: ``CloudTrail`` or one of its siblings.
        region: the Region of the event.
    """

    account: str
    folder: str
    region: str


def place_of(entry: Entry) -> Place | None:
    """The place of a record; None if no log file can contain the entry."""
    try:
        record = decode(entry.data)
    except EventError:
        return None
    # Every kind of record has a version, an ID, and a Region; findings, S3 notifications, and others do not.
    if not isinstance(record, dict) or not isinstance(record.get("eventVersion"), str):
        return None
    if not isinstance(record.get("eventID", record.get("eventId")), str):  # aggregated events have eventId
        return None
    # Insight events may lack recipientAccountId, and aggregated events have accountId instead.
    account = record.get("recipientAccountId") or record.get("accountId") or entry.fields.get("account", "")
    region = record.get("awsRegion")
    if not (isinstance(account, str) and re.fullmatch("[0-9]{12}", account)):
        return None
    if not (isinstance(region, str) and re.fullmatch("[a-z0-9-]{1,32}", region)):
        return None
    category = record.get("eventCategory")
    folder = _FOLDERS.get(category, "CloudTrail") if isinstance(category, str) else "CloudTrail"
    return Place(account, folder, region)


def places_of(batch: Sequence[Entry]) -> tuple[dict[int, Place], list[Rejection]]:
    """Index → place of each record, and rejections of the other entries."""
    places, rejections = {}, []
    for index, entry in enumerate(batch):
        if (place := place_of(entry)) is not None:
            places[index] = place
        else:
            text = "not a CloudTrail record with an account and a Region, so no log file can contain it"
            rejections.append(Rejection(index, "not_a_record", text, transient=False, cause=Cause.CONTENT))
    return places, rejections


def log_file(sub_batch: SubBatch) -> bytes:
    """A log file with the unchanged bytes of each record."""
    return HEAD + BETWEEN.join(entry.data for _, entry in sub_batch) + TAIL


class Names:
    """Keys of log files. The same content keeps its key while it is retried.

    Args:
        root: the beginning of all keys: ``PREFIX/AWSLogs/`` or ``PREFIX/AWSLogs/o-EXAMPLE/``.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._known: dict[bytes, str] = {}
        self._lock = threading.Lock()

    def key(self, place: Place, body: bytes) -> str:
        """The key of a log file, with the time of the first attempt to write it, as CloudTrail does."""
        digest = hashlib.sha256(body).digest()
        with self._lock:
            if (known := self._known.get(digest)) is not None:
                return known
            now = time.gmtime()
            account, folder, region = place
            key = (
                f"{self._root}{account}/{folder}/{region}/{time.strftime('%Y/%m/%d', now)}/"
                f"{account}_{folder}_{region}_{time.strftime('%Y%m%dT%H%MZ', now)}_{_unique(digest)}.json.gz"
            )
            if len(self._known) >= _REMEMBERED:
                del self._known[next(iter(self._known))]
            self._known[digest] = key
            return key


def _unique(digest: bytes) -> str:
    """16 letters and digits, as in CloudTrail's names, from a digest."""
    number, text = int.from_bytes(digest), ""
    for _ in range(16):
        number, place = divmod(number, len(_ALPHABET))
        text += _ALPHABET[place]
    return text
