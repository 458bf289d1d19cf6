output "stack_set_failures_url" {
  description = "URL of the queue with the instances of the StackSet that CloudFormation could not deploy."
  value       = aws_sqs_queue.stack_set_failures.url
}

output "failed_instances" {
  description = "Lists the failed instances of the StackSet."
  value       = "aws cloudformation list-stack-instances --region ${local.region} --stack-set-name ${var.name}-organization --call-as ${var.stack_set_call_as} --filters Name=DETAILED_STATUS,Values=FAILED"
}
