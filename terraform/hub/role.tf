resource "aws_iam_role" "function_role" {
  name                 = "${var.name}-${local.region}-forwarder"
  permissions_boundary = local.permissions_boundary
  description          = "Lets trailforward read its queues, write its logs, and send to its destinations, and nothing else."
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect    = "Allow"
        Principal = { Service = "lambda.amazonaws.com" }
        Action    = "sts:AssumeRole"
      },
    ]
  })
}

resource "aws_iam_role_policy_attachment" "function_role" {
  # Not for_each: ARNs of policies that the same plan creates are not known yet.
  count = length(var.policy_arns)

  role       = aws_iam_role.function_role.name
  policy_arn = var.policy_arns[count.index]
}

locals {
  # What Lambda's guide asks for; EC2 does not support resources for all of them.
  network = [
    "ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses",
  ]
}

# The same statements that "trailforward iam" prints.
resource "aws_iam_role_policy" "function_role" {
  name = "trailforward"
  role = aws_iam_role.function_role.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid      = "Sources"
          Effect   = "Allow"
          Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
          Resource = [aws_sqs_queue.event_queue.arn, aws_sqs_queue.retry_queue.arn]
        },
        {
          Sid      = "DeadLettersAndRetries"
          Effect   = "Allow"
          Action   = "sqs:SendMessage"
          Resource = [aws_sqs_queue.dead_letters.arn, aws_sqs_queue.retry_queue.arn]
        },
        {
          Sid    = "Logs"
          Effect = "Allow"
          Action = ["logs:CreateLogStream", "logs:PutLogEvents"]
          # ":*" means every log stream of this group.
          Resource = "${aws_cloudwatch_log_group.log_group.arn}:*"
        },
      ],
      var.state_table ? [{ Sid = "State", Effect = "Allow", Action = ["dynamodb:GetItem", "dynamodb:PutItem"], Resource = aws_dynamodb_table.state[0].arn }] : [],
      var.receipts == "" ? [] : [
        {
          Sid      = "Receipts"
          Effect   = "Allow"
          Action   = startswith(var.receipts, "arn:") ? "firehose:PutRecordBatch" : "s3:PutObject"
          Resource = startswith(var.receipts, "arn:") ? var.receipts : "arn:${local.partition}:s3:::${trimprefix(split("?", var.receipts)[0], "s3://")}/*"
        },
      ],
      var.kinesis_stream_arn == "" ? [] : [{ Sid = "Kinesis", Effect = "Allow", Action = "kinesis:PutRecords", Resource = var.kinesis_stream_arn }],
      var.firehose_arn == "" ? [] : [{ Sid = "Firehose", Effect = "Allow", Action = "firehose:PutRecordBatch", Resource = var.firehose_arn }],
      var.sns_topic_arn == "" ? [] : [{ Sid = "Sns", Effect = "Allow", Action = "sns:Publish", Resource = var.sns_topic_arn }],
      var.sqs_queue_arn == "" ? [] : [{ Sid = "Sqs", Effect = "Allow", Action = "sqs:SendMessage", Resource = var.sqs_queue_arn }],
      var.http_secret_arn == "" ? [] : [
        {
          Sid      = "Secrets"
          Effect   = "Allow"
          Action   = "secretsmanager:GetSecretValue"
          Resource = split("#", var.http_secret_arn)[0]
        },
      ],
      var.configuration_parameter == "" ? [] : [
        {
          Sid      = "Configuration"
          Effect   = "Allow"
          Action   = "ssm:GetParameter"
          Resource = "arn:${local.partition}:ssm:${local.region}:${local.account}:parameter${var.configuration_parameter}"
        },
      ],
      var.customer_key ? [
        {
          Sid      = "OwnKey"
          Effect   = "Allow"
          Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
          Resource = aws_kms_key.key[0].arn
        },
      ] : [],
      length(var.destination_key_arns) == 0 ? [] : [
        {
          Sid      = "DestinationKeys"
          Effect   = "Allow"
          Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
          Resource = var.destination_key_arns
        },
      ],
      var.tracing ? [{ Sid = "Tracing", Effect = "Allow", Action = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], Resource = "*" }] : [],
      local.has_vpc ? [{ Sid = "Vpc", Effect = "Allow", Action = local.network, Resource = "*" }] : [],
      # The permissions are for Lambda, which calls before the function runs, not for the function's code.
      local.has_vpc ? [
        {
          Sid       = "VpcNotByCode"
          Effect    = "Deny"
          Action    = local.network
          Resource  = "*"
          Condition = { Null = { "lambda:SourceFunctionArn" = "false" } }
        },
      ] : [],
    )
  })
}
