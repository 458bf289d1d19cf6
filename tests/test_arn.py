"""ARNs are read whole, or refused with the part that is wrong."""

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
    """An ARN gives back its text, and the resource's own name."""
    arn = Arn.parse(text)
    assert str(arn) == text
    assert arn.name == name


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "six parts"),
        ("hunter2", "six parts"),
        ("urn:aws:sqs:us-west-2:111122223333:x", "six parts"),
        ("arn:aws:sqs:us-west-2:111122223333", "six parts"),
        ("arn:amazon:sqs:us-west-2:111122223333:x", "no AWS partition"),
        ("arn:aws:sqs:us-west-2:111122223333:", "resource of the ARN is empty"),
        ("arn:aws::us-west-2:111122223333:x", "service or the resource"),
        ("arn:aws:sqs:uswest2:111122223333:x", "no Region"),
        ("arn:aws:sqs:us-west-٢:111122223333:x", "no Region"),
        ("arn:aws:sqs:us-west-2:11112222333:x", "12 digits"),
        ("arn:aws:sqs:us-west-2:11112222333٣:x", "12 digits"),
    ],
)
def test_malformed_arns(text: str, fault: str) -> None:
    """What is no ARN is refused; the error says why and does not repeat it."""
    with pytest.raises(ValueError, match=fault) as caught:
        Arn.parse(text)
    assert "hunter2" not in str(caught.value)


@given(st.text() | st.text("arn:ws-1/").map(lambda text: "arn:aws:" + text))
def test_any_text(text: str) -> None:
    """Any text is an ARN that gives itself back, or a ``ValueError``."""
    with suppress(ValueError):
        assert str(Arn.parse(text)) == text
