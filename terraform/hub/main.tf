# trailforward: the same path as sam/template.yaml, for Terraform. ../README.md says what is different.

terraform {
  # 1.9: validation of one variable can read others.
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source = "hashicorp/aws"
      # The oldest version whose schema has been compared with the modules.
      version = ">= 6.25, < 7.0"
    }
    archive = {
      source  = "hashicorp/archive"
      version = ">= 2.4, < 3.0"
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

  is_hub       = var.topology == "hub"
  is_collector = var.topology == "collector"

  logs_bus       = local.is_hub && var.bus_log_level != "OFF"
  logs_bus_info  = local.logs_bus && var.bus_log_level != "ERROR"
  logs_bus_trace = local.logs_bus && var.bus_log_level == "TRACE"

  # The roles that the module regional-rules and sam/regional.yaml create.
  rule_roles = "arn:${local.partition}:iam::*:role/${var.name}-*-rule"

  permissions_boundary = var.permissions_boundary == "" ? null : var.permissions_boundary

  # Seconds: six timeouts and the longest batching window, as Lambda's guide asks.
  visibility = 6 * var.timeout + 300
  # Milliseconds: 80 % of the timeout.
  slow = 800 * var.timeout
  # Minutes from one attempt of an event to the next: visibility, the longest retry_delay, and 5 to spare.
  memory = ceil((local.visibility + 900) / 60) + 5

  key_arn     = var.customer_key ? aws_kms_key.key[0].arn : null
  managed_sse = var.customer_key ? null : true
  logs_key    = var.logs_key_arn == "" ? local.key_arn : var.logs_key_arn
}

# Removing it from the state, instead of destroying it, keeps retained dead letters readable.
resource "aws_kms_key" "key" {
  count = var.customer_key ? 1 : 0

  description         = "Queues and logs of ${var.name}"
  enable_key_rotation = true
  policy = jsonencode({
    Version = "2012-10-17"
    # In a key policy, "*" means this key.
    Statement = [
      {
        Sid       = "Account"
        Effect    = "Allow"
        Principal = { AWS = "arn:${local.partition}:iam::${local.account}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      # No condition on the rule: AWS does not document what EventBridge passes to KMS, and a wrong guess would lose events.
      {
        Sid       = "EventBridge"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = "*"
      },
      {
        Sid       = "Logs"
        Effect    = "Allow"
        Principal = { Service = "logs.${local.region}.amazonaws.com" }
        Action    = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:GenerateDataKey", "kms:DescribeKey"]
        Resource  = "*"
        Condition = {
          ArnEquals = {
            "kms:EncryptionContext:aws:logs:arn" = [
              "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/trailforward/${var.name}",
              "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws/vendedlogs/events/event-bus/${var.name}",
            ]
          }
        }
      },
    ]
  })
}
