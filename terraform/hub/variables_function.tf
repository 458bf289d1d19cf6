# Function and safety: the rest of the parameters of sam/template.yaml.

variable "memory_size" {
  description = "MB. CPU is proportional to memory, so less memory means slower starts and seldom costs less."
  type        = number
  default     = 512
  nullable    = false

  validation {
    condition     = var.memory_size >= 128 && var.memory_size <= 3008 && floor(var.memory_size) == var.memory_size
    error_message = "memory_size must be a whole number from 128 to 3008."
  }
}

variable "timeout" {
  description = "Seconds. The queues' visibility timeout is six times as long, plus 300 seconds for the longest batching window."
  type        = number
  default     = 60
  nullable    = false

  validation {
    condition     = contains([30, 60, 120, 300], var.timeout)
    error_message = "timeout must be one of 30, 60, 120, 300."
  }
}

variable "batch_size" {
  description = "Maximum number of events per invocation."
  type        = number
  default     = 500
  nullable    = false

  validation {
    condition     = var.batch_size >= 1 && var.batch_size <= 10000 && floor(var.batch_size) == var.batch_size
    error_message = "batch_size must be a whole number from 1 to 10000."
  }
}

variable "batching_window" {
  description = "Seconds to wait for a fuller batch."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.batching_window >= 1 && var.batching_window <= 300 && floor(var.batching_window) == var.batching_window
    error_message = "batching_window must be a whole number from 1 to 300."
  }
}

variable "maximum_concurrency" {
  description = "Maximum number of concurrent invocations per queue. It protects the destinations; other events wait in the queue."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.maximum_concurrency >= 2 && var.maximum_concurrency <= 1000 && floor(var.maximum_concurrency) == var.maximum_concurrency
    error_message = "maximum_concurrency must be a whole number from 2 to 1000."
  }
}

variable "provisioned_pollers" {
  description = "Minimum and maximum number of event pollers that are reserved for the event queue, such as 2-20, for large and sudden volumes. AWS charges for each poller and hour. maximum_concurrency then does not apply to the event queue."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.provisioned_pollers == "" || can(regex("^(?:([2-9]|[1-9][0-9]|1[0-9]{2}|200)-([2-9]|[1-9][0-9]{1,2}|1[0-9]{3}|2000))$", var.provisioned_pollers))
    error_message = "provisioned_pollers must be a minimum from 2 to 200 and a maximum from 2 to 2000, such as 2-20."
  }
}

variable "snap_start" {
  description = "Start from a snapshot. AWS charges for caching and restoring it; it is rarely worth it behind a queue, and not available in GovCloud and China. Requires a new configuration_revision with every update."
  type        = bool
  default     = false
  nullable    = false
}

variable "subnet_ids" {
  description = "IDs of subnets of a VPC, for destinations that only the VPC reaches. They need a route to SQS, and to the destinations: NAT, or VPC endpoints."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for one in var.subnet_ids : can(regex("^(?:subnet-[0-9a-f]{8,17})$", one))])
    error_message = "subnet_ids must be IDs of subnets (subnet-...)."
  }

  validation {
    condition     = length(distinct(var.subnet_ids)) == length(var.subnet_ids)
    error_message = "subnet_ids must not contain duplicates."
  }

  validation {
    condition     = (length(var.subnet_ids) == 0) == (length(var.security_group_ids) == 0)
    error_message = "A function in a VPC needs subnet_ids and security_group_ids. Set both, or clear both."
  }
}

variable "security_group_ids" {
  description = "IDs of security groups of that VPC. They must allow HTTPS to the outside."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for one in var.security_group_ids : can(regex("^(?:sg-[0-9a-f]{8,17})$", one))])
    error_message = "security_group_ids must be IDs of security groups (sg-...)."
  }

  validation {
    condition     = length(distinct(var.security_group_ids)) == length(var.security_group_ids)
    error_message = "security_group_ids must not contain duplicates."
  }
}

variable "https_proxy" {
  description = "URL of a proxy, such as http://proxy.example.com:3128, for the function's requests to HTTP APIs and AWS. Whoever may read the function's configuration can read it, and a password in it."
  type        = string
  default     = ""
  sensitive   = true
  nullable    = false

  validation {
    condition     = var.https_proxy == "" || can(regex("^(?:https?://[!-~]+)$", var.https_proxy))
    error_message = "https_proxy must be the URL of a proxy (http://HOST:PORT or https://HOST:PORT)."
  }
}

