"""The SARIF report: where results point to, what GitHub requires of it, and the schema of SARIF 2.1.0."""

from __future__ import annotations

import json
import os
from contextlib import chdir
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.doctor.report.planted import planted, sound
from tests.doctor.report.test_report_forms import asked, hostile
from tests.support.command import trailforward
from trailforward.doctor.report import render

SCHEMA = os.environ.get("TRAILFORWARD_SARIF_SCHEMA")

YAML = """\
Resources:
  Queue:
    Type: AWS::SQS::Queue

  Typo:
    Type: AWS::Events::Rule
    Properties:
      EventPattern: {source: [aws.iam], detail: {eventName: [createUser]}}
      Targets: [{Id: queue, Arn: !GetAtt Queue.Arn}]
"""
SAM = """\
Transform: AWS::Serverless-2016-10-31
Resources:
  Other:
    Type: AWS::SNS::Topic
  Reader:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.13
      Handler: app.handler
      InlineCode: "x"
      Events:
        Typo:
          Type: EventBridgeRule
          Properties:
            Pattern: {source: [aws.iam], detail: {eventName: [createUser]}}
"""
LOOP = """\
Transform: AWS::LanguageExtensions
Resources:
  Queue:
    Type: AWS::SQS::Queue
  Fn::ForEach::Rules:
    - Name
    - [One]
    - Typo${Name}:
        Type: AWS::Events::Rule
        Properties:
          EventPattern: {source: [aws.iam], detail: {eventName: [createUser]}}
          Targets: [{Id: queue, Arn: !GetAtt Queue.Arn}]
"""
NESTED = """\
Resources:
  Child:
    Type: AWS::CloudFormation::Stack
    Properties: {TemplateURL: deep/child.yaml}
"""
JSON = {
    "Resources": {
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Typo": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "EventPattern": {"source": ["aws.iam"], "detail": {"eventName": ["createUser"]}},
                "Targets": [{"Id": "queue", "Arn": {"Fn::GetAtt": ["Queue", "Arn"]}}],
            },
        },
    }
}


def sarif(found: Any) -> dict[str, Any]:
    """The only run of a SARIF report, checked as GitHub and the schema require."""
    log: dict[str, Any] = json.loads(render(found, "sarif"))
    check(log)
    (run,) = log["runs"]
    return dict(run)


def check(log: dict[str, Any]) -> None:
    """Checks what GitHub requires, and the schema if an environment variable names its file.

    Source: https://docs.github.com/en/code-security/reference/code-scanning/sarif-files/sarif-support
    """
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-schema-2.1.0.json")
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert run["tool"]["driver"]["name"] == "trailforward doctor"
    assert len({rule["id"] for rule in rules}) == len(rules) <= 25_000
    for rule in rules:
        assert all(rule[key]["text"] for key in ("shortDescription", "fullDescription", "help"))
        assert len(rule["shortDescription"]["text"]) <= 1024
    assert len(run["results"]) <= 5_000
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in {"error", "warning", "note"}
        assert result["message"]["text"]
        assert "](" not in result["message"]["text"]
        assert 1 <= len(result["locations"]) <= 100
        for place in result["locations"]:
            assert place["physicalLocation"]["region"]["startLine"] >= 1
            uri = place["physicalLocation"]["artifactLocation"]["uri"]
            assert uri.isascii()
            assert not set(' <>"\\') & set(uri)
            assert place["logicalLocations"][0]["fullyQualifiedName"]
        assert result["partialFingerprints"]["primaryLocationLineHash"].endswith(":1")
    prints = [json.dumps(result["partialFingerprints"]) for result in run["results"]]
    assert len(set(prints)) == len(prints)  # GitHub merges results with the same fingerprint
    if SCHEMA:
        jsonschema.validate(log, json.loads(Path(SCHEMA).read_text("utf-8")))


@pytest.mark.parametrize("world", [sound(), planted(), hostile(), {}])
def test_github_accepts_every_report(world: dict[str, Any]) -> None:
    """Every report has what GitHub requires of rules, results, places, and fingerprints."""
    run = sarif(asked(world))
    for result in run["results"]:
        (place,) = result["locations"]
        assert place["physicalLocation"]["artifactLocation"]["uri"] == "trailforward-world.json"


@pytest.mark.skipif(SCHEMA is None, reason="TRAILFORWARD_SARIF_SCHEMA does not name sarif-schema-2.1.0.json")
@pytest.mark.parametrize("world", [sound(), planted(), hostile(), {}])
def test_reports_are_valid_in_the_official_schema(world: dict[str, Any]) -> None:
    """Reports are valid in the schema of SARIF 2.1.0, which OASIS publishes."""
    assert SCHEMA is not None
    schema = json.loads(Path(SCHEMA).read_text("utf-8"))
    jsonschema.validate(json.loads(render(asked(world), "sarif")), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"version": "2.1.0"}, schema)


