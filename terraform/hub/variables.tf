# The parameters of sam/template.yaml in snake_case; ../README.md lists what is different.

variable "name" {
  description = "Name of the forwarder, after which everything is named. In SAM, the name of the stack."
  type        = string
  default     = "trailforward"
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z][a-zA-Z0-9-]{0,39}$", var.name))
    error_message = "name must begin with a letter and have at most 40 letters, digits, and hyphens."
  }
}

variable "layer_zip" {
  description = "Path of the layer for runtime and architecture: make layer LAYERS=3.14-arm64 writes it."
  type        = string
  nullable    = false
}

variable "runtime" {
  description = "Python of the function and of the layer."
  type        = string
  default     = "python3.14"
  nullable    = false
}

variable "architecture" {
  description = "arm64, which costs a fifth less, or x86_64. It must be that of the layer."
  type        = string
  default     = "arm64"
  nullable    = false

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture must be arm64 or x86_64."
  }
}

variable "kinesis_stream_arn" {
  description = "ARN of a Kinesis data stream, in any Region."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.kinesis_stream_arn == "" || can(regex("^(?:arn:aws(-[a-z]+)*:kinesis:[a-z]{2,}(-[a-z]+)+-[0-9]+:[0-9]{12}:stream/[A-Za-z0-9_.-]{1,128})$", var.kinesis_stream_arn))
    error_message = "kinesis_stream_arn must be the ARN of a Kinesis data stream."
  }
}

variable "firehose_arn" {
  description = "ARN of a Firehose stream of this account, in any Region."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.firehose_arn == "" || can(regex("^(?:arn:aws(-[a-z]+)*:firehose:[a-z]{2,}(-[a-z]+)+-[0-9]+:[0-9]{12}:deliverystream/[A-Za-z0-9_.-]{1,64})$", var.firehose_arn))
    error_message = "firehose_arn must be the ARN of a Firehose stream."
  }
}

variable "sns_topic_arn" {
  description = "ARN of a standard SNS topic, in any Region."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.sns_topic_arn == "" || can(regex("^(?:arn:aws(-[a-z]+)*:sns:[a-z]{2,}(-[a-z]+)+-[0-9]+:[0-9]{12}:[A-Za-z0-9_-]{1,256})$", var.sns_topic_arn))
    error_message = "sns_topic_arn must be the ARN of a standard SNS topic."
  }
}

variable "sns_format" {
  description = "raw sends the whole event, record sends its detail, text sends a notification for people."
  type        = string
  default     = "raw"
  nullable    = false

  validation {
    condition     = contains(["raw", "record", "text"], var.sns_format)
    error_message = "sns_format must be one of raw, record, text."
  }
}

variable "sqs_queue_arn" {
  description = "ARN of an SQS queue, in any Region."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.sqs_queue_arn == "" || can(regex("^(?:arn:aws(-[a-z]+)*:sqs:[a-z]{2,}(-[a-z]+)+-[0-9]+:[0-9]{12}:[A-Za-z0-9_-]{1,75}(\\.fifo)?)$", var.sqs_queue_arn))
    error_message = "sqs_queue_arn must be the ARN of an SQS queue."
  }
}

variable "http_url" {
  description = "HTTPS URL that accepts JSON arrays of events. It must not contain a user, password, or token."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.http_url == "" || can(regex("^(?:https://[^\\s\"\\\\@#?]+)$", var.http_url))
    error_message = "http_url must be an https:// URL without user, password, query, or fragment."
  }
}

variable "http_secret_arn" {
  description = "Full ARN of the Secrets Manager secret with the bearer token for http_url, in any Region; ARN#KEY selects a value of a JSON secret. (For other kinds of secrets and headers, use your own configuration.)"
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.http_secret_arn == "" || can(regex("^(?:arn:aws(-[a-z]+)*:secretsmanager:[a-z]{2,}(-[a-z]+)+-[0-9]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+-[A-Za-z0-9]{6}(#[^\\s\"\\\\]+)?)$", var.http_secret_arn))
    error_message = "http_secret_arn must be the full ARN of a secret, with the six characters at its end."
  }

  validation {
    condition     = var.http_secret_arn == "" || var.http_url != ""
    error_message = "http_secret_arn is for http_url, which is empty. Set http_url, or clear http_secret_arn; your own configuration contains its secrets' ARNs."
  }
}

variable "destination_key_arns" {
  description = "ARNs of the customer managed KMS keys that encrypt the destinations or secrets above."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for one in var.destination_key_arns : can(regex("^(?:arn:aws(-[a-z]+)*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+)$", one))])
    error_message = "destination_key_arns must be ARNs of KMS keys (not aliases)."
  }

  validation {
    condition     = length(distinct(var.destination_key_arns)) == length(var.destination_key_arns)
    error_message = "destination_key_arns must not contain duplicates."
  }
}

