output "rule_arn" {
  description = "ARN of the rule of each Region."
  value       = { for region, rule in aws_cloudwatch_event_rule.rule : region => rule.arn }
}

output "dead_letters_url" {
  description = "URL of the queue of each Region for events that did not reach the forwarder."
  value       = { for region, queue in aws_sqs_queue.dead_letters : region => queue.url }
}
