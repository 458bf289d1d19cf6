# Each description says what to do. Missing data means that nothing happened.
locals {
  alarm_actions = var.alarm_topic_arn == "" ? [] : [var.alarm_topic_arn]
}

resource "aws_cloudwatch_metric_alarm" "dead_letters_alarm" {
  alarm_name          = "${var.name}-dead-letters"
  alarm_description   = "Events could not be delivered. Read the attributes of a message (trailforward-code, -reason, -sinks), fix the cause, then redrive the queue: docs/operations.md, \"Dead letters\"."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.dead_letters.name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "rule_dead_letters_alarm" {
  alarm_name          = "${var.name}-rule-dead-letters"
  alarm_description   = "EventBridge could not send events to the queue. Read the attribute ERROR_CODE of a message (queue policy, key, deleted queue), fix the cause, then redrive to the event queue."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.rule_dead_letters.name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "failed_invocations_alarm" {
  count = local.has_rule ? 1 : 0

  alarm_name          = "${var.name}-failed-invocations"
  alarm_description   = "EventBridge gave up sending events to the queue. They should be in the rule's dead-letter queue; look there."
  namespace           = "AWS/Events"
  metric_name         = "FailedInvocations"
  dimensions          = merge({ RuleName = var.name }, local.is_hub ? { EventBusName = var.name } : {})
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "lost_dead_letters_alarm" {
  count = local.has_rule ? 1 : 0

  alarm_name          = "${var.name}-lost-rule-dead-letters"
  alarm_description   = "EventBridge could send events neither to the queue nor to the dead-letter queue. They are lost here; backfill them from the trail's log files."
  namespace           = "AWS/Events"
  metric_name         = "InvocationsFailedToBeSentToDlq"
  dimensions          = merge({ RuleName = var.name }, local.is_hub ? { EventBusName = var.name } : {})
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "age_alarm" {
  alarm_name          = "${var.name}-age"
  alarm_description   = "Events wait too long. Nothing is lost before MaximumReceives or 14 days. A destination throttles (see the log lines \"not delivered\"), or MaximumConcurrency is too low. Raise the destination's capacity, or MaximumConcurrency."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = aws_sqs_queue.event_queue.name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 3
  threshold           = var.maximum_age
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "retry_age_alarm" {
  alarm_name          = "${var.name}-retry-age"
  alarm_description   = "A destination has not accepted events for a long time, while others have. The log lines \"not delivered\" name it."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = aws_sqs_queue.retry_queue.name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 3
  threshold           = var.maximum_age
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "errors_alarm" {
  alarm_name          = "${var.name}-errors"
  alarm_description   = "The function failed: an invalid configuration (the log lists every error), a timeout, or a bug. Its events are back in the queue."
  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  dimensions          = { FunctionName = aws_lambda_function.forwarder.function_name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "throttles_alarm" {
  alarm_name          = "${var.name}-throttles"
  alarm_description   = "The account has no concurrency left for the function. Each throttle counts as a receive of its events. Raise the account's quota."
  namespace           = "AWS/Lambda"
  metric_name         = "Throttles"
  dimensions          = { FunctionName = aws_lambda_function.forwarder.function_name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 3
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "duration_alarm" {
  alarm_name          = "${var.name}-duration"
  alarm_description   = "Invocations use more than 80 % of Timeout. A destination is slow. Lower BatchSize or raise Timeout."
  namespace           = "AWS/Lambda"
  metric_name         = "Duration"
  dimensions          = { FunctionName = aws_lambda_function.forwarder.function_name }
  extended_statistic  = "p99"
  period              = 300
  evaluation_periods  = 3
  threshold           = local.slow
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "ledger_alarm" {
  alarm_name        = "${var.name}-ledger"
  alarm_description = "received did not equal delivered + filtered + dead_lettered + returned. This is a bug in trailforward. The affected events are back in the queue. Please report the log line \"ledger does not add up\"."

  metric_query {
    id          = "breaks"
    expression  = "SELECT SUM(ledger_breaks) FROM SCHEMA(\"trailforward\", service, sink) WHERE service = '${var.name}'"
    period      = 300
    return_data = true
  }

  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "unusual_self_alarm" {
  alarm_name          = "${var.name}-unusual-self"
  alarm_description   = "The function's role made a call that the pipeline never makes. The event was forwarded. If nobody added code to the function, its credentials may be stolen: docs/operations.md, \"Unusual calls of the function's role\". The log line \"unusual call\" names the call."
  namespace           = "trailforward"
  metric_name         = "unusual_self"
  dimensions          = { guard = "self", service = var.name }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "receipts_alarm" {
  count = var.receipts == "" ? 0 : 1

  alarm_name          = "${var.name}-receipts"
  alarm_description   = "Receipts could not be written. The events were delivered, but an audit will report them as missing. The log line \"receipts not written\" has the code: docs/operations.md, \"Failed receipts\"."
  namespace           = "trailforward"
  metric_name         = "receipts_failed"
  dimensions          = { guard = "receipts", service = var.name }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
}
