"""Entries whose bytes are easy to get wrong."""

from __future__ import annotations

from trailforward.sinks.base import Entry

#: Number literals that no parser gives back, escapes, blanks, line breaks, characters of all lengths.
ODD = [
    b'{"n":1.10,"big":9007199254740993,"far":1E400,"tiny":-0.0}',
    b'{"lone":"\\ud800","same":"\\u003d","nul":"\\u0000"}',
    b'{ "spaces" : [ 1 , 2 ] }\t ',
    b'{\r\n  "lines": 2\n}',
    '{"text":"bücher 日本 𝄞 \u2028"}'.encode(),
    b"plain text",
]

#: Every field that subscription filters may use: eight, of the ten attributes SNS delivers raw.
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
    """One entry for each."""
    return [Entry(data, f"key-{index}", **parts) for index, data in enumerate(ODD)]  # type: ignore[arg-type]
