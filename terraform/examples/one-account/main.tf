# One Region of one account: a rule, the queue, and the function, with notifications to an SNS topic.

provider "aws" {
  region = "eu-west-1"
}

module "trailforward" {
  source = "../../hub"

  layer_zip       = "../../../build/layer/trailforward-python3.14-arm64.zip"
  sns_topic_arn   = "arn:aws:sns:eu-west-1:111122223333:oncall"
  sns_format      = "text"
  alarm_topic_arn = "arn:aws:sns:eu-west-1:111122223333:alarms"
}

output "event_queue_url" {
  value = module.trailforward.event_queue_url
}
