"""State in a DynamoDB table whose partition key is the string ``id``.

An item has the attributes ``id``, ``version``, ``value`` (JSON), and ``expires``, the table's TTL attribute.
Reads are strongly consistent, and each write has the version that was read as its condition:
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutItem.html
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from trailforward.arn import Arn
from trailforward.aws.client import Client
from trailforward.errors import PermanentError, TransientError
from trailforward.state import Stored

if TYPE_CHECKING:
    from trailforward.state import State

#: Seconds to wait for a connection, and between two bytes of a response. DynamoDB usually takes a few
#: milliseconds, and alerts go out without it.
TIMEOUT = 1.0
_REFUSED = "ConditionalCheckFailedException"
_LOST = ("TransactionConflictException", "InternalServerError")


class DynamoDbState:
    """Keeps keys in a table.

    Args:
        arn: of the table.
        direct: whether AWS may be called without botocore.

    Raises:
        MissingExtraError: botocore is needed but not installed.
    """

    def __init__(self, arn: str, *, direct: bool = True) -> None:
        region = Arn.parse(arn).region
        self._client = Client(
            "dynamodb", region, direct=direct, connect_timeout=TIMEOUT, read_timeout=TIMEOUT
        )
        # The ARN instead of the name works from any account.
        self._table = arn

    def read(self, key: str) -> Stored:
        """What is known about a key.

        Raises:
            SinkError: throttled, denied, or no response.
        """
        response = self._client.call(
            "get_item", transient=_LOST, TableName=self._table, Key={"id": {"S": key}}, ConsistentRead=True
        )
        item = response.get("Item")
        if not item:
            return Stored(None, "")
        try:
            value = json.loads(item["value"]["S"])
            version = item["version"]["S"]
        except (KeyError, TypeError, ValueError):
            raise TransientError("unreadable_item", "an item of the table was not written here") from None
        return Stored(value if isinstance(value, dict) else None, version)

    def write(self, key: str, value: dict[str, Any], version: str, expires: int) -> str | None:
        """Replaces what is known about a key, and returns the new version; None if another writer was first.

        Raises:
            SinkError: throttled, denied, or no response. The write may have succeeded anyway.
        """
        new = os.urandom(9).hex()
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(id)"}
        if version:
            condition = {
                "ConditionExpression": "version = :version",
                "ExpressionAttributeValues": {":version": {"S": version}},
            }
        try:
            self._client.call(
                "put_item",
                transient=_LOST,
                TableName=self._table,
                Item={
                    "id": {"S": key},
                    "version": {"S": new},
                    "value": {"S": json.dumps(value, separators=(",", ":"))},
                    "expires": {"N": str(expires)},
                },
                **condition,
            )
        except PermanentError as error:
            if error.code == _REFUSED:
                return None
            raise
        return new

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()


if TYPE_CHECKING:
    _: State = DynamoDbState("")
