"""Entries whose bytes are easy to change by accident."""

from __future__ import annotations

from trailforward.sinks.base import Entry

#: Number literals that parsers change, escapes, spaces, line breaks, and characters of all UTF-8 lengths.
ODD = [
    b'{"n":1.10,"big":9007199254740993,"far":1E400,"tiny":-0.0}',
    b'{"lone":"\\ud800","same":"\\u003d","nul":"\\u0000"}',
    b'{ "spaces" : [ 1 , 2 ] }\t ',
    b'{\r\n  "lines": 2\n}',
    '{"text":"bücher 日本 𝄞 \u2028"}'.encode(),
    b"plain text",
]

#: The eight fields for subscription filters. With raw delivery SNS allows ten attributes.
FIELDS = {
    "source": "aws.ec2",
    "detail-type": "AWS API Call via CloudTrail",
    "account": "111122223333",
    "region": "eu-west-1",
    "eventSource": "ec2.amazonaws.com",
    "eventName": "StopInstances",
    "errorCode": "Client.UnauthorizedOperation",
    "readOnly": "false",
}


def odd(**parts: object) -> list[Entry]:
    """One entry for each of ``ODD``."""
    return [Entry(data, f"key-{index}", **parts) for index, data in enumerate(ODD)]  # type: ignore[arg-type]
