"""Responses of AWS's batch APIs: what was refused, with which words, and what a response leaves out."""

from __future__ import annotations

from typing import Any

import pytest

from trailforward.errors import Cause, TransientError
from trailforward.sinks._aws_batches import attribute_bytes, by_id, by_position, sendable
from trailforward.sinks.base import Entry, Rejection


def test_a_refused_entry_keeps_the_words_of_the_service() -> None:
    """Code and message of a refused entry are in its rejection; a missing message is an empty text."""
    failed = [
        {"Id": "1", "Code": "InvalidParameterValue", "Message": "bad characters", "SenderFault": True},
        {"Id": "2", "Code": "InternalError", "SenderFault": False},
        {"Id": "3", "Code": "RequestThrottled", "SenderFault": True},
        {"Id": "4"},
    ]
    found = by_id({"Failed": failed, "Successful": [{"Id": "0"}]}, range(6))
    assert [(each.index, each.code, each.message, each.transient) for each in found] == [
        (1, "InvalidParameterValue", "bad characters", False),
        (2, "InternalError", "", True),
        (3, "RequestThrottled", "", True),
        (4, "Unknown", "", True),
        (5, "unparseable_response", "the response has no result for the entry", True),
    ]


def test_results_by_position_keep_the_words_of_the_service() -> None:
    """A result without a receipt and without an error code counts as not stored."""
    results: list[Any] = [
        {"SequenceNumber": "1"},
        {"ErrorCode": "InternalFailure", "ErrorMessage": "try again"},
        {"ErrorCode": "Bad"},
        {},
        None,
    ]
    found = by_position(results, 5, "SequenceNumber", permanent=frozenset({"Bad"}))
    assert [(each.index, each.code, each.message, each.transient) for each in found] == [
        (1, "InternalFailure", "try again", True),
        (2, "Bad", "", False),
        (3, "unparseable_response", "the response has no result for the entry", True),
        (4, "unparseable_response", "the response has no result for the entry", True),
    ]


@pytest.mark.parametrize(("results", "number"), [([{}], 1), ([{}] * 3, 3), (None, 0), ({}, 0)])
def test_a_response_of_another_length_says_so(results: Any, number: int) -> None:
    """Without one result for each entry, nothing counts as stored, and the error has both numbers."""
    with pytest.raises(TransientError, match=f"{number} results for 2 entries") as caught:
        by_position(results, 2, "SequenceNumber", permanent=frozenset())
    assert caught.value.code == "unparseable_response"


@pytest.mark.parametrize(
    "response", [{}, {"Failed": [], "Successful": []}, {"Failed": 1, "Successful": [1, {}]}]
)
def test_a_response_without_results_says_so(response: Any) -> None:
    """A success of another server has no results, so nothing counts as stored."""
    with pytest.raises(TransientError, match="the response has no results"):
        by_id(response, range(2))


def test_an_entry_that_the_service_cannot_take_fails_alone() -> None:
    """An empty or binary entry is refused because of its content, and the others are sent."""
    rejections: list[Rejection] = []
    batch = [Entry(b"", "0"), Entry(b"{}", "1"), Entry(b"\x00", "2")]
    assert [(index, text) for index, _, text in sendable(batch, rejections)] == [(1, "{}")]
    assert {(each.index, each.code, each.cause, each.transient) for each in rejections} == {
        (0, "InvalidMessageContents", Cause.CONTENT, False),
        (2, "InvalidMessageContents", Cause.CONTENT, False),
    }
    assert rejections[0].message == "empty, or contains characters that SQS does not allow"


def test_attributes_count_with_name_type_and_value() -> None:
    """Attributes count in UTF-8 with their type; empty ones are not sent; a lone surrogate is one byte."""
    assert attribute_bytes({"name": "bücher", "empty": ""}) == len("name") + len("String") + 7
    assert attribute_bytes({"n": "\ud800"}) == 1 + len("String") + 1
