# The parameters of sam/regional.yaml in snake_case, and the Regions.

variable "regions" {
  description = "Every Region that gets a rule, including that of the hub. Include us-east-1: IAM and other global services record there."
  type        = set(string)
  nullable    = false

  validation {
    condition     = alltrue([for one in var.regions : can(regex("^(?:[a-z]{2,}(-[a-z]+)+-[0-9]+)$", one))])
    error_message = "regions must be Regions such as eu-west-1."
  }

  validation {
    condition     = length(var.regions) > 0
    error_message = "regions must not be empty, because no rule would be created."
  }
}

variable "topology" {
  description = "hub sends to the bus in hub_region of hub_account. collector sends to the queue of hub_account in the Region of the rule. (The topology regional needs only the module hub.)"
  type        = string
  default     = "hub"
  nullable    = false

  validation {
    condition     = contains(["hub", "collector"], var.topology)
    error_message = "topology must be one of hub, collector."
  }
}

variable "hub_account" {
  description = "ID of the account that runs the forwarder."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^(?:[0-9]{12})$", var.hub_account))
    error_message = "hub_account must be an account ID of 12 digits."
  }
}

variable "hub_region" {
  description = "The Region that runs the forwarder. (Topology collector has a forwarder in every Region and ignores this.)"
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^(?:[a-z]{2,}(-[a-z]+)+-[0-9]+)$", var.hub_region))
    error_message = "hub_region must be a Region such as eu-west-1."
  }
}

variable "name" {
  description = "Name of the forwarder (name of the hub), after which the bus, queue, and rule are named."
  type        = string
  default     = "trailforward"
  nullable    = false

  validation {
    condition     = can(regex("^(?:[a-zA-Z][a-zA-Z0-9-]{0,39})$", var.name))
    error_message = "name must be the name of a stack with at most 40 characters."
  }
}

variable "function_role_arn" {
  description = "ARN of the function's role (output function_role_arn). The rule excludes its calls for each delivery, which would create new events endlessly."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.function_role_arn == "" || can(regex("^(?:arn:aws(-[a-z]+)*:iam::[0-9]{12}:role/[^,\\s]+)$", var.function_role_arn))
    error_message = "function_role_arn must be the ARN of a role."
  }
}

variable "function_arn" {
  description = "ARN of the forwarder's function (output function_arn). The rule excludes its invocations by AWS services, which would create new events endlessly."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.function_arn == "" || can(regex("^(?:arn:aws(-[a-z]+)*:lambda:[a-z]{2,}(-[a-z]+)+-[0-9]+:[0-9]{12}:function:[A-Za-z0-9_-]{1,64})$", var.function_arn))
    error_message = "function_arn must be the ARN of a function, without version or alias."
  }
}

variable "event_pattern" {
  description = "An EventBridge event pattern as JSON, to select events. Keep \"source\" in it, because without it anybody could forge events."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = length(var.event_pattern) <= 2048
    error_message = "event_pattern must have at most 2048 characters."
  }
}

variable "rule_state" {
  description = "ENABLED excludes read-only management events. The rule at the hub needs the same state."
  type        = string
  default     = "ENABLED"
  nullable    = false

  validation {
    condition     = contains(["ENABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS", "DISABLED"], var.rule_state)
    error_message = "rule_state must be one of ENABLED, ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS, DISABLED."
  }
}

variable "alarm" {
  description = "Create an alarm for the dead letters. It costs 0.10 USD a month in each Region and account."
  type        = bool
  default     = true
  nullable    = false
}

variable "alarm_topic_name" {
  description = "Name of an SNS topic in this Region and account that the alarm notifies. If empty, the alarm appears only in CloudWatch."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.alarm_topic_name == "" || can(regex("^(?:[A-Za-z0-9_-]{1,256})$", var.alarm_topic_name))
    error_message = "alarm_topic_name must be the name of a standard topic."
  }
}

variable "permissions_boundary" {
  description = "Path and name of a managed policy of this account, such as security/boundary, that becomes the permissions boundary of the rule's role."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.permissions_boundary == "" || can(regex("^(?:([\\x21-\\x7E]+/)?[A-Za-z0-9+=,.@_-]{1,128})$", var.permissions_boundary))
    error_message = "permissions_boundary must be the name of a managed policy, with its path and without \"policy/\" before it."
  }
}