variable "no_proxy" {
  description = "Hosts and domains that the function calls without the proxy, such as .amazonaws.com with VPC endpoints."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.no_proxy == "" || can(regex("^(?:[!-~]+)$", var.no_proxy))
    error_message = "no_proxy must be hosts or domains."
  }
}

variable "tracing" {
  description = "Record invocations with AWS X-Ray, which charges for each trace."
  type        = bool
  default     = false
  nullable    = false
}

variable "log_level" {
  description = "Log level of the function. Payloads are never logged at any level."
  type        = string
  default     = "INFO"
  nullable    = false

  validation {
    condition     = contains(["DEBUG", "INFO", "WARN", "ERROR"], var.log_level)
    error_message = "log_level must be one of DEBUG, INFO, WARN, ERROR."
  }
}

variable "log_retention_days" {
  description = "Retention of the logs, in days."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be one of 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653."
  }
}

variable "logs_key_arn" {
  description = "ARN of your KMS key for the logs. Its policy must allow logs.REGION.amazonaws.com. If empty, customer_key decides."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.logs_key_arn == "" || can(regex("^(?:arn:aws(-[a-z]+)*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+)$", var.logs_key_arn))
    error_message = "logs_key_arn must be the ARN of a KMS key (not an alias)."
  }
}

variable "alarm_topic_arn" {
  description = "ARN of an SNS topic in this Region that receives alarms. If empty, alarms appear only in CloudWatch."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.alarm_topic_arn == "" || can(regex("^(?:arn:aws(-[a-z]+)*:sns:[a-z]{2,}(-[a-z]+)+-[0-9]+:[0-9]{12}:[A-Za-z0-9_-]{1,256})$", var.alarm_topic_arn))
    error_message = "alarm_topic_arn must be the ARN of a standard SNS topic."
  }
}

variable "maximum_age" {
  description = "Seconds. An alarm is raised when the oldest waiting event is older."
  type        = number
  default     = 900
  nullable    = false

  validation {
    condition     = var.maximum_age >= 60 && var.maximum_age <= 86400 && floor(var.maximum_age) == var.maximum_age
    error_message = "maximum_age must be a whole number from 60 to 86400."
  }
}

variable "maximum_receives" {
  description = "Receives until an undeliverable event becomes a dead letter. Multiplied by the visibility timeout, this is the longest outage of a destination that the queue bridges: 18 hours by default."
  type        = number
  default     = 100
  nullable    = false

  validation {
    condition     = var.maximum_receives >= 5 && var.maximum_receives <= 500 && floor(var.maximum_receives) == var.maximum_receives
    error_message = "maximum_receives must be a whole number from 5 to 500."
  }
}

variable "retry_delay" {
  description = "Seconds before an event that only some destinations accepted is sent to the others again."
  type        = number
  default     = 60
  nullable    = false

  validation {
    condition     = var.retry_delay >= 0 && var.retry_delay <= 900 && floor(var.retry_delay) == var.retry_delay
    error_message = "retry_delay must be a whole number from 0 to 900."
  }
}

variable "state_table" {
  description = "Create a DynamoDB table in which routes with once or threshold remember events."
  type        = bool
  default     = false
  nullable    = false
}

variable "receipts" {
  description = "ARN of a Firehose stream of this account, or s3://BUCKET/PREFIX?region=REGION, for a line about each event with its fate."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.receipts == "" || can(regex("^(?:arn:aws(-[a-z]+)*:firehose:[a-z]{2,}(-[a-z]+)+-[0-9]+:[0-9]{12}:deliverystream/[A-Za-z0-9_.-]{1,64}|s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[0-9A-Za-z_.=-]+)*\\?region=[a-z]{2,}(-[a-z]+)+-[0-9]+)$", var.receipts))
    error_message = "receipts must be the ARN of a Firehose stream, or s3://BUCKET/PREFIX?region=REGION without a slash before the question mark."
  }
}

variable "customer_key" {
  description = "Create a KMS key for the queues and the logs, instead of encryption managed by the services."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = var.topology != "collector" || !var.customer_key
    error_message = "In topology collector, other accounts send to the queue, and a KMS key of this account would lock them out. Set customer_key to false."
  }
}

variable "permissions_boundary" {
  description = "ARN of a managed policy of this account that becomes the permissions boundary of all roles. Accounts with a rule need a policy with the same path and name. If empty, only the roles of the rules have a boundary, which allows only sending."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.permissions_boundary == "" || can(regex("^(?:arn:aws(-[a-z]+)*:iam::[0-9]{12}:policy/[^,\\s]+)$", var.permissions_boundary))
    error_message = "permissions_boundary must be the ARN of a managed policy of this account."
  }
}
