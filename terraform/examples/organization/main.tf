# Every account of an organization. Apply it in the management account, or in a delegated administrator for StackSets
# (then with stack_set_call_as = "DELEGATED_ADMIN"), with trusted access enabled.

provider "aws" {
  region = "eu-west-1"
}

locals {
  # us-east-1 always: IAM and other global services record there.
  regions = ["eu-west-1", "us-east-1", "us-west-2"]
}

data "aws_caller_identity" "current" {}

module "trailforward" {
  source = "../../hub"

  topology           = "hub"
  layer_zip          = "../../../build/layer/trailforward-python3.14-arm64.zip"
  organization_id    = "o-a1b2c3d4e5"
  kinesis_stream_arn = "arn:aws:kinesis:eu-west-1:111122223333:stream/cloudsec"
  alarm_topic_arn    = "arn:aws:sns:eu-west-1:111122223333:alarms"
}

# This account: the StackSet excludes it.
module "regional_rules" {
  source = "../../regional-rules"

  regions           = local.regions
  hub_account       = data.aws_caller_identity.current.account_id
  hub_region        = "eu-west-1"
  function_role_arn = module.trailforward.function_role_arn
  function_arn      = module.trailforward.function_arn
}

# All other accounts, also those that join later.
module "organization" {
  source = "../../organization"

  organizational_units = ["r-abcd"]
  regions              = local.regions
  function_role_arn    = module.trailforward.function_role_arn
  function_arn         = module.trailforward.function_arn
  alarm_topic_arn      = "arn:aws:sns:eu-west-1:111122223333:alarms"
}
