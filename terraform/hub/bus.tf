# Topology hub: the bus that receives the events of every Region and account.
resource "aws_cloudwatch_event_bus" "bus" {
  count = local.is_hub ? 1 : 0

  name        = var.name
  description = "Receives CloudTrail events of every Region and account for trailforward."

  dynamic "log_config" {
    for_each = local.logs_bus ? [1] : []
    content {
      level          = var.bus_log_level
      include_detail = "NONE"
    }
  }
}

# Forged events cannot pass: PutEvents rejects a source that begins with "aws.", and the rule matches no other source.
resource "aws_cloudwatch_event_bus_policy" "bus_policy" {
  count = local.is_hub ? 1 : 0

  event_bus_name = aws_cloudwatch_event_bus.bus[0].name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid       = "${var.name}-accounts"
          Effect    = "Allow"
          Principal = { AWS = distinct(concat([local.account], var.accounts)) }
          Action    = "events:PutEvents"
          Resource  = aws_cloudwatch_event_bus.bus[0].arn
          # The roles that the rules of the Regions have, and nobody else in these accounts.
          Condition = { ArnLike = { "aws:PrincipalArn" = local.rule_roles } }
        },
      ],
      # One condition instead of a list of accounts: a bus policy is limited to 10,240 characters.
      var.organization_id == "" ? [] : [
        {
          Sid       = "${var.name}-organization"
          Effect    = "Allow"
          Principal = "*"
          Action    = "events:PutEvents"
          Resource  = aws_cloudwatch_event_bus.bus[0].arn
          Condition = {
            StringEquals = { "aws:PrincipalOrgID" = var.organization_id }
            ArnLike      = { "aws:PrincipalArn" = local.rule_roles }
          }
        },
      ],
    )
  })
}

# EventBridge writes logs only where a delivery takes them, one for each type of log.
resource "aws_cloudwatch_log_group" "bus_log_group" {
  # checkov:skip=CKV_AWS_158:logs_key_arn and customer_key decide. The logs contain no content of events.
  # checkov:skip=CKV_AWS_338:log_retention_days decides.
  count = local.logs_bus ? 1 : 0

  # Only groups with this prefix need no resource policy, of which an account has ten.
  name              = "/aws/vendedlogs/events/event-bus/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = local.logs_key
}

resource "aws_cloudwatch_log_delivery_destination" "bus_log_destination" {
  count = local.logs_bus ? 1 : 0

  name = "${var.name}-bus-logs"

  delivery_destination_configuration {
    destination_resource_arn = aws_cloudwatch_log_group.bus_log_group[0].arn
  }
}

resource "aws_cloudwatch_log_delivery_source" "bus_error_logs" {
  count = local.logs_bus ? 1 : 0

  name         = "${var.name}-bus-error"
  resource_arn = aws_cloudwatch_event_bus.bus[0].arn
  log_type     = "ERROR_LOGS"
}

resource "aws_cloudwatch_log_delivery" "bus_error_delivery" {
  count = local.logs_bus ? 1 : 0

  delivery_source_name     = aws_cloudwatch_log_delivery_source.bus_error_logs[0].name
  delivery_destination_arn = aws_cloudwatch_log_delivery_destination.bus_log_destination[0].arn
}

resource "aws_cloudwatch_log_delivery_source" "bus_info_logs" {
  count = local.logs_bus_info ? 1 : 0

  name         = "${var.name}-bus-info"
  resource_arn = aws_cloudwatch_event_bus.bus[0].arn
  log_type     = "INFO_LOGS"
}

resource "aws_cloudwatch_log_delivery" "bus_info_delivery" {
  count = local.logs_bus_info ? 1 : 0

  delivery_source_name     = aws_cloudwatch_log_delivery_source.bus_info_logs[0].name
  delivery_destination_arn = aws_cloudwatch_log_delivery_destination.bus_log_destination[0].arn

  # Deliveries to one destination are created one after the other.
  depends_on = [aws_cloudwatch_log_delivery.bus_error_delivery]
}

resource "aws_cloudwatch_log_delivery_source" "bus_trace_logs" {
  count = local.logs_bus_trace ? 1 : 0

  name         = "${var.name}-bus-trace"
  resource_arn = aws_cloudwatch_event_bus.bus[0].arn
  log_type     = "TRACE_LOGS"
}

resource "aws_cloudwatch_log_delivery" "bus_trace_delivery" {
  count = local.logs_bus_trace ? 1 : 0

  delivery_source_name     = aws_cloudwatch_log_delivery_source.bus_trace_logs[0].name
  delivery_destination_arn = aws_cloudwatch_log_delivery_destination.bus_log_destination[0].arn

  depends_on = [aws_cloudwatch_log_delivery.bus_info_delivery]
}
