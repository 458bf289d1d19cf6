locals {
  # The dashboard, the alarms, and the dead letters show the names of the sinks.
  sinks = join("\n", [
    # Lambda makes these calls with the function's role, so they are no sign of stolen credentials.
    local.has_vpc ? "own_calls = [{call = \"ec2:CreateNetworkInterface\", resource = \"*\"}, {call = \"ec2:DeleteNetworkInterface\", resource = \"*\"}, {call = \"ec2:AssignPrivateIpAddresses\", resource = \"*\"}, {call = \"ec2:UnassignPrivateIpAddresses\", resource = \"*\"}]" : "",
    var.kinesis_stream_arn == "" ? "" : "[sinks.kinesis]\nto = \"${var.kinesis_stream_arn}\"",
    var.firehose_arn == "" ? "" : "[sinks.firehose]\nto = \"${var.firehose_arn}\"",
    var.sns_topic_arn == "" ? "" : "[sinks.sns]\nto = \"${var.sns_topic_arn}\"\nformat = \"${var.sns_format}\"",
    var.sqs_queue_arn == "" ? "" : "[sinks.sqs]\nto = \"${var.sqs_queue_arn}\"",
    var.http_url == "" ? "" : "[sinks.http]\nto = \"${var.http_url}\"",
    var.http_secret_arn == "" ? "" : "auth = { type = \"bearer\", secret = \"${var.http_secret_arn}\" }",
  ])

  configuration = var.configuration == "" ? local.sinks : var.configuration

  has_vpc = length(var.subnet_ids) > 0
  pollers = var.provisioned_pollers == "" ? [] : split("-", var.provisioned_pollers)

  # What the queues invoke: with SnapStart a published version, because only these have a snapshot.
  invoked = var.snap_start ? aws_lambda_alias.snap_start_alias[0].arn : aws_lambda_function.forwarder.arn
}

data "archive_file" "function" {
  type        = "zip"
  source_dir  = "${path.module}/../../sam/function"
  excludes    = ["__pycache__"]
  output_path = "${path.root}/.terraform/${var.name}-function.zip"
}

# Old versions stay: other functions may use one by ARN, and a deleted version can no longer be deployed.
resource "aws_lambda_layer_version" "forwarder_layer" {
  layer_name               = var.name
  description              = "trailforward and its dependencies, except boto3."
  filename                 = var.layer_zip
  source_code_hash         = filebase64sha256(var.layer_zip)
  compatible_runtimes      = [var.runtime]
  compatible_architectures = [var.architecture]
  license_info             = "Apache-2.0"
  skip_destroy             = true
}

