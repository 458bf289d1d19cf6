from __future__ import annotations

import gzip
import json
import shutil
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.aws import Reader, point_at, unique
from tests.support.digest_chain import METADATA, DigestChain, public_keys
from tests.support.trail_bucket import ACCOUNT, START, TrailBucket, record
from trailforward.audit.digest_keys import AwsKeys, FileKeys
from trailforward.audit.digest_state import KeptChecks
from trailforward.audit.digests import check_digests
from trailforward.audit.places import AuditError
from trailforward.demo.loopback import Handler, LoopbackServer
from trailforward.storage import FolderStore, Location, open_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from trailforward.audit.digest_report import DigestReport

HOURS = 4
#: Long after the window, so that nothing is pending.
LATER = START + timedelta(days=10)


class Trail:
    """Four hours with two log files each, and their digests and two more."""

    def __init__(self, root: Path, prefix: str = "") -> None:
        self.root = root
        self.bucket = TrailBucket(root)
        self.chain = DigestChain(root, prefix=prefix)
        self.chain.put(-1, [])
        minutes = [60 * hour + minute for hour in range(HOURS) for minute in (5, 30)]
        self.logs = [(minute, self.bucket.put(minute, [record(minute)])) for minute in minutes]
        self.chain.hourly(0, HOURS + 1, self.logs)

    def log(self, number: int) -> Path:
        """The file of a log file."""
        return self.root / self.logs[number][1]

    def digest(self, number: int) -> Path:
        """The file of a digest; 0 ends where the window starts."""
        return self.root / self.chain.keys[number]


def keys(folder: Path, number: int = 0) -> FileKeys:
    """The test key, from a file."""
    path = folder / "keys.json"
    path.write_text(json.dumps(public_keys(number)))
    return FileKeys(path)


def check(folder: Path, *, hours: int = HOURS, now: datetime = LATER, **options: Any) -> DigestReport:
    """Checks the digests of the folder ``trail``."""
    store = open_store(Location.parse(str(folder / "trail")))
    until = START + timedelta(hours=hours)
    public = options.pop("keys", None) or keys(folder)
    return check_digests(store, START, until, (), (), public, now=now, **options)


def found(report: DigestReport) -> list[tuple[str, str]]:
    """Code of each finding, and the last part of its key."""
    return [(one.code, one.key.rpartition("/")[2]) for one in report.findings]


@pytest.mark.parametrize("prefix", ["", "audit/logs/"])
def test_a_complete_chain_proves_the_log_files(tmp_path: Path, prefix: str) -> None:
    """An untouched bucket, or a copy of one in a folder, has no findings, and every log file is proven."""
    Trail(tmp_path / "trail", prefix)
    report = check(tmp_path)
    assert report.findings == []
    assert (report.digests, report.logs, report.unproven, report.exit_code) == (HOURS + 2, 2 * HOURS, 0, 0)
    assert any("complete and unchanged" in text for text in report.proof(START, LATER))


def delete_log(trail: Trail) -> None:
    """A log file is deleted."""
    trail.log(3).unlink()


def change_log(trail: Trail) -> None:
    """The text of a log file is changed."""
    text = gzip.decompress(trail.log(3).read_bytes()).replace(b"CreateUser", b"DeleteUser")
    trail.log(3).write_bytes(gzip.compress(text))


def append_member(trail: Trail) -> None:
    """A blank is appended to a log file, as another member of the gzip."""
    trail.log(3).write_bytes(trail.log(3).read_bytes() + gzip.compress(b" "))


def damage_log(trail: Trail) -> None:
    """A log file is cut off."""
    trail.log(3).write_bytes(trail.log(3).read_bytes()[:-9])


def recompress_log(trail: Trail) -> None:
    """A log file is compressed again; its text stays."""
    trail.log(3).write_bytes(gzip.compress(gzip.decompress(trail.log(3).read_bytes()), 9))


def add_log(trail: Trail) -> None:
    """A log file is added that no digest names."""
    trail.bucket.put(100, [record(100)])


def edit_digest(trail: Trail) -> None:
    """A value in a digest is changed."""
    text = gzip.decompress(trail.digest(2).read_bytes()).replace(ACCOUNT.encode(), b"123456789012", 1)
    trail.digest(2).write_bytes(gzip.compress(text))


def rewrite_digest(trail: Trail) -> None:
    """A digest gets line breaks."""
    value = json.loads(gzip.decompress(trail.digest(2).read_bytes()))
    trail.digest(2).write_bytes(gzip.compress(json.dumps(value, indent=1).encode()))


def strip_metadata(trail: Trail) -> None:
    """A digest is copied without its metadata."""
    (trail.root / f"{trail.chain.keys[2]}{METADATA}").unlink()


