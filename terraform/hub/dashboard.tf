locals {
  dashboard_alarms = concat(
    [aws_cloudwatch_metric_alarm.dead_letters_alarm.arn],
    [aws_cloudwatch_metric_alarm.rule_dead_letters_alarm.arn],
    aws_cloudwatch_metric_alarm.failed_invocations_alarm[*].arn,
    aws_cloudwatch_metric_alarm.lost_dead_letters_alarm[*].arn,
    [aws_cloudwatch_composite_alarm.outage_alarm.arn],
    [aws_cloudwatch_metric_alarm.age_alarm.arn],
    [aws_cloudwatch_metric_alarm.unusual_self_alarm.arn],
    [aws_cloudwatch_metric_alarm.retry_age_alarm.arn],
    [aws_cloudwatch_metric_alarm.errors_alarm.arn],
    [aws_cloudwatch_metric_alarm.throttles_alarm.arn],
    [aws_cloudwatch_metric_alarm.duration_alarm.arn],
    [aws_cloudwatch_metric_alarm.ledger_alarm.arn],
    aws_cloudwatch_metric_alarm.receipts_alarm[*].arn,
  )
}

resource "aws_cloudwatch_dashboard" "dashboard" {
  # The name includes the Region, because dashboards are global.
  dashboard_name = "${var.name}-${local.region}"
  dashboard_body = jsonencode({
    start = "-PT6H"
    widgets = [
      {
        type   = "alarm"
        x      = 0
        y      = 0
        width  = 24
        height = 3
        properties = {
          title  = "Alarms"
          alarms = local.dashboard_alarms
        }
      },
      {
        type   = "metric"
        x      = 0
        y      = 3
        width  = 12
        height = 6
        properties = {
          title   = "Events delivered, by event Region"
          region  = local.region
          view    = "timeSeries"
          stacked = true
          period  = 300
          metrics = [
            [{ expression = "SEARCH('{trailforward,region,service} MetricName=\"latency\" service=\"${var.name}\"', 'SampleCount', 300)", label = "$${PROP('Dim.region')}" }],
          ]
        }
      },
      {
        type   = "metric"
        x      = 12
        y      = 3
        width  = 12
        height = 6
        properties = {
          title  = "Latency from call to delivery, by event Region (ms, p90)"
          region = local.region
          view   = "timeSeries"
          period = 300
          metrics = [
            [{ expression = "SEARCH('{trailforward,region,service} MetricName=\"latency\" service=\"${var.name}\"', 'p90', 300)", label = "$${PROP('Dim.region')}" }],
          ]
        }
      },
      {
        type   = "metric"
        x      = 0
        y      = 9
        width  = 12
        height = 6
        properties = {
          title  = "Delivered, by sink"
          region = local.region
          view   = "timeSeries"
          period = 300
          metrics = [
            [{ expression = "SEARCH('{trailforward,service,sink} MetricName=\"delivered\" service=\"${var.name}\"', 'Sum', 300)", label = "$${PROP('Dim.sink')}" }],
          ]
        }
      },
      {
        type   = "metric"
        x      = 12
        y      = 9
        width  = 12
        height = 6
        properties = {
          title  = "Not delivered, by sink and fate"
          region = local.region
          view   = "timeSeries"
          period = 300
          metrics = [
            [{ expression = "SEARCH('{trailforward,service,sink} MetricName=(\"filtered\" OR \"dead_lettered\" OR \"returned\") service=\"${var.name}\"', 'Sum', 300)", label = "$${PROP('Dim.sink')} $${PROP('MetricName')}" }],
          ]
        }
      },
      {
        type   = "metric"
        x      = 0
        y      = 15
        width  = 8
        height = 6
        properties = {
          title  = "Waiting"
          region = local.region
          view   = "timeSeries"
          period = 60
          stat   = "Maximum"
          metrics = [
            ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", aws_sqs_queue.event_queue.name, { label = "events" }],
            ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", aws_sqs_queue.retry_queue.name, { label = "retries" }],
            ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", aws_sqs_queue.dead_letters.name, { label = "dead letters" }],
          ]
        }
      },
      {
        type   = "metric"
        x      = 8
        y      = 15
        width  = 8
        height = 6
        properties = {
          title  = "Age of the oldest event (s)"
          region = local.region
          view   = "timeSeries"
          period = 60
          stat   = "Maximum"
          metrics = [
            ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", aws_sqs_queue.event_queue.name, { label = "events" }],
            ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", aws_sqs_queue.retry_queue.name, { label = "retries" }],
          ]
        }
      },
      {
        type   = "metric"
        x      = 16
        y      = 15
        width  = 8
        height = 6
        properties = {
          title  = "Function"
          region = local.region
          view   = "timeSeries"
          period = 300
          metrics = [
            ["AWS/Lambda", "Invocations", "FunctionName", aws_lambda_function.forwarder.function_name, { stat = "Sum" }],
            ["AWS/Lambda", "Errors", "FunctionName", aws_lambda_function.forwarder.function_name, { stat = "Sum" }],
            ["AWS/Lambda", "Throttles", "FunctionName", aws_lambda_function.forwarder.function_name, { stat = "Sum" }],
            ["AWS/Lambda", "Duration", "FunctionName", aws_lambda_function.forwarder.function_name, { stat = "p99", yAxis = "right" }],
          ]
        }
      },
    ]
  })
}
