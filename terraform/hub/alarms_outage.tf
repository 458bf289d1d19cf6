# The age of the oldest message cannot show an outage: SQS excludes messages that were received three times or more.
# So this combines two alarms. unavailable_alarm remembers a failed delivery until the same event is due again, because in
# a quiet account nothing else happens meanwhile. waiting_alarm ends it as soon as nothing waits any more.
resource "aws_cloudwatch_composite_alarm" "outage_alarm" {
  alarm_name        = "${var.name}-outage"
  alarm_description = "A destination accepts nothing, and events wait for it. Nothing is lost before MaximumReceives. The log lines \"not delivered\" and \"the sink refuses everything\" name the sink, the code, and the fix; \"trailforward check-sinks\" tests it: docs/operations.md, \"Outage of a destination\". The alarm ends when the events have been delivered."
  alarm_rule        = "ALARM(\"${aws_cloudwatch_metric_alarm.unavailable_alarm.alarm_name}\") AND ALARM(\"${aws_cloudwatch_metric_alarm.waiting_alarm.alarm_name}\")"
  alarm_actions     = local.alarm_actions
  ok_actions        = local.alarm_actions
}

# A query, because the alarm must cover sinks of any name. Throttling is not counted as unavailable.
resource "aws_cloudwatch_metric_alarm" "unavailable_alarm" {
  alarm_name        = "${var.name}-unavailable"
  alarm_description = "Part of the alarm \"outage\", which notifies. A destination recently accepted nothing of what it was sent, and did not throttle."

  metric_query {
    id          = "unavailable"
    expression  = "SELECT SUM(unavailable) FROM SCHEMA(\"trailforward\", service, sink) WHERE service = '${var.name}'"
    period      = 60
    return_data = true
  }

  evaluation_periods  = local.memory
  datapoints_to_alarm = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
}

resource "aws_cloudwatch_metric_alarm" "waiting_alarm" {
  alarm_name        = "${var.name}-waiting"
  alarm_description = "Part of the alarm \"outage\", which notifies. Events wait or are in flight, which alone is normal."

  metric_query {
    id          = "waiting"
    expression  = "FILL(events_visible, 0) + FILL(events_notvisible, 0) + FILL(events_delayed, 0) + FILL(retries_visible, 0) + FILL(retries_notvisible, 0) + FILL(retries_delayed, 0)"
    return_data = true
  }

  metric_query {
    id          = "events_visible"
    return_data = false

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesVisible"
      dimensions  = { QueueName = aws_sqs_queue.event_queue.name }
      period      = 60
      stat        = "Maximum"
    }
  }

  metric_query {
    id          = "events_notvisible"
    return_data = false

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesNotVisible"
      dimensions  = { QueueName = aws_sqs_queue.event_queue.name }
      period      = 60
      stat        = "Maximum"
    }
  }

  metric_query {
    id          = "events_delayed"
    return_data = false

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesDelayed"
      dimensions  = { QueueName = aws_sqs_queue.event_queue.name }
      period      = 60
      stat        = "Maximum"
    }
  }

  metric_query {
    id          = "retries_visible"
    return_data = false

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesVisible"
      dimensions  = { QueueName = aws_sqs_queue.retry_queue.name }
      period      = 60
      stat        = "Maximum"
    }
  }

  metric_query {
    id          = "retries_notvisible"
    return_data = false

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesNotVisible"
      dimensions  = { QueueName = aws_sqs_queue.retry_queue.name }
      period      = 60
      stat        = "Maximum"
    }
  }

  metric_query {
    id          = "retries_delayed"
    return_data = false

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesDelayed"
      dimensions  = { QueueName = aws_sqs_queue.retry_queue.name }
      period      = 60
      stat        = "Maximum"
    }
  }

  evaluation_periods  = 3
  datapoints_to_alarm = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
}
