"""Reads the files of both sides: a typed parser, and the tolerant scanner where that one fails.

The typed parser takes the last of two equal keys, decodes escaped keys, and reads no value that it does not
need; so does the scanner. A file whose records are not as many as they seem to be is left to the scanner.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from trailforward.audit.classes import MAX_EVENT
from trailforward.audit.pieces import Text, UnusualError, blocks_of, line_pieces, record_pieces
from trailforward.errors import EventError, MissingExtraError, NothingToForwardError
from trailforward.jsontext import parse_fast
from trailforward.sources import log_file

try:
    import msgspec
except ImportError:  # pragma: no cover  # the tests have it
    raise MissingExtraError("trailforward audit", "audit") from None

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

_UUID, _UUID_BYTES = 36, 16
_DASHES = (8, 13, 18, 23)
_KEY_BYTES = 8
_HASH_KEYS = 4
#: What the typed parser, or its user, raises for text that only the scanner reads.
_REFUSED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, UnusualError)


class _Short(msgspec.Struct, gc=False):
    eventID: Any = None  # noqa: N815  # CloudTrail's names
    eventId: Any = None  # noqa: N815  # aggregated events
    eventTime: Any = ""  # noqa: N815


class _Placed(_Short, gc=False):
    recipientAccountId: Any = None  # noqa: N815
    awsRegion: Any = None  # noqa: N815


class _Record(_Placed, gc=False):
    eventSource: Any = ""  # noqa: N815
    eventName: Any = ""  # noqa: N815
    readOnly: Any = None  # noqa: N815
    managementEvent: Any = None  # noqa: N815
    eventCategory: Any = None  # noqa: N815


class _Line(_Short, gc=False):
    detail: _Short | None = None
    Records: list[_Short] | None = None


class _PlacedLine(_Placed, gc=False):
    detail: _Placed | None = None
    Records: list[_Placed] | None = None


class _ExactLine(msgspec.Struct, gc=False):
    detail: msgspec.Raw = msgspec.Raw(b"")
    Records: list[msgspec.Raw] | None = None


_records = msgspec.json.Decoder(list[_Record])
_shorts = msgspec.json.Decoder(list[_Short])
_raws = msgspec.json.Decoder(list[msgspec.Raw])
_lines = msgspec.json.Decoder(_Line)
_placed = msgspec.json.Decoder(list[_Placed])
_placed_lines = msgspec.json.Decoder(_PlacedLine)
_exact_lines = msgspec.json.Decoder(_ExactLine)


class Log(NamedTuple):
    """What a log file says about its records, in order.

    Attributes:
        keys: 64 bits of each ID.
        checks: hashes of the bytes, 64 bits; 0 if not wanted.
        reading: 1 for each record that is certainly a read-only management event within EventBridge's limit,
            in the account and Region of ``place``.
        place: account and Region of the first record; empty texts if the scanner read the file.
        changes: indexes of the records whose ``eventSource`` and ``eventName`` are wanted.
    """

    keys: array[int]
    checks: array[int]
    reading: bytearray
    place: tuple[str, str]
    changes: list[int]


class Delivered(NamedTuple):
    """What a delivered file says about its events, in order.

    Attributes:
        keys: 64 bits of each ID.
        checks: hashes of the records' bytes, 64 bits; 0 if not wanted or not known.
        inside: 1 for each event whose ``eventTime`` is within the window.
    """

    keys: array[int]
    checks: array[int]
    inside: bytearray


def key_of(text: str) -> int:
    """64 bits for an event ID: both halves of a UUID, otherwise a hash of the text."""
    found = _uuid_keys([text])
    return found[0] if found else check_of(text.encode("utf-8", "surrogatepass"))


def keys_of(ids: Sequence[str]) -> array[int]:
    """The keys of many IDs.

    Raises:
        UnusualError: something is not a text.
    """
    try:
        return _uuid_keys(ids) or array("Q", map(key_of, ids))
    except TypeError:
        raise UnusualError from None


def _uuid_keys(ids: Sequence[str]) -> array[int] | None:
    """Both halves of some UUIDs, combined by XOR; None if one of them is not a UUID.

    One half is not enough: UUIDs that contain a time or a counter share it.
    """
    text, count = "".join(ids), len(ids)
    if set(map(len, ids)) - {_UUID} or any(text[at::_UUID] != "-" * count for at in _DASHES):
        return None
    try:
        digits = bytes.fromhex(text.replace("-", ""))
    except ValueError:
        return None
    # fromhex skips blanks, and further dashes are not digits.
    if len(digits) != _UUID_BYTES * count:
        return None
    halves = array("Q", digits)
    first, second = (int.from_bytes(halves[at::2].tobytes(), sys.byteorder) for at in (0, 1))
    return _big_endian(array("Q", (first ^ second).to_bytes(_KEY_BYTES * count, sys.byteorder)))


def _big_endian(found: array[int]) -> array[int]:
    if sys.byteorder == "little":
        found.byteswap()
    return found


def check_of(data: bytes | memoryview) -> int:
    """The first 64 bits of the SHA-256, which receipts may contain."""
    return int.from_bytes(sha256(data).digest()[:_KEY_BYTES], "big")


def _checks_of(texts: Iterable[Any], count: int, *, exact: bool) -> array[int]:
    if not exact:
        return array("Q", bytes(_KEY_BYTES * count))
    digests = b"".join([sha256(text).digest() for text in texts])
    found = _big_endian(array("Q", digests)[::_HASH_KEYS])
    if len(found) != count:
        raise UnusualError
    return found


def read_log(data: bytes, *, exact: bool, wanted: frozenset[tuple[str, str]] = frozenset()) -> Log:
    """What a log file says about each of its records, in order.

    Args:
        data: of the file, with or without gzip.
        exact: whether to hash the bytes of the records.
        wanted: ``eventSource`` and ``eventName`` of calls whose indexes are to be found.

    Raises:
        EventError: the file is damaged.
    """
    try:
        return _typed_log(data, wanted, exact=exact)
    except _REFUSED:
        return _scanned_log(data, wanted, exact=exact)


def _typed_log(data: bytes, wanted: frozenset[tuple[str, str]], *, exact: bool) -> Log:
    log = Log(array("Q"), array("Q"), bytearray(), ("", ""), [])
    names = {name for _, name in wanted}
    for piece, count in record_pieces(Text.of(data)):
        records = _records.decode(piece)
        if len(records) != count and (records or count > 1):
            raise UnusualError
        if not records:
            continue
        if not log.keys:
            log = log._replace(place=(records[0].recipientAccountId, records[0].awsRegion))
        try:
            if names and not names.isdisjoint([one.eventName for one in records]):
                log.changes.extend(
                    index
                    for index, one in enumerate(records, len(log.keys))
                    if (one.eventSource, one.eventName) in wanted
                )
        except TypeError:  # a name is a list or an object
            raise UnusualError from None
        raws = _raws.decode(piece) if exact or len(piece) > MAX_EVENT else ()
        log.reading.extend(_reading(records, *log.place))
        if len(piece) > MAX_EVENT:
            _clear_large(log.reading, raws)
        log.checks.extend(_checks_of(raws, count, exact=exact))
        log.keys.extend(keys_of(_ids(records)))
    return log


def _reading(records: Sequence[_Record], account: Any, region: Any) -> Iterable[bool]:
    """Whether each record is certainly what the class ``read_only`` needs."""
    return [
        one.readOnly is True
        and one.managementEvent is True
        and one.eventCategory == "Management"
        and one.recipientAccountId == account
        and one.awsRegion == region
        and type(one.eventSource) is str
        and not one.eventSource.startswith("aws:")
        and type(one.eventID) is str
        for one in records
    ]


def _clear_large(reading: bytearray, raws: Sequence[Any]) -> None:
    start = len(reading) - len(raws)
    for index, raw in enumerate(raws, start):
        if len(raw) > MAX_EVENT:
            reading[index] = 0


def _ids(records: Sequence[_Short]) -> list[str]:
    found = [one.eventID for one in records]
    if None in found:
        return [one.eventID if one.eventID is not None else one.eventId for one in records]
    return found


def _scanned_log(data: bytes, wanted: frozenset[tuple[str, str]], *, exact: bool) -> Log:
    log = Log(array("Q"), array("Q"), bytearray(), ("", ""), [])
    for index, (value, raw) in enumerate(records_of(data)):
        log.keys.append(_key(value, raw))
        log.checks.append(check_of(raw) if exact else 0)
        log.reading.append(0)
        if isinstance(value, dict) and _called(value) in wanted:
            log.changes.append(index)
    return log


def _called(record: dict[str, Any]) -> tuple[str, str]:
    source, name = record.get("eventSource"), record.get("eventName")
    return (source, name) if isinstance(source, str) and isinstance(name, str) else ("", "")


def _key(value: Any, raw: bytes) -> int:
    name = value.get("eventID", value.get("eventId")) if isinstance(value, dict) else None
    # Records without an ID are told apart by their bytes.
    return key_of(name) if isinstance(name, str) else check_of(raw)


def records_of(data: bytes) -> Iterator[tuple[Any, bytes]]:
    """Each record of a log file, parsed and as its bytes, by the tolerant scanner.

    Raises:
        EventError: the file is damaged.
    """
    try:
        yield from log_file.records(blocks_of(data))
    except NothingToForwardError:
        return


def records_at(data: bytes, indexes: Sequence[int]) -> Iterator[tuple[int, Any, bytes]]:
    """Some records of a log file: their indexes, parsed, and as their bytes.

    The value of a record that only the typed parser can read is None.

    Args:
        data: of the file.
        indexes: in ascending order.

    Raises:
        EventError: the file is damaged.
    """
    done = 0
    try:
        for index, raw in _raws_at(data, indexes):
            yield index, _parsed(raw), raw
            done += 1
    except _REFUSED:
        left = set(indexes[done:])
        for index, (value, raw) in enumerate(records_of(data)):
            if index in left:
                yield index, value, raw


def _parsed(raw: bytes) -> Any:
    try:
        return parse_fast(raw)
    except EventError:
        return None


def _raws_at(data: bytes, indexes: Sequence[int]) -> Iterator[tuple[int, bytes]]:
    start = at = 0
    for piece, count in record_pieces(Text.of(data)):
        if at == len(indexes):
            return
        raws: Sequence[msgspec.Raw] = _raws.decode(piece)
        if len(raws) != count and (raws or count > 1):
            raise UnusualError
        end = bisect_left(indexes, start + len(raws), at)
        for index in indexes[at:end]:
            yield index, bytes(raws[index - start])
        start, at = start + len(raws), end


class Window(NamedTuple):
    """Which delivered events are compared with the log files.

    Attributes:
        since: the first ``eventTime``.
        until: the time after the last one.
        accounts: IDs; if empty, all.
        regions: if empty, all.
    """

    since: str = ""
    until: str = ""
    accounts: Collection[str] = ()
    regions: Collection[str] = ()

    def inside(self, records: Sequence[Any]) -> list[bool]:
        """Whether each record is one of them.

        Raises:
            UnusualError: a value is not a text.
        """
        since, until, accounts, regions = self
        try:
            if not accounts and not regions:
                return [since <= one.eventTime < until for one in records]
            return [
                since <= one.eventTime < until
                and (not accounts or one.recipientAccountId in accounts)
                and (not regions or one.awsRegion in regions)
                for one in records
            ]
        except TypeError:
            raise UnusualError from None

    def has(self, record: Any) -> bool:
        """Whether a parsed value is one of them."""
        about = record if isinstance(record, dict) else {}
        time, account, region = map(about.get, ("eventTime", "recipientAccountId", "awsRegion"))
        return (
            isinstance(time, str)
            and self.since <= time < self.until
            and (not self.accounts or (isinstance(account, str) and account in self.accounts))
            and (not self.regions or (isinstance(region, str) and region in self.regions))
        )


_EVERY = Window()


def read_delivered(data: bytes, *, exact: bool, window: Window = _EVERY) -> Delivered:
    """What a delivered file says about each of its events: NDJSON, values in a row, lists, or a log file.

    Args:
        data: of the file, with or without gzip.
        exact: whether to hash the bytes of the records.
        window: which events are compared.

    Raises:
        EventError: the file is damaged, or contains something other than events.
    """
    try:
        return _typed_delivered(data, window, exact=exact)
    except _REFUSED:
        found = Delivered(array("Q"), array("Q"), bytearray())
        for value, raw in events_of(data):
            found.keys.append(_key(value, raw))
            found.checks.append(check_of(raw) if exact and raw else 0)
            found.inside.append(window.has(value))
        return found


def _typed_delivered(data: bytes, window: Window, *, exact: bool) -> Delivered:
    found = Delivered(array("Q"), array("Q"), bytearray())
    text = Text.of(data)
    placed = bool(window.accounts or window.regions)
    for records, texts in (_log_events if text.is_log else _line_events)(text, exact=exact, placed=placed):
        found.keys.extend(keys_of(_ids(records)))
        found.checks.extend(_checks_of(texts, len(records), exact=exact))
        found.inside.extend(window.inside(records))
    return found


_Part = tuple["Sequence[_Short]", "Sequence[Any]"]


def _log_events(text: Text, *, exact: bool, placed: bool) -> Iterator[_Part]:
    for piece, count in record_pieces(text):
        records: Sequence[_Short] = (_placed if placed else _shorts).decode(piece)
        if len(records) != count and (records or count > 1):
            raise UnusualError
        yield records, _raws.decode(piece) if exact else ()


def _line_events(text: Text, *, exact: bool, placed: bool) -> Iterator[_Part]:
    decoder: Any = _placed_lines if placed else _lines
    for piece, key in line_pieces(text):
        lines: Sequence[_Line] = decoder.decode_lines(piece)
        details = [one.detail for one in lines if one.detail is not None]
        if len(details) == len(lines):
            exacts = _exact_lines.decode_lines(piece) if exact else ()
            yield details, [one.detail for one in exacts]
        elif not exact and not details and not any(one.Records is not None for one in lines):
            yield lines, ()
        else:
            yield _mixed(lines, piece, key, exact=exact)


def _mixed(lines: Sequence[_Line], piece: bytes, key: bytes, *, exact: bool) -> _Part:
    """The events of envelopes, records without an envelope, and log files."""
    records: list[_Short] = []
    texts: list[Any] = []
    exacts: Sequence[Any] = lines
    whole: Sequence[bytes] = [b""] * len(lines)
    if exact:
        exacts = _exact_lines.decode_lines(piece)
        whole = [line.strip() for line in piece.replace(b"}{" + key, b"}\n{" + key).split(b"\n")]
        whole = [line for line in whole if line]
        if len(whole) != len(lines):
            raise UnusualError
    for one, raw, line in zip(lines, exacts, whole, strict=True):
        if one.detail is not None and one.Records is None:
            records.append(one.detail)
            texts.append(raw.detail)
        elif one.Records is not None and one.detail is None:
            records += one.Records
            texts += raw.Records
        elif one.eventID is not None or one.eventId is not None:
            records.append(one)
            texts.append(line)
        else:
            raise UnusualError
    return records, texts


def events_of(data: bytes) -> Iterator[tuple[Any, bytes]]:
    """The record of each event in a delivered file, parsed and as its bytes, by the tolerant scanner.

    Raises:
        EventError: the file is damaged, or contains something other than events.
    """
    for value, raw, _ in log_file.documents(blocks_of(data)):
        if not isinstance(value, dict):
            raise EventError("not_an_event", "it contains JSON that is not an event")
        if isinstance(value.get("Records"), list):
            yield from log_file.records([raw])
        elif isinstance(value.get("detail"), dict):
            yield value["detail"], _detail(raw)
        elif "eventID" in value or "eventId" in value:
            yield value, raw
        else:
            raise EventError("not_an_event", "it contains JSON objects that are not CloudTrail events")


def _detail(raw: bytes) -> bytes:
    """The bytes of an envelope's record; empty if only the tolerant parser can read it."""
    try:
        return bytes(_exact_lines.decode(raw).detail)
    except _REFUSED:
        return b""
