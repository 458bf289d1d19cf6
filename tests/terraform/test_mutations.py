"""The comparison with the SAM stack fails when a module changes."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.support.depth import part
from tests.terraform.module import TERRAFORM
from tests.terraform.test_comparison import hub

if TYPE_CHECKING:
    from pathlib import Path

# Every mutated expression matters in one of these.
MUTATED = ("function", "hub of an organization", "every destination", "safety")
MUTATIONS = [
    ("rule.tf", '"PutLogEvents",', ""),
    ("rule.tf", '[{ prefix = "aws." }]', '[{ prefix = "aws" }]'),
    ("rule.tf", "maximum_retry_attempts       = 185", "maximum_retry_attempts       = 18"),
    ("rule.tf", "state         = var.rule_state", 'state         = "ENABLED"'),
    ("bus.tf", 'ArnLike      = { "aws:PrincipalArn" = local.rule_roles }', ""),
    ("bus.tf", 'Condition = { ArnLike = { "aws:PrincipalArn" = local.rule_roles } }', ""),
    ("queues.tf", 'Effect    = "Deny"', 'Effect    = "Allow"'),
    ("queues.tf", "maxReceiveCount     = var.maximum_receives", "maxReceiveCount     = 100"),
    ("role.tf", '"sqs:DeleteMessage", ', ""),
    ("role.tf", "kinesis:PutRecords", "kinesis:*"),
    ("role.tf", 'Effect    = "Deny"', 'Effect    = "Allow"'),
    ("alarms.tf", "threshold           = var.maximum_age", "threshold           = 900"),
    ("alarms.tf", "evaluation_periods  = 3", "evaluation_periods  = 1"),
    ("alarms.tf", '"InvocationsFailedToBeSentToDlq"', '"InvocationsFailedToBeSentToDLQ"'),
    ("alarms.tf", 'treat_missing_data  = "notBreaching"', 'treat_missing_data  = "missing"'),
    ("alarms_outage.tf", "FILL(retries_delayed, 0)", "retries_delayed"),
    ("alarms_outage.tf", "datapoints_to_alarm = 1", "datapoints_to_alarm = 2"),
    ("dashboard.tf", "[aws_cloudwatch_metric_alarm.age_alarm.arn],", ""),
    ("function.tf", "CONFIGURATION_REVISION       = var.configuration_revision", ""),
    ("function.tf", "NO_PROXY = var.no_proxy", "NO_PROXY = var.https_proxy"),
    ("function.tf", '"ReportBatchItemFailures"', ""),
    (
        "function.tf",
        "batch_size                         = var.batch_size",
        "batch_size                         = 10",
    ),
    (
        "function.tf",
        '"${aws_cloudwatch_log_group.log_group.arn}:*"',
        "aws_cloudwatch_log_group.log_group.arn",
    ),
    ("main.tf", "visibility = 6 * var.timeout + 300", "visibility = 6 * var.timeout"),
    ("main.tf", '"kms:Decrypt", "kms:GenerateDataKey"', '"kms:Decrypt"'),
]


@pytest.mark.parametrize(("name", "old", "new"), part(MUTATIONS, 3))
def test_the_comparison_notices_a_change(name: str, old: str, new: str, tmp_path: Path) -> None:
    """A changed pattern, policy, alarm, variable, or mapping in a module makes the comparison fail."""
    folder = tmp_path / "terraform" / "hub"
    shutil.copytree(TERRAFORM / "hub", folder)
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1))
    assert any(_differs(case, folder) for case in MUTATED)


def _differs(case: str, folder: Path) -> bool:
    made, wanted = hub(case, folder)
    return bool(made != wanted)
