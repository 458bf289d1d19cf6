"""The contestants: ways to forward events, from a blog post's handler to the floor. See ``handlers/``."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

REGION = "us-east-1"
STREAM = "benchmark"
PATH = "/in"
HANDLERS = Path(__file__).parent / "handlers"
OURS = "trailforward.handler.lambda_handler"


def arn(stream: str) -> str:
    """The ARN of a Kinesis stream."""
    return f"arn:aws:kinesis:{REGION}:111122223333:stream/{stream}"


#: All features enabled: dead letters, retry queue, own ARNs. `from_env` also enables metrics.
EVERYTHING = {
    "TRAILFORWARD_DEAD_LETTER": f"arn:aws:sqs:{REGION}:111122223333:trailforward-dead",
    "TRAILFORWARD_RETRY_QUEUE": f"arn:aws:sqs:{REGION}:111122223333:trailforward-retry",
    "TRAILFORWARD_OWN_ARNS": (
        "arn:aws:iam::111122223333:role/trailforward "
        f"arn:aws:sqs:{REGION}:111122223333:trailforward "
        f"arn:aws:logs:{REGION}:111122223333:log-group:/aws/lambda/trailforward"
    ),
}


@dataclass(frozen=True, slots=True)
class Contestant:
    """A way to forward events.

    Attributes:
        name: in tables.
        handler: the function's handler, as Lambda calls it.
        environ: its configuration. ``{url}`` is replaced by the stub server's URL.
        to: stream names and paths at which every event must arrive.
        takes: whether Lambda invokes it with SQS batches, too, or only with one event (a rule's target).
        source: the first folder on Python's path.
    """

    name: str
    handler: str
    environ: Mapping[str, str] = field(default_factory=dict)
    to: tuple[str, ...] = (STREAM,)
    takes: Literal["event", "batch"] = "batch"
    source: Path | None = None

    @property
    def ours(self) -> bool:
        """Whether this is a variant of trailforward."""
        return self.name.startswith("trailforward")


BLOG_POST = Contestant(
    "blog post: client in the handler", "blog_post.handler", {"STREAM": STREAM}, takes="event"
)
MODULE_CLIENT = Contestant(
    "blog post, module-level client", "module_client.handler", {"STREAM": STREAM}, takes="event"
)
POWERTOOLS = Contestant("careful Powertools user", "powertools_user.handler", {"STREAM": STREAM})
TRAILFORWARD = Contestant("trailforward, everything on", OURS, {"TRAILFORWARD_TO": arn(STREAM), **EVERYTHING})
OWN_FUNCTION = Contestant("trailforward in your own function", "own_function.handler", TRAILFORWARD.environ)
TO_HTTP = Contestant(
    "trailforward, HTTP sink", OURS, {"TRAILFORWARD_TO": "{url}" + PATH, **EVERYTHING}, (PATH,)
)
FLOOR = Contestant("floor: parse, base64, sign, one request", "floor.handler", {"STREAM": STREAM})
HTTP_FLOOR = Contestant(
    "HTTP floor: parse, join, one request", "http_floor.handler", {"URL": "{url}" + PATH}, (PATH,)
)
NOTHING = Contestant("runtime client alone", "nothing.handler", to=())

ALL = (
    BLOG_POST,
    MODULE_CLIENT,
    POWERTOOLS,
    TRAILFORWARD,
    OWN_FUNCTION,
    TO_HTTP,
    FLOOR,
    HTTP_FLOOR,
    NOTHING,
)


def environment(contestant: Contestant, port: int) -> dict[str, str]:
    """All environment variables of a contestant; they point every client to the stub server."""
    url = f"http://127.0.0.1:{port}"
    path = [HANDLERS] if contestant.source is None else [contestant.source, HANDLERS]
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PYTHONPATH": os.pathsep.join(map(str, path)),
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "ASIAI44QH8DHBEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "AWS_SESSION_TOKEN": "IQoJb3JpZ2luX2VjEXAMPLETOKEN",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": "127.0.0.1",
        **{name: value.replace("{url}", url) for name, value in contestant.environ.items()},
    }
