"""S3: PutObject, one gzip-compressed object per batch and partition: NDJSON, or CloudTrail log files."""

from __future__ import annotations

import gzip
import re
from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal
from urllib.parse import parse_qs, urlsplit

from trailforward.aws.own_calls import OwnCall
from trailforward.aws.s3_put import put_once
from trailforward.errors import PermanentError, SettingError
from trailforward.settings import Constraint
from trailforward.sinks._aws_batches import digest
from trailforward.sinks._aws_sink import AwsSink
from trailforward.sinks._lines import on_one_line
from trailforward.sinks._multi_call import send_sub_batches
from trailforward.sinks.base import Limits, Rejection
from trailforward.sinks.settings import SinkSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trailforward.formats.base import Format
    from trailforward.sinks._cloudtrail_layout import Names, Place
    from trailforward.sinks._multi_call import SubBatch
    from trailforward.sinks.base import Entry

#: Chosen by trailforward: S3 accepts 5 GB in one PUT (https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html),
#: but a batch must fit in memory.
LIMITS = Limits(max_entries=10_000, max_entry_bytes=1 << 24, max_batch_bytes=1 << 25)

#: The prefix has at most 512 characters, all of which need no escaping. A key has at most 1,024 bytes
#: (https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html).
SHAPE = r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[0-9A-Za-z!_.*'()/=-]{0,512})?\?region=[a-z]{2,}(-[a-z]+)+-[0-9]+$"
_ACCOUNT = re.compile("[0-9]{12}")
_REGION = re.compile("[a-z0-9-]{1,32}")


class S3Settings(SinkSettings):
    """``[sinks.NAME]`` with ``s3://BUCKET/PREFIX?region=REGION``, because a bucket's ARN has no Region.

    Attributes:
        owner: the account that must own the bucket. S3 refuses the upload if the bucket was deleted, and
            somebody else created it again.
        layout: ``partitions`` (NDJSON under ``account=…/region=…/date=…/hour=…``), or ``cloudtrail``
            (CloudTrail's own log files and folders, with the format ``record``).
        organization: with ``layout = "cloudtrail"``, the folder of the organization in the keys, as an
            organization trail has: ``o-exampleorgid``.
    """

    owner: Annotated[str, Constraint(pattern="^[0-9]{12}$")] | None = None
    layout: Literal["partitions", "cloudtrail"] = "partitions"
    organization: Annotated[str, Constraint(pattern="^o-[a-z0-9]{10,32}$")] | None = None

    def __post_init__(self) -> None:
        """Log files contain records, so they are the default format of this layout."""
        if self.layout == "cloudtrail":
            vars(self).update({"format": "record", **vars(self)})
        elif self.organization is not None:
            raise SettingError("`organization` needs the layout of CloudTrail", 'set layout = "cloudtrail"')

    @classmethod
    def check_to(cls, to: str) -> None:
        """Checks that the destination names a bucket and its Region."""
        fix = "write s3://BUCKET/PREFIX?region=REGION, such as s3://security-lake/cloudtrail?region=eu-west-1"
        if to.startswith("arn:"):
            raise SettingError("a bucket's ARN does not contain its Region", fix)
        if "\n" in to or not re.match(SHAPE, to):
            what = (
                "the bucket's Region is missing"
                if "?region=" not in to
                else "the bucket, prefix or Region is malformed"
            )
            raise SettingError(what, fix)
        if {".", ".."} & set(urlsplit(to).path.split("/")):
            raise SettingError("the prefix contains . or .., which many tools resolve as a path", fix)

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return urlsplit(self.to).netloc

    @property
    def prefix(self) -> str:
        """The prefix of all keys: empty, or ending with a slash."""
        prefix = urlsplit(self.to).path.strip("/")
        return f"{prefix}/" if prefix else ""

    @property
    def region(self) -> str:
        """The bucket's Region."""
        return parse_qs(urlsplit(self.to).query)["region"][0]

    @property
    def resource(self) -> str:
        """The bucket's ARN, in the partition of its Region."""
        partition = {"cn": "aws-cn", "us-gov": "aws-us-gov"}
        name = next((partition[start] for start in partition if self.region.startswith(f"{start}-")), "aws")
        return f"arn:{name}:s3:::{self.bucket}"

    @property
    def own_calls(self) -> Sequence[OwnCall]:
        """PutObject under the prefix."""
        return (OwnCall("s3.amazonaws.com", ("PutObject",), f"{self.resource}/{self.prefix}*"),)

    def check(self, format: Format) -> None:  # noqa: A002  # named as the setting is
        """Rejects formats that are not JSON, because objects are NDJSON; log files contain only records."""
        super().check(format)
        if self.layout == "cloudtrail" and format.name != "record":
            raise SettingError(
                f'format {format.name!r} is not compatible with layout = "cloudtrail" (log files of records)',
                'use format = "record"',
            )
        if not format.json:
            raise SettingError(
                f"format {format.name!r} is not JSON, but objects are NDJSON", 'use format = "raw"'
            )


class S3Sink(AwsSink):
    """Sends to a bucket. The key is derived from the content, so a batch that is sent twice is stored once.

    Args:
        settings: see :class:`S3Settings`.

    Raises:
        SettingError: the format is not supported.
    """

    Settings: ClassVar = S3Settings
    service: ClassVar = "s3"
    default_limits: ClassVar = LIMITS

    def __init__(self, settings: S3Settings, *, direct: bool = True) -> None:
        super().__init__(settings, settings.region, direct=direct)
        self._bucket = settings.bucket
        self._prefix = settings.prefix
        self._owner = settings.owner
        self._names: Names | None = None
        if settings.layout == "cloudtrail":
            from trailforward.sinks._cloudtrail_layout import HEAD, TAIL, Names

            organization = f"{settings.organization}/" if settings.organization else ""
            self._names = Names(f"{self._prefix}AWSLogs/{organization}")
            self.limits = self.limits._replace(batch_overhead=len(HEAD + TAIL))

    def size(self, entry: Entry) -> int:
        """Data before compression, plus its line break or comma."""
        return len(entry.data) + 1

    def send(self, batch: Sequence[Entry]) -> list[Rejection]:
        """Makes one PutObject call for each account, Region, and hour in the batch.

        With the layout of CloudTrail, one for each account, Region, and folder. An entry that is not a
        CloudTrail record is rejected.

        Raises:
            TransientError: throttled, or no response.
            PermanentError: the bucket does not exist, or access is denied.
        """
        if self._names is not None:
            return self._send_log_files(batch, self._names)
        partitions: defaultdict[str, list[tuple[int, Entry]]] = defaultdict(list)
        for index, entry in enumerate(batch):
            partitions[_partition(entry)].append((index, entry))
        return send_sub_batches(partitions.values(), self._put)

    def _send_log_files(self, batch: Sequence[Entry], names: Names) -> list[Rejection]:
        from trailforward.sinks._cloudtrail_layout import log_file, places_of

        places, rejections = places_of(batch)
        files: defaultdict[Place, list[tuple[int, Entry]]] = defaultdict(list)
        for index, place in places.items():
            files[place].append((index, batch[index]))

        def put(sub_batch: SubBatch) -> list[Rejection]:
            body = log_file(sub_batch)
            return self._put_object(names.key(places[sub_batch[0][0]], body), body)

        return rejections + send_sub_batches(files.values(), put)

    def _put(self, sub_batch: SubBatch) -> list[Rejection]:
        body = b"".join(on_one_line(entry) + b"\n" for _, entry in sub_batch)
        key = f"{self._prefix}{_partition(sub_batch[0][1])}/{digest(body)}.ndjson.gz"
        return self._put_object(key, body)

    def _put_object(self, key: str, body: bytes) -> list[Rejection]:
        owner = {"ExpectedBucketOwner": self._owner} if self._owner else {}
        try:
            put_once(
                self._client,
                Bucket=self._bucket,
                Key=key,
                Body=gzip.compress(body, mtime=0),
                ContentType="application/gzip",
                **owner,
            )
        except PermanentError as error:
            if error.code not in {"AccessDenied", "403"} or not self._owner:
                raise
            # S3 does not say which of the two it is.
            text = f"{error.message}; or the bucket does not belong to {self._owner}, the account in `owner`"
            raise PermanentError(error.code, text) from None
        return []


def _partition(entry: Entry) -> str:
    """``account=…/region=…/date=…/hour=…``, the layout that Athena and Glue expect, by the event's time."""
    account, region = entry.fields.get("account", ""), entry.fields.get("region", "")
    account = account if _ACCOUNT.fullmatch(account) else "unknown"
    region = region if _REGION.fullmatch(region) else "unknown"
    try:
        time = datetime.fromisoformat(entry.time).astimezone(UTC)
    except (ValueError, OverflowError):
        return f"account={account}/region={region}/date=unknown/hour=unknown"
    return f"account={account}/region={region}/date={time:%Y-%m-%d}/hour={time:%H}"
