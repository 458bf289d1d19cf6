"""Texts of templates as people write them: repeated keys, SAM applications, and templates of other tools."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.doctor.worlds import HERE, MEMBER
from trailforward.doctor.template import (
    Deployment,
    TemplateError,
    apply_stacks,
    apply_template,
    parse_template,
)

if TYPE_CHECKING:
    from pathlib import Path

REPEATED = """
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties: {QueueName: first}
  Queue:
    Type: AWS::SQS::Queue
    Properties: {QueueName: !Sub "${AWS::Region}-last"}
"""


FIRST, LAST = (
    json.dumps({"Type": "AWS::SQS::Queue", "Properties": {"QueueName": name}})
    for name in ("first", {"Fn::Sub": "${AWS::Region}-last"})
)
IN_JSON = f'{{"Resources": {{"Queue": {FIRST}, "Queue": {LAST}}}}}'


@pytest.mark.parametrize(
    "text",
    [
        REPEATED,
        IN_JSON,
    ],
)
def test_of_a_repeated_key_the_last_one_counts(text: str) -> None:
    """CloudFormation accepts a key that is repeated, and so does the doctor, which says which one counts."""
    found = apply_template(parse_template(text), [(MEMBER, HERE)], {})
    assert [item.arn for item in found.world.resources] == [f"arn:aws:sqs:{HERE}:{MEMBER}:{HERE}-last"]
    assert found.not_understood == ("Queue is repeated in the template: only the last one counts.",)


SAM = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Shared:
    Type: AWS::Serverless::Application
    Properties:
      Location:
        ApplicationId: arn:aws:serverlessrepo:us-east-1:111122223333:applications/alerts
        SemanticVersion: 1.0.0
  Nested:
    Type: AWS::Serverless::Application
    Properties: {Location: nested.yaml}
  Function:
    Type: AWS::Serverless::Function
    Properties: {Runtime: python3.12, Handler: app.handler, CodeUri: src/}
"""


def test_sam_applications_need_no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An application beside the template is read; one of the repository is named, without asking AWS."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "nested.yaml").write_text("Resources: {Queue: {Type: 'AWS::SQS::Queue'}}")
    deployment = Deployment(parse_template(SAM), MEMBER, HERE, "app", tmp_path)
    found = apply_stacks([deployment], {})
    assert {item.arn.rpartition(":")[2] for item in found.world.resources} == {
        "app-Function",
        "app-Nested-Queue",
    }
    assert found.not_understood == (
        "Shared: its template is not a local file, so what it creates is not known.",
    )


def test_a_serverless_framework_file_is_not_a_template() -> None:
    """The error for a file of the Serverless Framework says where its template is."""
    with pytest.raises(TemplateError, match=r"serverless package.*\.serverless"):
        parse_template("service: app\nprovider: {name: aws}\nresources: {Resources: {}}\n")