def test_levels() -> None:
    """What is blind is an error, unknown a warning, and what is excluded on purpose a note."""
    run = sarif(asked(planted()))
    assert run["invocations"][0]["exitCode"] == 1
    levels = {(result["properties"]["kind"], result["level"]) for result in run["results"]}
    assert levels == {
        ("break", "error"),
        ("unknown", "warning"),
        ("warning", "warning"),
        ("excluded", "note"),
        ("note", "note"),
    }


def test_what_was_not_read_is_listed() -> None:
    """What could not be read is a notification of the run, and a run without results is not successful."""
    notes = sarif(asked(hostile()))["invocations"][0]
    assert any("eu-south-1" in note["message"]["text"] for note in notes["toolExecutionNotifications"])
    empty = sarif(asked({}))["invocations"][0]
    assert (empty["executionSuccessful"], empty["exitCode"]) == (False, 2)


def places(folder: Path, template: str, *options: str) -> dict[str, tuple[str, int, str]]:
    """Code to file, line, and logical ID of the first location, for a template checked in a folder."""
    done = trailforward(
        *("doctor", "--template", template, "--region", "us-east-1", "--format", "sarif", *options),
        folder=folder,
    )
    log = json.loads(done.out)
    check(log)
    found = {}
    for result in log["runs"][0]["results"]:
        first = result["locations"][0]
        physical = first["physicalLocation"]
        found[result["ruleId"]] = (
            physical["artifactLocation"]["uri"],
            physical["region"]["startLine"],
            first["logicalLocations"][0]["fullyQualifiedName"],
        )
    return found


@pytest.mark.parametrize(
    ("text", "line", "name"),
    [
        (YAML, 5, "Typo"),
        (SAM, 5, "ReaderTypo"),
        (LOOP, 8, "TypoOne"),
        (json.dumps(JSON, indent=2), 6, "Typo"),
        (json.dumps(JSON, indent="\t"), 6, "Typo"),
        (json.dumps(JSON), 1, "Typo"),
        ("\ufeff# a comment\n\n" + YAML, 7, "Typo"),
    ],
)
def test_results_point_to_the_line_of_the_resource(tmp_path: Path, text: str, line: int, name: str) -> None:
    """A result names the template's file, the line that declares the rule, and its logical ID."""
    (tmp_path / "my stack.yaml").write_text(text, "utf-8")
    found = places(tmp_path, "my stack.yaml")
    assert found["PATTERN_EVENT_NAME"] == ("my%20stack.yaml", line, f"Resources/{name}")


def test_results_point_into_nested_templates(tmp_path: Path) -> None:
    """A rule of a nested stack is found in the file of the nested template."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "child.yaml").write_text(YAML)
    (tmp_path / "parent.yaml").write_text(NESTED)
    found = places(tmp_path, "parent.yaml")
    assert found["PATTERN_EVENT_NAME"] == ("deep/child.yaml", 5, "Resources/Typo")


def test_results_point_into_cdk_apps(tmp_path: Path) -> None:
    """A rule of a CDK app is found in the template of its stack."""
    folder = tmp_path / "cdk.out"
    folder.mkdir()
    (folder / "app.template.json").write_text(json.dumps(JSON, indent=1))
    stack = {"type": "aws:cloudformation:stack", "properties": {"templateFile": "app.template.json"}}
    (folder / "manifest.json").write_text(json.dumps({"artifacts": {"app": stack}}))
    found = places(tmp_path, "cdk.out")
    assert found["PATTERN_EVENT_NAME"] == ("cdk.out/app.template.json", 6, "Resources/Typo")


def test_results_without_a_resource_point_to_the_template(tmp_path: Path) -> None:
    """What no resource of the template causes points to the template as a whole; also outside the folder."""
    world = {**planted(), "rules": []}
    (tmp_path / "world.json").write_text(json.dumps(world))
    (tmp_path / "empty.yaml").write_text("Resources:\n  Topic:\n    Type: AWS::SNS::Topic\n")
    options = ("--snapshot", "world.json", "--class", "write")
    assert places(tmp_path, "empty.yaml", *options)["NO_RULE"][:2] == ("empty.yaml", 1)
    (tmp_path / "elsewhere").mkdir()
    with chdir(tmp_path / "elsewhere"):
        options = ("--snapshot", "../world.json", "--class", "write")
        uri, line, _ = places(tmp_path / "elsewhere", "../empty.yaml", *options)["NO_RULE"]
    assert (uri, line) == ((tmp_path / "empty.yaml").as_uri(), 1)


def test_results_of_a_snapshot_point_to_its_file(tmp_path: Path) -> None:
    """With --snapshot alone, results point to the file of the snapshot."""
    (tmp_path / "saved.json").write_text(json.dumps(planted()))
    done = trailforward("doctor", "--snapshot", "saved.json", "--format", "sarif", folder=tmp_path)
    log = json.loads(done.out)
    check(log)
    uris = {
        place["physicalLocation"]["artifactLocation"]["uri"]
        for result in log["runs"][0]["results"]
        for place in result["locations"]
    }
    assert uris == {"saved.json"}
