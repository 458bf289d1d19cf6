# trailforward in every account of an organization: a StackSet puts sam/regional.yaml into each Region of each account,
# also of accounts that join later. It never reaches the management account, and it excludes this account.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.25, < 7.0"
    }
  }
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.region
}

resource "aws_cloudformation_stack_set" "organization_stack_set" {
  name             = "${var.name}-organization"
  description      = "The rules of trailforward in the accounts of the organization, in every Region."
  permission_model = "SERVICE_MANAGED"
  call_as          = var.stack_set_call_as
  capabilities     = ["CAPABILITY_NAMED_IAM"]
  template_body    = file("${path.module}/../../sam/regional.yaml")

  auto_deployment {
    enabled                          = true
    retain_stacks_on_account_removal = false
  }

  managed_execution {
    active = true
  }

  operation_preferences {
    region_concurrency_type      = "PARALLEL"
    max_concurrent_percentage    = 25
    failure_tolerance_percentage = 10
  }

  # All of them, because the provider would otherwise report their defaults as changes.
  parameters = {
    Name                = var.name
    Topology            = var.topology
    HubAccount          = local.account
    HubRegion           = local.region
    FunctionRoleArn     = var.function_role_arn
    FunctionArn         = var.function_arn
    EventPattern        = var.event_pattern
    RuleState           = var.rule_state
    Alarm               = tostring(var.regional_alarms)
    AlarmTopicName      = var.regional_alarm_topic_name
    PermissionsBoundary = var.permissions_boundary == "" ? "" : split(":policy/", var.permissions_boundary)[1]
  }

  lifecycle {
    # AWS sets it for service-managed StackSets.
    ignore_changes = [administration_role_arn]
  }

  # Failures of the first deployment must be noted, too.
  depends_on = [aws_cloudwatch_event_target.stack_set_failures_rule]
}

resource "aws_cloudformation_stack_instances" "organization_stack_set" {
  stack_set_name = aws_cloudformation_stack_set.organization_stack_set.name
  call_as        = var.stack_set_call_as
  regions        = var.regions

  deployment_targets {
    organizational_unit_ids = var.organizational_units
    account_filter_type     = "DIFFERENCE"
    accounts                = [local.account]
  }

  operation_preferences {
    region_concurrency_type      = "PARALLEL"
    max_concurrent_percentage    = 25
    failure_tolerance_percentage = 10
  }
}

# An instance that fails later, in an account that joins for example, fails silently. CloudFormation sends an event; the
# alarm remains until somebody has read and deleted it.
resource "aws_sqs_queue" "stack_set_failures" {
  # checkov:skip=CKV_AWS_27:Encrypted by SQS. It contains the status of stacks, and no events of yours.
  name                      = "${var.name}-stackset-failures"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
}

resource "aws_sqs_queue_policy" "stack_set_failures_policy" {
  queue_url = aws_sqs_queue.stack_set_failures.url
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "Rule"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = aws_sqs_queue.stack_set_failures.arn
        Condition = { ArnEquals = { "aws:SourceArn" = "arn:${local.partition}:events:${local.region}:${local.account}:rule/${var.name}-stackset-failures" } }
      },
    ]
  })
}

resource "aws_cloudwatch_event_rule" "stack_set_failures_rule" {
  name           = "${var.name}-stackset-failures"
  description    = "Notes instances of the StackSets of trailforward that CloudFormation could not deploy."
  event_bus_name = "default"
  event_pattern = jsonencode({
    source      = ["aws.cloudformation"]
    detail-type = ["CloudFormation StackSet StackInstance Status Change"]
    detail = {
      # The StackSets of a delegated administrator belong to the management account.
      stack-set-arn  = [{ wildcard = "arn:${local.partition}:cloudformation:${local.region}:*:stackset/${var.name}-organization:*" }]
      status-details = { detailed-status = ["FAILED", "FAILED_IMPORT", "CANCELLED", "INOPERABLE"] }
    }
  })

  depends_on = [aws_sqs_queue_policy.stack_set_failures_policy]
}

resource "aws_cloudwatch_event_target" "stack_set_failures_rule" {
  rule           = aws_cloudwatch_event_rule.stack_set_failures_rule.name
  event_bus_name = "default"
  target_id      = "queue"
  arn            = aws_sqs_queue.stack_set_failures.arn
}

resource "aws_cloudwatch_metric_alarm" "stack_set_failures_alarm" {
  alarm_name          = "${var.name}-stackset-failures"
  alarm_description   = "CloudFormation could not deploy the rule to a Region or account, so its events are missing. A message in the queue names the instance (stack-id) and the reason; the command in the output FailedInstances lists all of them. Fix the cause, run \"aws cloudformation update-stack-instances\", then delete the messages: docs/operations.md, \"Failed StackSet instances\"."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.stack_set_failures.name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arn == "" ? [] : [var.alarm_topic_arn]
  ok_actions          = var.alarm_topic_arn == "" ? [] : [var.alarm_topic_arn]
}
