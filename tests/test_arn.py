"""ARNs parse completely, or raise an error that names the wrong part."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trailforward.arn import Arn


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("arn:aws:kinesis:us-west-2:111122223333:stream/cloudsec", "cloudsec"),
        ("arn:aws:iam::111122223333:role/service-role/forwarder", "forwarder"),
        ("arn:aws-us-gov:sns:us-gov-west-1:111122223333:alerts", "alerts"),
        ("arn:aws-cn:lambda:cn-north-1:111122223333:function:x:live", "live"),
        ("arn:aws:s3:::bucket/key:with:colons", "colons"),
        ("arn:aws-iso-b:sqs:us-isob-east-1:111122223333:queue.fifo", "queue.fifo"),
    ],
)
def test_arns_of_all_partitions(text: str, name: str) -> None:
    """``str()`` of an ARN is the original text, and ``name`` is the resource's name."""
    arn = Arn.parse(text)
    assert str(arn) == text
    assert arn.name == name


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "six parts"),
        ("hunter2", "six parts"),
        ("urn:aws:sqs:us-west-2:111122223333:x", "six parts"),
        ("arn:aws:sqs:us-west-2:111122223333", "six parts"),
        ("arn:amazon:sqs:us-west-2:111122223333:x", "not an AWS partition"),
        ("arn:aws:sqs:us-west-2:111122223333:", "resource of the ARN is empty"),
        ("arn:aws::us-west-2:111122223333:x", "service or the resource"),
        ("arn:aws:sqs:uswest2:111122223333:x", "not a Region"),
        ("arn:aws:sqs:us-west-٢:111122223333:x", "not a Region"),
        ("arn:aws:sqs:us-west-2:11112222333:x", "12 digits"),
        ("arn:aws:sqs:us-west-2:11112222333٣:x", "12 digits"),
    ],
)
def test_malformed_arns(text: str, reason: str) -> None:
    """Text that is not an ARN raises an error that says why and does not repeat the text."""
    with pytest.raises(ValueError, match=reason) as caught:
        Arn.parse(text)
    assert "hunter2" not in str(caught.value)


@given(st.text() | st.text("arn:ws-1/").map(lambda text: "arn:aws:" + text))
def test_any_text(text: str) -> None:
    """Any text either parses to an ARN with the same text or raises ``ValueError``."""
    with suppress(ValueError):
        assert str(Arn.parse(text)) == text
