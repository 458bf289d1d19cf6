# hub: events of the central bus. regional: events of this Region's default bus. In topology collector, all rules are in
# the module regional-rules.
locals {
  has_rule = var.topology != "collector"
  rule_arn = "arn:${local.partition}:events:${local.region}:${local.account}:rule/${local.is_hub ? "${var.name}/" : ""}${var.name}"

  pattern = {
    source      = [{ prefix = "aws." }]
    detail-type = [{ suffix = " via CloudTrail" }]
    detail = {
      # If a trail records data events, the calls of each delivery would create new events endlessly.
      # The rule excludes only these calls; the function decides about all other calls of its role.
      # "anything-but" alone does not match events without the field, hence "exists".
      "$or" = [
        # Any other call by anybody.
        {
          eventName = [
            { exists = false },
            {
              anything-but = [
                "SendMessage", "SendMessageBatch", "ReceiveMessage", "DeleteMessage", "DeleteMessageBatch", "Invoke",
                "GetItem", "PutItem", "PutRecord", "PutRecords", "PutRecordBatch", "PutEvents", "PutRawEvents", "Publish",
                "PublishBatch", "PutLogEvents", "BatchImportFindings", "StartExecution",
              ]
            },
          ]
        },
        # Such a call by anybody except the function's role and AWS services.
        {
          userIdentity = {
            type           = [{ exists = false }, { anything-but = ["AWSService"] }]
            sessionContext = { sessionIssuer = { arn = [{ exists = false }, { anything-but = [aws_iam_role.function_role.arn] }] } }
          }
        },
        # Such a call by an AWS service on anything except the queue and the function.
        {
          userIdentity = { type = ["AWSService"] }
          resources = {
            ARN = [
              {
                anything-but = concat(
                  [aws_sqs_queue.event_queue.arn, aws_lambda_function.forwarder.arn],
                  aws_lambda_alias.snap_start_alias[*].arn,
                )
              },
            ]
          }
        },
      ]
    }
  }
}

resource "aws_cloudwatch_event_rule" "rule" {
  count = local.has_rule ? 1 : 0

  name           = var.name
  description    = "Sends CloudTrail events to the queue of trailforward."
  event_bus_name = local.is_hub ? aws_cloudwatch_event_bus.bus[0].name : "default"
  # Read-only events need the long state on this rule and on the regional rules.
  state         = var.rule_state
  event_pattern = var.event_pattern == "" ? jsonencode(local.pattern) : var.event_pattern

  # Events come as soon as the rule exists. Without the policies, they would be dead letters, or lost.
  depends_on = [aws_sqs_queue_policy.event_queue_policy, aws_sqs_queue_policy.rule_dead_letters_policy]
}

resource "aws_cloudwatch_event_target" "rule" {
  count = local.has_rule ? 1 : 0

  rule           = aws_cloudwatch_event_rule.rule[0].name
  event_bus_name = aws_cloudwatch_event_rule.rule[0].event_bus_name
  target_id      = "queue"
  arn            = aws_sqs_queue.event_queue.arn

  # EventBridge's defaults, written out so that readers see them.
  retry_policy {
    maximum_event_age_in_seconds = 86400
    maximum_retry_attempts       = 185
  }

  dead_letter_config {
    arn = aws_sqs_queue.rule_dead_letters.arn
  }
}