def break_digest(trail: Trail) -> None:
    """A digest is overwritten."""
    trail.digest(2).write_bytes(b"\x1f\x8bnothing")


def delete_middle(trail: Trail) -> None:
    """A digest is deleted that another one points to."""
    trail.digest(2).unlink()


def delete_newest(trail: Trail) -> None:
    """The newest digests are deleted."""
    for number in (3, 4, 5):
        trail.digest(number).unlink()


def delete_oldest(trail: Trail) -> None:
    """The oldest digests are deleted."""
    trail.digest(0).unlink()
    trail.digest(1).unlink()


def delete_all(trail: Trail) -> None:
    """All digests are deleted."""
    for number in range(HOURS + 2):
        trail.digest(number).unlink()


def copy_over(trail: Trail) -> None:
    """A digest replaces another one, with its metadata."""
    for suffix in ("", METADATA):
        shutil.copy(f"{trail.digest(1)}{suffix}", f"{trail.digest(2)}{suffix}")


def restart(trail: Trail) -> None:
    """Validation is stopped for an hour."""
    for key in trail.chain.keys:
        (trail.root / key).unlink()
    chain = DigestChain(trail.root)
    chain.put(-1, [])
    chain.hourly(0, 1, trail.logs)
    chain.restart()
    chain.hourly(2, HOURS + 1, trail.logs)


NAME = "111122223333_CloudTrail-Digest_eu-west-1_example_20200101T000000Z_us-east-1_20261126T0{}0000Z.json.gz"
LOG = "111122223333_CloudTrail_eu-west-1_20261126T{}Z_{:016d}.json.gz"
TAMPERED: list[tuple[Callable[[Trail], None], list[tuple[str, str]], int]] = [
    (delete_log, [("LOG_MISSING", LOG.format("0130", 4))], 1),
    (change_log, [("LOG_CHANGED", LOG.format("0130", 4))], 1),
    (append_member, [("LOG_CHANGED", LOG.format("0130", 4))], 1),
    (damage_log, [("LOG_CHANGED", LOG.format("0130", 4))], 1),
    (recompress_log, [], 0),
    (add_log, [("LOG_NOT_IN_DIGEST", LOG.format("0140", 9))], 1),
    (edit_digest, [("LOGS_UNPROVEN", ""), ("DIGEST_SIGNATURE", NAME.format(2))], 1),
    (rewrite_digest, [("LOGS_UNPROVEN", ""), ("DIGEST_SIGNATURE", NAME.format(2))], 1),
    (strip_metadata, [("LOGS_UNPROVEN", ""), ("DIGEST_UNSIGNED", NAME.format(2))], 1),
    (break_digest, [("LOGS_UNPROVEN", ""), ("DIGEST_DAMAGED", NAME.format(2))], 1),
    (copy_over, [("LOGS_UNPROVEN", ""), ("DIGEST_MOVED", NAME.format(2))], 1),
    (delete_middle, [("LOGS_UNPROVEN", ""), ("DIGEST_MISSING", NAME.format(2))], 1),
    (delete_newest, [("LOGS_UNPROVEN", ""), ("DIGESTS_END_EARLY", NAME.format(2))], 2),
    (
        delete_oldest,
        [
            ("LOGS_UNPROVEN", ""),
            ("DIGEST_MISSING", NAME.format(1)),
            ("DIGESTS_START_LATE", NAME.format(2)),
        ],
        1,
    ),
    (delete_all, [("NO_DIGESTS", "")], 2),
    (restart, [("LOGS_UNPROVEN", ""), ("CHAIN_RESTARTED", NAME.format(3))], 2),
]


@pytest.mark.parametrize(
    ("tamper", "expected", "status"), TAMPERED, ids=[one[0].__name__ for one in TAMPERED]
)
def test_each_kind_of_tampering_is_named(
    tmp_path: Path, tamper: Callable[[Trail], None], expected: list[tuple[str, str]], status: int
) -> None:
    """Whatever is deleted, changed, added, or copied in the bucket gets its finding, and no other one."""
    tamper(Trail(tmp_path / "trail"))
    report = check(tmp_path)
    assert found(report) == expected
    assert report.exit_code == status


def test_backfill_digests_prove_log_files_that_came_late(tmp_path: Path) -> None:
    """A log file that only a backfill digest names is proven; the chain of these has no regular hours."""
    trail = Trail(tmp_path / "trail")
    late = [trail.bucket.put(minute, [record(minute)]) for minute in (50, 170)]
    assert [code for code, _ in found(check(tmp_path))] == ["LOG_NOT_IN_DIGEST"] * 2
    chain = DigestChain(tmp_path / "trail")
    chain.put(0, [late[0]], backfill=True)
    chain.put(2, [late[1]], backfill=True)
    report = check(tmp_path)
    assert (report.findings, report.logs) == ([], 2 * HOURS + 2)