variable "configuration" {
  description = "The text of a trailforward.toml, instead of the destinations above. If it is too long, use configuration_parameter."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = length(var.configuration) <= 2800
    error_message = "configuration must have at most 2800 characters."
  }

  validation {
    condition     = var.configuration == "" || can(regex("\\bto[\"']?\\s*=\\s*[\"']", var.configuration))
    error_message = "configuration must be a complete trailforward.toml with a destination (\"to = ...\")."
  }

  validation {
    condition     = anytrue([for one in [var.kinesis_stream_arn, var.firehose_arn, var.sns_topic_arn, var.sqs_queue_arn, var.http_url, var.configuration, var.configuration_parameter] : one != ""])
    error_message = "There is no destination. Set at least one of the destinations, configuration, or configuration_parameter."
  }

  validation {
    condition     = (var.configuration == "" && var.configuration_parameter == "") || alltrue([for one in [var.kinesis_stream_arn, var.firehose_arn, var.sns_topic_arn, var.sqs_queue_arn, var.http_url] : one == ""])
    error_message = "Your own configuration contains its destinations. Clear the destination parameters, and grant permissions with policy_arns."
  }

  validation {
    condition     = var.configuration == "" || var.configuration_parameter == ""
    error_message = "Set configuration or configuration_parameter, not both."
  }
}

variable "configuration_parameter" {
  description = "Name of an SSM parameter in this Region that contains a trailforward.toml, such as /trailforward/config."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.configuration_parameter == "" || can(regex("^(?:/[A-Za-z0-9_./-]+)$", var.configuration_parameter))
    error_message = "configuration_parameter must be the name of a parameter that begins with /."
  }
}

variable "policy_arns" {
  description = "ARNs of managed policies for the resources in your configuration. \"trailforward iam --config FILE\" prints such a policy."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for one in var.policy_arns : can(regex("^(?:arn:aws(-[a-z]+)*:iam::([0-9]{12}|aws):policy/[^,\\s]+)$", one))])
    error_message = "policy_arns must be ARNs of managed policies."
  }

  validation {
    condition     = length(distinct(var.policy_arns)) == length(var.policy_arns)
    error_message = "policy_arns must not contain duplicates."
  }
}

variable "configuration_revision" {
  description = "Change it whenever you change the SSM parameter, so that running environments read it again. With snap_start, change it with every update."
  type        = string
  default     = "1"
  nullable    = false

  validation {
    condition     = length(var.configuration_revision) <= 20
    error_message = "configuration_revision must have at most 20 characters."
  }
}

variable "topology" {
  description = "regional: a rule of this Region and account only. hub: rules of many Regions and accounts send to a bus here. collector: rules of this Region in many accounts send to the queue here. See docs/topologies.md."
  type        = string
  default     = "regional"
  nullable    = false

  validation {
    condition     = contains(["hub", "collector", "regional"], var.topology)
    error_message = "topology must be one of hub, collector, regional."
  }

  validation {
    condition     = var.topology != "regional" || (var.organization_id == "" && length(var.accounts) == 0)
    error_message = "topology regional serves this Region and account only. Choose hub or collector, or clear organization_id and accounts."
  }
}

variable "organization_id" {
  description = "ID of the organization whose accounts may send events here, such as o-a1b2c3d4e5."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.organization_id == "" || can(regex("^(?:o-[a-z0-9]{10,32})$", var.organization_id))
    error_message = "organization_id must be the ID of an organization (o-...)."
  }
}

variable "accounts" {
  description = "Other accounts whose rules may send events here: without an organization, all of them; with one, the management account if it is not this account. Deploy the module regional-rules to each."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for one in var.accounts : can(regex("^(?:[0-9]{12})$", one))])
    error_message = "accounts must be account IDs of 12 digits."
  }

  validation {
    condition     = length(distinct(var.accounts)) == length(var.accounts)
    error_message = "accounts must not contain duplicates."
  }
}

variable "event_pattern" {
  description = "An EventBridge event pattern as JSON, to select events. Empty selects all events via CloudTrail, except the pipeline's own."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = length(var.event_pattern) <= 2048
    error_message = "event_pattern must have at most 2048 characters."
  }
}

variable "rule_state" {
  description = "ENABLED excludes read-only management events (AssumeRole and Decrypt, for example). The long state includes them and multiplies the volume."
  type        = string
  default     = "ENABLED"
  nullable    = false

  validation {
    condition     = contains(["ENABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS", "DISABLED"], var.rule_state)
    error_message = "rule_state must be one of ENABLED, ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS, DISABLED."
  }
}

variable "bus_log_level" {
  description = "In topology hub, what EventBridge logs about the events on the bus, without their content. ERROR shows events that a rule could not deliver. INFO and TRACE write several lines per event."
  type        = string
  default     = "OFF"
  nullable    = false

  validation {
    condition     = contains(["OFF", "ERROR", "INFO", "TRACE"], var.bus_log_level)
    error_message = "bus_log_level must be one of OFF, ERROR, INFO, TRACE."
  }
}
