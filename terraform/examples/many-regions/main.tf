# Many Regions of one account: the hub in one of them, and a rule in each, with one provider configuration.

provider "aws" {
  region = "eu-west-1"
}

locals {
  # us-east-1 always: IAM and other global services record there.
  regions = ["eu-west-1", "us-east-1", "us-east-2", "us-west-2", "eu-north-1", "ap-southeast-2"]
}

data "aws_caller_identity" "current" {}

module "trailforward" {
  source = "../../hub"

  topology           = "hub"
  layer_zip          = "../../../build/layer/trailforward-python3.14-arm64.zip"
  kinesis_stream_arn = "arn:aws:kinesis:eu-west-1:111122223333:stream/cloudsec"
  alarm_topic_arn    = "arn:aws:sns:eu-west-1:111122223333:alarms"
}

module "regional_rules" {
  source = "../../regional-rules"

  regions           = local.regions
  hub_account       = data.aws_caller_identity.current.account_id
  hub_region        = "eu-west-1"
  function_role_arn = module.trailforward.function_role_arn
  function_arn      = module.trailforward.function_arn
}