def test_young_log_files_are_pending(tmp_path: Path) -> None:
    """Log files of the last two hours may have no digest yet, which needs no action."""
    trail = Trail(tmp_path / "trail")
    for number in (4, 5):
        trail.digest(number).unlink()
    report = check(tmp_path, now=START + timedelta(hours=4))
    assert (found(report), report.exit_code, report.unproven) == ([("LOGS_PENDING", "")], 0, 2)


def test_two_trails_in_one_bucket_have_a_chain_each(tmp_path: Path) -> None:
    """A digest that is missing in the chain of one trail is named, although the other chain is complete."""
    Trail(tmp_path / "trail")
    other = DigestChain(tmp_path / "trail", trail="other")
    other.hourly(-1, HOURS + 1, [])
    assert check(tmp_path).findings == []
    (tmp_path / "trail" / other.keys[2]).unlink()
    assert found(check(tmp_path)) == [("DIGEST_MISSING", other.keys[2].rpartition("/")[2])]


def test_a_signature_of_another_key_is_refused(tmp_path: Path) -> None:
    """Whoever signs with a key of their own, under the fingerprint of AWS, proves nothing."""
    Trail(tmp_path / "trail")
    report = check(tmp_path, keys=keys(tmp_path, 1))
    assert {code for code, _ in found(report)} == {"DIGEST_SIGNATURE", "LOGS_UNPROVEN"}
    assert (report.digests, report.logs, report.unproven) == (0, 0, 2 * HOURS)


def test_a_missing_key_leaves_the_log_files_unproven(tmp_path: Path) -> None:
    """A digest whose public key is not known does not count as valid, nor as forged."""
    Trail(tmp_path / "trail")
    (tmp_path / "keys.json").write_text(json.dumps([public_keys(0, "0" * 32), {"PublicKeyList": []}]))
    report = check(tmp_path, keys=FileKeys(tmp_path / "keys.json"))
    assert {code for code, _ in found(report)} == {"DIGEST_KEY", "LOGS_UNPROVEN"}
    assert report.exit_code == 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]x",
        "3",
        '{"PublicKeyList": 3}',
        '{"PublicKeyList": [3]}',
        '{"PublicKeyList": [{}]}',
        '{"PublicKeyList": [{"Fingerprint": "a", "Value": "%"}]}',
        '{"PublicKeyList": [{"Fingerprint": "a", "Value": "MAA="}]}',
        "[" * 100_000,
    ],
)
def test_a_file_without_keys_is_refused(tmp_path: Path, text: str) -> None:
    """A file that does not contain public keys gets an error that says what to write."""
    (tmp_path / "keys.json").write_text(text)
    with pytest.raises(AuditError, match=r"keys\.json.*(W|w)rite"):
        FileKeys(tmp_path / "keys.json")


class _PublicKeys(Handler):
    """``ListPublicKeys``: one key on each of two pages, or a refusal."""

    def do_POST(self) -> None:  # noqa: N802  # the name in the base class
        asked = json.loads(self.body())
        server: Any = self.server
        server.asked.append(asked)
        if server.refuses:
            self.respond(400, {}, b'{"__type": "AccessDeniedException", "message": "no"}')
            return
        page = public_keys(1, "other") | {"NextToken": "2"} if "NextToken" not in asked else public_keys()
        times = {"ValidityStartTime": 1, "ValidityEndTime": 2}
        page["PublicKeyList"] = [key | times for key in page["PublicKeyList"]]
        self.respond(200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(page).encode())


class PublicKeys(LoopbackServer):
    """A server with the API of CloudTrail's public keys."""

    def __init__(self, *, refuses: bool = False) -> None:
        super().__init__(_PublicKeys)
        self.refuses = refuses
        self.asked: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        """The server's URL."""
        return f"http://127.0.0.1:{self.server_address[1]}"


@pytest.mark.parametrize("refuses", [False, True])
def test_keys_come_from_aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, refuses: bool) -> None:
    """Each Region is asked once for its keys around the time of a digest; a refusal says what to allow."""
    Trail(tmp_path / "trail")
    with PublicKeys(refuses=refuses) as server:
        point_at(server.url, monkeypatch)
        report = check(tmp_path, keys=AwsKeys())
    if refuses:
        assert {code for code, _ in found(report)} == {"DIGEST_KEY", "LOGS_UNPROVEN"}
        texts = [one.text for one in report.findings if one.code == "DIGEST_KEY"]
        assert all("AccessDenied" in text and "Allow cloudtrail:ListPublicKeys" in text for text in texts)
        assert len(server.asked) == 2  # the Region, and the trail's home Region
    else:
        assert report.findings == []
        assert len(server.asked) == 2  # two pages
        assert server.asked[0]["EndTime"] - server.asked[0]["StartTime"] == 7200


