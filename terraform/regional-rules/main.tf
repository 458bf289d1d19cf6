# trailforward in many Regions of one account: the same as sam/regional.yaml in each of them. One provider configuration
# is enough, because version 6 of the provider has the argument "region".

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

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition

  is_hub = var.topology == "hub"

  # Where the rule of each Region sends. A queue in another account can be a target, a queue in another Region cannot.
  targets = {
    for region in var.regions : region => (
      local.is_hub
      ? "arn:${local.partition}:events:${var.hub_region}:${var.hub_account}:event-bus/${var.name}"
      : "arn:${local.partition}:sqs:${region}:${var.hub_account}:${var.name}-events"
    )
  }

  rule_arns = {
    for region in var.regions : region => "arn:${local.partition}:events:${region}:${local.account}:rule/${var.name}-regional"
  }

  # Only AWS can send a source that begins with "aws.", so these events cannot be forged.
  patterns = {
    for region in var.regions : region => {
      source = [{ prefix = "aws." }]
      # API calls, sign-ins, service events, Insights, network activity. A list would become outdated.
      detail-type = [{ suffix = " via CloudTrail" }]
      detail = {
        # If a trail records data events, the calls of each delivery would create new events endlessly.
        # The rule excludes only these calls; the function decides about all other calls of its roles.
        # "anything-but" alone does not match events without the field, hence "exists".
        "$or" = [
          # Any other call by anybody.
          {
            eventName = [
              { exists = false },
              {
                anything-but = [
                  "AssumeRole", "SendMessage", "SendMessageBatch", "ReceiveMessage", "DeleteMessage", "DeleteMessageBatch",
                  "Invoke", "GetItem", "PutItem", "PutRecord", "PutRecords", "PutRecordBatch", "PutEvents", "PutRawEvents", "Publish", "PublishBatch",
                  "PutLogEvents", "BatchImportFindings", "StartExecution",
                ]
              },
            ]
          },
          # Such a call by anybody except the pipeline's roles and AWS services.
          {
            userIdentity = {
              type = [{ exists = false }, { anything-but = ["AWSService"] }]
              sessionContext = {
                sessionIssuer = {
                  arn = [
                    { exists = false },
                    { anything-but = concat([aws_iam_role.rule_role[region].arn], var.function_role_arn == "" ? [] : [var.function_role_arn]) },
                  ]
                }
              }
            }
          },
          # AssumeRole by anybody except AWS services, which assume the pipeline's roles for a delivery.
          {
            eventName    = ["AssumeRole"]
            userIdentity = { type = [{ anything-but = ["AWSService"] }] }
          },
          # AWS services that assume any role except the rule's.
          {
            userIdentity      = { type = ["AWSService"] }
            requestParameters = { roleArn = [{ anything-but = [aws_iam_role.rule_role[region].arn] }] }
          },
          # AWS services that send to or invoke anything except the function.
          {
            eventName    = [{ anything-but = ["AssumeRole"] }]
            userIdentity = { type = ["AWSService"] }
            resources    = { ARN = [{ anything-but = [var.function_arn == "" ? "none" : var.function_arn] }] }
          },
        ]
      }
    }
  }
}

resource "aws_cloudwatch_event_rule" "rule" {
  for_each = var.regions

  region      = each.key
  name        = "${var.name}-regional"
  description = "Sends all CloudTrail events of this Region, except the calls of each delivery, to the forwarder."
  # AWS services send their events only to the default bus.
  event_bus_name = "default"
  state          = var.rule_state
  event_pattern  = var.event_pattern == "" ? jsonencode(local.patterns[each.key]) : var.event_pattern

  # An event that arrives before the policy would be lost if its delivery failed.
  depends_on = [aws_sqs_queue_policy.dead_letters_policy]
}

resource "aws_cloudwatch_event_target" "rule" {
  for_each = var.regions

  region         = each.key
  rule           = aws_cloudwatch_event_rule.rule[each.key].name
  event_bus_name = "default"
  target_id      = "forwarder"
  arn            = local.targets[each.key]
  role_arn       = aws_iam_role.rule_role[each.key].arn

  # EventBridge rejects a retry policy for a bus. Its defaults apply there, which are the same.
  dynamic "retry_policy" {
    for_each = local.is_hub ? [] : [1]
    content {
      maximum_event_age_in_seconds = 86400
      maximum_retry_attempts       = 185
    }
  }

  # It must be in the Region of the rule.
  dead_letter_config {
    arn = aws_sqs_queue.dead_letters[each.key].arn
  }

  # Without its permission, the first events would be dead letters.
  depends_on = [aws_iam_role_policy.rule_role]
}

resource "aws_iam_role" "rule_role" {
  for_each = var.regions

  # The hub's bus and the collector's queue admit roles of this name only. It includes the Region, because roles are global.
  name                 = "${var.name}-${each.key}-rule"
  permissions_boundary = var.permissions_boundary == "" ? null : "arn:${local.partition}:iam::${local.account}:policy/${var.permissions_boundary}"
  description          = "EventBridge assumes it to send CloudTrail events of ${each.key} to trailforward."
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sts:AssumeRole"
        Condition = {
          StringEquals = { "aws:SourceAccount" = local.account }
          ArnEquals    = { "aws:SourceArn" = local.rule_arns[each.key] }
        }
      },
    ]
  })
}

resource "aws_iam_role_policy" "rule_role" {
  for_each = var.regions

  name = "send"
  role = aws_iam_role.rule_role[each.key].name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = local.is_hub ? "events:PutEvents" : "sqs:SendMessage"
        Resource = local.targets[each.key]
      },
    ]
  })
}

# Events that EventBridge could not send to the forwarder. You have 14 days to fix the cause and redrive them.
resource "aws_sqs_queue" "dead_letters" {
  # checkov:skip=CKV_AWS_27:Encrypted by SQS. A KMS key would cost a dollar a month in each Region and be one more way to lose events.
  for_each = var.regions

  region                    = each.key
  name                      = "${var.name}-regional-dead-letters"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
}

resource "aws_sqs_queue_policy" "dead_letters_policy" {
  for_each = var.regions

  region    = each.key
  queue_url = aws_sqs_queue.dead_letters[each.key].url
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "Rule"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = aws_sqs_queue.dead_letters[each.key].arn
        # Not the rule's attribute, because the rule is created after this policy.
        Condition = { ArnEquals = { "aws:SourceArn" = local.rule_arns[each.key] } }
      },
    ]
  })
}

resource "aws_cloudwatch_metric_alarm" "dead_letters_alarm" {
  for_each = var.alarm ? var.regions : toset([])

  region              = each.key
  alarm_name          = "${var.name}-regional-dead-letters"
  alarm_description   = "CloudTrail events of this Region did not reach the forwarder. They are kept for 14 days. The attribute ERROR_CODE of a message says why (NO_PERMISSIONS: role or policy of the bus; NO_RESOURCE: policy of the queue). Fix the cause, then run \"trailforward redrive\" with this queue: docs/operations.md, \"Dead letters\"."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.dead_letters[each.key].name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_name == "" ? [] : ["arn:${local.partition}:sns:${each.key}:${local.account}:${var.alarm_topic_name}"]
}
