"""One execution as its functions see it: the request, the folder of the run, and the time that is left."""

from __future__ import annotations

import time
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from trailforward.audit.places import LogFile, minute, open_place
from trailforward.audit.steps.folder import Folder
from trailforward.audit.steps.request import Request

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from trailforward.audit.steps.settings import Settings
    from trailforward.storage import Store

_TIMES = {"connect_timeout": 5, "read_timeout": 60, "attempts": 6}


#: Keys of a group beside its number: a few files that are next to each other in a list. ``first`` is the
#: number of its first file, ``files`` how many there are, ``at`` and ``bytes`` where their lines are.
GROUP_KEYS = ("first", "files", "at", "bytes")


@lru_cache(maxsize=8)
def place(location: str) -> Store:
    """The store at a location, whose connections later calls use, too.

    Raises:
        StorageError: there is not such a place, or it may not be read.
    """
    return open_place(location)


def client() -> Any:
    """A client of S3 in the function's Region."""
    from trailforward.aws.session import make_client

    return make_client("s3", "", **_TIMES)  # type: ignore[arg-type]


class Run:
    """What a step needs.

    Args:
        settings: of the stack.
        request: of the execution.
        s3: a botocore client of S3.
        seconds: until this call must end.
    """

    def __init__(self, settings: Settings, request: Request, s3: Any, seconds: float) -> None:
        self.settings = settings
        self.request = request
        self.s3 = s3
        self.folder = Folder(s3, settings.bucket, f"runs/{request.run}/")
        self._until = time.monotonic() + seconds

    @classmethod
    def read(cls, settings: Settings, name: str, s3: Any, seconds: float) -> Run:
        """The run that an earlier step saved."""
        saved = Folder(s3, settings.bucket, f"runs/{name}/").get_json("run.json")
        return cls(settings, Request.of(saved), s3, seconds)

    @property
    def seconds(self) -> float:
        """Seconds that are left."""
        return self._until - time.monotonic()

    @property
    def trail(self) -> Store:
        """The place of the log files."""
        return place(self.request.trail)

    @cached_property
    def plan(self) -> dict[str, Any]:
        """What the lister found: ``parts``, and for each list ``files`` and ``groups``."""
        found: dict[str, Any] = self.folder.get_json("plan.json")
        return found

    @property
    def window(self) -> tuple[int, int]:
        """The first minute, and the one after the last."""
        return minute(self.request.since), minute(self.request.until)

    def rows(self, listed: str, groups: Sequence[dict[str, int]]) -> list[tuple[int, list[Any]]]:
        """Numbers and rows of the files of some groups.

        Args:
            listed: ``trail``, ``delivered``, ``later``, or ``repair``.
            groups: from the list's groups; see :data:`GROUP_KEYS`.
        """
        wanted = [(f"{listed}.jsonl", group["at"], group["bytes"]) for group in groups]
        return [
            (group["first"] + index, row)
            for group, data in zip(groups, self.folder.slices(wanted), strict=True)
            for index, row in enumerate(rows_of(data))
        ]

    def log_files(self, groups: Sequence[dict[str, int]]) -> list[tuple[int, LogFile]]:
        """Numbers of the log files of some groups, and the files."""
        return [(number, LogFile(*row)) for number, row in self.rows("trail", groups)]


def rows_of(data: bytes) -> Iterable[list[Any]]:
    """The rows in some lines of a list."""
    import orjson

    return [orjson.loads(line) for line in data.split(b"\n") if line]
