locals {
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letters.arn
    maxReceiveCount     = var.maximum_receives
  })
}

resource "aws_sqs_queue" "event_queue" {
  # A fixed name, because rules of other accounts (topology collector) refer to it.
  name                       = "${var.name}-events"
  message_retention_seconds  = 1209600
  visibility_timeout_seconds = local.visibility
  sqs_managed_sse_enabled    = local.managed_sse
  kms_master_key_id          = local.key_arn
  redrive_policy             = local.redrive_policy
}

resource "aws_sqs_queue_policy" "event_queue_policy" {
  queue_url = aws_sqs_queue.event_queue.url
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      local.has_rule ? [
        {
          Sid       = "Rule"
          Effect    = "Allow"
          Principal = { Service = "events.amazonaws.com" }
          Action    = "sqs:SendMessage"
          Resource  = aws_sqs_queue.event_queue.arn
          # Without this condition, a rule of any account could send here. Not the rule's attribute, because the rule is
          # created later.
          Condition = { ArnEquals = { "aws:SourceArn" = local.rule_arn } }
        },
      ] : [],
      local.is_collector && var.organization_id != "" ? [
        {
          Sid       = "Organization"
          Effect    = "Allow"
          Principal = { AWS = "*" }
          Action    = "sqs:SendMessage"
          Resource  = aws_sqs_queue.event_queue.arn
          # The roles that the rules of the Regions have, and nobody else in the organization.
          Condition = {
            StringEquals = { "aws:PrincipalOrgID" = var.organization_id }
            ArnLike      = { "aws:PrincipalArn" = local.rule_roles }
          }
        },
      ] : [],
      local.is_collector && length(var.accounts) > 0 ? [
        {
          Sid       = "Accounts"
          Effect    = "Allow"
          Principal = { AWS = var.accounts }
          Action    = "sqs:SendMessage"
          Resource  = aws_sqs_queue.event_queue.arn
          Condition = { ArnLike = { "aws:PrincipalArn" = local.rule_roles } }
        },
      ] : [],
      [
        {
          Sid       = "EncryptedOnly"
          Effect    = "Deny"
          Principal = "*"
          Action    = "sqs:*"
          Resource  = aws_sqs_queue.event_queue.arn
          Condition = { Bool = { "aws:SecureTransport" = "false" } }
        },
      ],
    )
  })
}

# Events that some destinations accepted and others did not: only the others receive them again.
resource "aws_sqs_queue" "retry_queue" {
  name                       = "${var.name}-retries"
  delay_seconds              = var.retry_delay
  message_retention_seconds  = 1209600
  visibility_timeout_seconds = local.visibility
  sqs_managed_sse_enabled    = local.managed_sse
  kms_master_key_id          = local.key_arn
  redrive_policy             = local.redrive_policy
}

# Events that can never be delivered (the function adds the reason), and events that were received too often.
# No fixed name, so that a queue that was removed from the state does not block the next deployment.
resource "aws_sqs_queue" "dead_letters" {
  name_prefix               = "${var.name}-dead-letters-"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = local.managed_sse
  kms_master_key_id         = local.key_arn
}

# Events that EventBridge could not send to the queue. Not encrypted with the event queue's key, because a problem with
# that key is one reason why events arrive here.
resource "aws_sqs_queue" "rule_dead_letters" {
  # checkov:skip=CKV_AWS_27:Encrypted by SQS. See above.
  name_prefix               = "${var.name}-rule-dead-letters-"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
}

resource "aws_sqs_queue_policy" "rule_dead_letters_policy" {
  count = local.has_rule ? 1 : 0

  queue_url = aws_sqs_queue.rule_dead_letters.url
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "Rule"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = aws_sqs_queue.rule_dead_letters.arn
        Condition = { ArnEquals = { "aws:SourceArn" = local.rule_arn } }
      },
    ]
  })
}