resource "aws_lambda_function" "forwarder" {
  # checkov:skip=CKV_AWS_115:maximum_concurrency limits it at the queue. Reserved concurrency would throttle, waste receives, and create dead letters.
  # checkov:skip=CKV_AWS_116:A function behind a queue does not need its own dead-letter queue. The queue has one.
  # checkov:skip=CKV_AWS_117:subnet_ids decides. By default, it calls only public endpoints.
  # checkov:skip=CKV_AWS_173:Its environment contains no secrets, only references to them.
  # checkov:skip=CKV_AWS_272:The layer and the function come from this repository; code signing needs a profile of yours.
  function_name    = "${var.name}-forwarder"
  description      = "Forwards CloudTrail events from the queue."
  filename         = data.archive_file.function.output_path
  source_code_hash = data.archive_file.function.output_base64sha256
  handler          = "app.handler"
  runtime          = var.runtime
  architectures    = [var.architecture]
  memory_size      = var.memory_size
  timeout          = var.timeout
  role             = aws_iam_role.function_role.arn
  layers           = [aws_lambda_layer_version.forwarder_layer.arn]
  # Every change publishes a version, which SnapStart needs.
  publish = var.snap_start

  dynamic "snap_start" {
    for_each = var.snap_start ? [1] : []
    content {
      apply_on = "PublishedVersions"
    }
  }

  tracing_config {
    mode = var.tracing ? "Active" : "PassThrough"
  }

  dynamic "vpc_config" {
    for_each = local.has_vpc ? [1] : []
    content {
      subnet_ids         = var.subnet_ids
      security_group_ids = var.security_group_ids
    }
  }

  logging_config {
    log_format            = "JSON"
    log_group             = aws_cloudwatch_log_group.log_group.name
    application_log_level = var.log_level
    system_log_level      = "WARN"
  }

  environment {
    variables = merge(
      {
        TRAILFORWARD_CONFIG      = var.configuration_parameter == "" ? local.configuration : "ssm:${var.configuration_parameter}"
        TRAILFORWARD_DEAD_LETTER = aws_sqs_queue.dead_letters.arn
        TRAILFORWARD_RETRY_QUEUE = aws_sqs_queue.retry_queue.arn
        # The pipeline's own calls with and on these resources are not forwarded.
        TRAILFORWARD_OWN_ARNS        = join(" ", [aws_iam_role.function_role.arn, aws_sqs_queue.event_queue.arn, "${aws_cloudwatch_log_group.log_group.arn}:*"])
        POWERTOOLS_METRICS_NAMESPACE = "trailforward"
        POWERTOOLS_SERVICE_NAME      = var.name
        POWERTOOLS_LOG_LEVEL         = var.log_level
        CONFIGURATION_REVISION       = var.configuration_revision
      },
      var.state_table ? { TRAILFORWARD_STATE = aws_dynamodb_table.state[0].arn } : {},
      var.receipts == "" ? {} : { TRAILFORWARD_RECEIPTS = var.receipts },
      var.https_proxy == "" ? {} : { HTTPS_PROXY = var.https_proxy },
      var.no_proxy == "" ? {} : { NO_PROXY = var.no_proxy },
    )
  }

  # Without its permissions, the first invocations would fail, and Lambda could not enter the VPC.
  depends_on = [aws_iam_role_policy.function_role]
}

resource "aws_lambda_alias" "snap_start_alias" {
  count = var.snap_start ? 1 : 0

  name             = "live"
  function_name    = aws_lambda_function.forwarder.function_name
  function_version = aws_lambda_function.forwarder.version
}

resource "aws_lambda_event_source_mapping" "events_to_function" {
  event_source_arn                   = aws_sqs_queue.event_queue.arn
  function_name                      = local.invoked
  batch_size                         = var.batch_size
  maximum_batching_window_in_seconds = var.batching_window
  # Without this, Lambda ignores which events failed and deletes all of them.
  function_response_types = ["ReportBatchItemFailures"]

  # Lambda accepts only one of the two.
  dynamic "scaling_config" {
    for_each = length(local.pollers) > 0 ? [] : [1]
    content {
      maximum_concurrency = var.maximum_concurrency
    }
  }

  dynamic "provisioned_poller_config" {
    for_each = length(local.pollers) > 0 ? [1] : []
    content {
      minimum_pollers = local.pollers[0]
      maximum_pollers = local.pollers[1]
    }
  }

  depends_on = [aws_iam_role_policy.function_role]
}

resource "aws_lambda_event_source_mapping" "retries_to_function" {
  event_source_arn                   = aws_sqs_queue.retry_queue.arn
  function_name                      = local.invoked
  batch_size                         = var.batch_size
  maximum_batching_window_in_seconds = var.batching_window
  function_response_types            = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = 2
  }

  depends_on = [aws_iam_role_policy.function_role]
}

resource "aws_cloudwatch_log_group" "log_group" {
  # checkov:skip=CKV_AWS_158:logs_key_arn and customer_key decide. Logs contain counts, IDs, and error codes, never payloads.
  # checkov:skip=CKV_AWS_338:log_retention_days decides.
  name              = "/trailforward/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = local.logs_key
}
