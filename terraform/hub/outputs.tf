# The outputs of sam/template.yaml in snake_case.

output "event_queue_url" {
  description = "URL of the queue where events wait. Send an event here to test the path."
  value       = aws_sqs_queue.event_queue.url
}

output "event_queue_arn" {
  description = "ARN of the event queue, for your own rules and for redrives."
  value       = aws_sqs_queue.event_queue.arn
}

output "retry_queue_url" {
  description = "URL of the queue for events that some destinations have not accepted yet."
  value       = aws_sqs_queue.retry_queue.url
}

output "dead_letters_url" {
  description = "URL of the queue for events that could not be delivered, with the reason in their attributes."
  value       = aws_sqs_queue.dead_letters.url
}

output "rule_dead_letters_url" {
  description = "URL of the queue for events that EventBridge could not send to the event queue."
  value       = aws_sqs_queue.rule_dead_letters.url
}

output "redrive" {
  description = "Redrives the dead letters. Run it when you have fixed the cause."
  value       = "aws sqs start-message-move-task --region ${local.region} --source-arn ${aws_sqs_queue.dead_letters.arn} --destination-arn ${aws_sqs_queue.event_queue.arn}"
}

output "bus_arn" {
  description = "ARN of the central bus, to which the rules of the module regional-rules send."
  value       = one(aws_cloudwatch_event_bus.bus[*].arn)
}

output "function_name" {
  description = "Name of the forwarder's function."
  value       = aws_lambda_function.forwarder.function_name
}

output "function_role_arn" {
  description = "ARN of the function's role. Key policies, and queues, topics, and streams of other accounts must allow it. the module regional-rules excludes the calls that it makes for each delivery."
  value       = aws_iam_role.function_role.arn

  # Rules that use this value must not send before the bus admits them.
  depends_on = [aws_cloudwatch_event_bus_policy.bus_policy, aws_sqs_queue_policy.event_queue_policy, aws_cloudwatch_event_target.rule]
}

output "function_arn" {
  description = "ARN of the forwarder's function, for the module regional-rules."
  value       = aws_lambda_function.forwarder.arn

  # Rules that use this value must not send before the bus admits them.
  depends_on = [aws_cloudwatch_event_bus_policy.bus_policy, aws_sqs_queue_policy.event_queue_policy, aws_cloudwatch_event_target.rule]
}

output "layer_arn" {
  description = "ARN of the layer version, for your own functions."
  value       = aws_lambda_layer_version.forwarder_layer.arn
}

output "logs" {
  description = "Name of the function's log group."
  value       = aws_cloudwatch_log_group.log_group.name
}

output "bus_logs" {
  description = "Name of the log group of the bus."
  value       = one(aws_cloudwatch_log_group.bus_log_group[*].name)
}

output "key_arn" {
  description = "ARN of the KMS key for the queues and the logs."
  value       = local.key_arn
}

output "dashboard_url" {
  description = "URL of the dashboard."
  value       = "https://${local.region}.console.aws.amazon.com/cloudwatch/home?region=${local.region}#dashboards/dashboard/${aws_cloudwatch_dashboard.dashboard.dashboard_name}"
}