def test_digests_in_a_bucket_have_their_signature_as_metadata(
    tmp_path: Path, local_aws: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bucket is checked like a folder; in a replica, with the location where CloudTrail wrote the files."""
    Trail(tmp_path / "trail")
    name = unique("replica")
    client: Any = local_aws("s3")
    client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": local_aws.region})
    for path in (tmp_path / "trail").rglob("*.gz"):
        metadata = path.with_name(path.name + METADATA)
        about = json.loads(metadata.read_text()) if metadata.exists() else {}
        key = f"copy/{path.relative_to(tmp_path / 'trail')}"
        client.put_object(Bucket=name, Key=key, Body=path.read_bytes(), Metadata=about)
    store = open_store(Location.parse(f"s3://{name}/copy"))
    until = START + timedelta(hours=HOURS)

    def checked(original: Location | None) -> DigestReport:
        return check_digests(store, START, until, (), (), keys(tmp_path), now=LATER, original=original)

    assert checked(Location.parse("s3://example-trail")).findings == []
    assert {code for code, _ in found(checked(None))} == {"DIGEST_MOVED", "LOGS_UNPROVEN"}


def test_two_versions_of_a_digest_do_not_fit(tmp_path: Path) -> None:
    """A digest that was replaced by another valid one of the same hour does not fit its successor."""
    trail = Trail(tmp_path / "trail")
    key = DigestChain(tmp_path / "trail").put(1, [key for minute, key in trail.logs if minute // 60 == 1])
    assert key == trail.chain.keys[2]
    assert found(check(tmp_path)) == [("CHAIN_RESTARTED", NAME.format(2)), ("DIGEST_LINK", NAME.format(3))]


def test_hours_that_no_digest_covers_are_named(tmp_path: Path) -> None:
    """Linked digests that leave an hour out are a gap, and the log files of that hour are not proven."""
    trail = Trail(tmp_path / "trail")
    for key in trail.chain.keys:
        (trail.root / key).unlink()
    chain = DigestChain(trail.root)
    chain.put(-1, [])
    chain.hourly(0, 1, trail.logs)
    chain.hourly(2, HOURS + 1, trail.logs)
    assert found(check(tmp_path)) == [("LOGS_UNPROVEN", ""), ("CHAIN_GAP", NAME.format(3))]


def test_a_trail_that_moved_points_to_its_former_bucket(tmp_path: Path) -> None:
    """Digests and log files in another bucket are not read, and this is said."""
    trail = Trail(tmp_path / "trail")
    chain = DigestChain(trail.root, trail="moved")
    chain.put(-2, [])
    (trail.root / chain.keys[-1]).unlink()
    chain.point_to("former-bucket", [trail.logs[0][1]])
    chain.hourly(0, HOURS + 1, [])
    codes = [code for code, _ in found(check(tmp_path))]
    assert codes == ["DIGEST_ELSEWHERE", "LOG_ELSEWHERE"]


def test_a_chain_of_another_bucket_is_not_followed(tmp_path: Path) -> None:
    """With the original location of a copy, digests and log files of other places are named."""
    Trail(tmp_path / "trail")
    report = check(tmp_path, original=Location.parse("s3://another-bucket"))
    assert {code for code, _ in found(report)} == {"DIGEST_MOVED", "LOGS_UNPROVEN"}
    assert check(tmp_path, original=Location.parse("s3://example-trail")).findings == []


def test_a_stopped_check_of_digests_continues(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Accounts and Regions that were checked are not read again, unless their files or the keys changed."""
    trail = Trail(tmp_path / "trail")
    other = DigestChain(tmp_path / "trail", region="us-east-1")
    other.hourly(-1, HOURS + 1, [])
    (tmp_path / "trail" / other.keys[2]).unlink()
    path = tmp_path / "state" / "digests.ndjson"
    first = check(tmp_path, kept=KeptChecks(path, "a"))
    assert [code for code, _ in found(first)] == ["DIGEST_MISSING"]
    path.write_bytes(path.read_bytes() + b'{"name": "cut')
    reads: list[str] = []
    read = FolderStore.read

    def counted(store: FolderStore, key: str) -> bytes:
        reads.append(key)
        return read(store, key)

    monkeypatch.setattr(FolderStore, "read", counted)
    assert check(tmp_path, kept=KeptChecks(path, "a")) == first
    assert reads == []
    assert check(tmp_path, kept=KeptChecks(path, "b")) == first
    assert reads
    reads.clear()
    change_log(trail)
    changed = check(tmp_path, kept=KeptChecks(path, "a"))
    assert [code for code, _ in found(changed)] == ["LOG_CHANGED", "DIGEST_MISSING"]
    assert not any("us-east-1" in key.split("/") for key in reads)
