"""S3: PutObject, one gzip-compressed object of NDJSON per batch and partition."""

from __future__ import annotations

import gzip
import re
from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import parse_qs, urlsplit

from trailforward.aws.own_calls import OwnCall
from trailforward.errors import PermanentError, SettingError
from trailforward.sinks._aws_batches import digest
from trailforward.sinks._aws_sink import AwsSink
from trailforward.sinks._lines import one_line_each
from trailforward.sinks._multi_call import send_parts
from trailforward.sinks.base import Limits, Rejection
from trailforward.sinks.settings import SinkSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trailforward.formats.base import Format
    from trailforward.sinks._multi_call import Part
    from trailforward.sinks.base import Entry

#: Our choice: S3 takes 5 GB in one PUT (https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html),
#: but a batch is held in memory.
LIMITS = Limits(max_entries=10_000, max_entry_bytes=1 << 24, max_batch_bytes=1 << 25)

#: Letters and marks that need no escape in a key, at most 512 of them: 1,024 bytes is what a key may have
#: (https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html).
SHAPE = r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[0-9A-Za-z!_.*'()/=-]{0,512})?\?region=[a-z]{2,}(-[a-z]+)+-[0-9]+$"
_ACCOUNT = re.compile("[0-9]{12}")
_REGION = re.compile("[a-z0-9-]{1,32}")


class S3Settings(SinkSettings):
    """``[sinks.NAME]`` with ``s3://BUCKET/PREFIX?region=REGION``. A bucket's ARN does not name its Region."""

    @classmethod
    def check_to(cls, to: str) -> None:
        """Refuses what does not name bucket and Region."""
        fix = "write s3://BUCKET/PREFIX?region=REGION, such as s3://security-lake/cloudtrail?region=eu-west-1"
        if to.startswith("arn:"):
            raise SettingError("the ARN of a bucket does not say in which Region it lies", fix)
        if "\n" in to or not re.match(SHAPE, to):
            what = (
                "it lacks the bucket's Region"
                if "?region=" not in to
                else "the bucket, prefix or Region is malformed"
            )
            raise SettingError(what, fix)
        if {".", ".."} & set(urlsplit(to).path.split("/")):
            raise SettingError("a step of the prefix is . or .., which many tools resolve", fix)

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return urlsplit(self.to).netloc

    @property
    def prefix(self) -> str:
        """What keys begin with; empty, or ending in a slash."""
        prefix = urlsplit(self.to).path.strip("/")
        return f"{prefix}/" if prefix else ""

    @property
    def region(self) -> str:
        """Where the bucket lies."""
        return parse_qs(urlsplit(self.to).query)["region"][0]

    @property
    def resource(self) -> str:
        """The bucket's ARN, in the partition of its Region."""
        partition = {"cn": "aws-cn", "us-gov": "aws-us-gov"}
        name = next((partition[start] for start in partition if self.region.startswith(f"{start}-")), "aws")
        return f"arn:{name}:s3:::{self.bucket}"

    @property
    def own_calls(self) -> Sequence[OwnCall]:
        """PutObject of what begins with the prefix."""
        return (OwnCall("s3.amazonaws.com", ("PutObject",), f"{self.resource}/{self.prefix}*"),)

    def check(self, format: Format) -> None:  # noqa: A002  # named as the setting is
        """Refuses formats that are no JSON: objects are NDJSON."""
        super().check(format)
        if not format.json:
            raise SettingError(
                f"format {format.name!r} is no JSON, and objects are NDJSON", 'use format = "raw"'
            )


class S3Sink(AwsSink):
    """A bucket. Keys follow from the content, so that what is sent again is stored once.

    Args:
        settings: see :class:`S3Settings`.

    Raises:
        SettingError: the format does not fit.
    """

    Settings: ClassVar = S3Settings
    service: ClassVar = "s3"
    default_limits: ClassVar = LIMITS

    def __init__(self, settings: S3Settings, *, direct: bool = True) -> None:
        super().__init__(settings, settings.region, direct=direct)
        self._bucket = settings.bucket
        self._prefix = settings.prefix

    def size(self, entry: Entry) -> int:
        """Data before compression, and its line break."""
        return len(entry.data) + 1

    def send(self, batch: Sequence[Entry]) -> list[Rejection]:
        """One PutObject call for each account, Region and hour in the batch.

        Raises:
            TransientError: throttled, or no answer.
            PermanentError: the bucket is absent or forbidden.
        """
        lines, refused = one_line_each(batch)
        parts: defaultdict[str, list[tuple[int, Entry]]] = defaultdict(list)
        for index, entry in lines:
            parts[_partition(entry)].append((index, entry))
        return refused + send_parts(parts.values(), self._put)

    def _put(self, part: Part) -> list[Rejection]:
        body = b"".join(entry.data + b"\n" for _, entry in part)
        try:
            self._client.call(
                "put_object",
                transient=("ConditionalRequestConflict", "OperationAborted"),
                Bucket=self._bucket,
                Key=f"{self._prefix}{_partition(part[0][1])}/{digest(body)}.ndjson.gz",
                Body=gzip.compress(body, mtime=0),
                ContentType="application/gzip",
                IfNoneMatch="*",
            )
        except PermanentError as error:
            # The key is the content's digest: what is there already is this very batch.
            if error.code not in {"PreconditionFailed", "412"}:
                raise
        return []


def _partition(entry: Entry) -> str:
    """``account=…/region=…/date=…/hour=…``, as Athena and Glue find partitions; by the event's own time."""
    account, region = entry.fields.get("account", ""), entry.fields.get("region", "")
    account = account if _ACCOUNT.fullmatch(account) else "unknown"
    region = region if _REGION.fullmatch(region) else "unknown"
    try:
        then = datetime.fromisoformat(entry.time).astimezone(UTC)
    except (ValueError, OverflowError):
        return f"account={account}/region={region}/date=unknown/hour=unknown"
    return f"account={account}/region={region}/date={then:%Y-%m-%d}/hour={then:%H}"
