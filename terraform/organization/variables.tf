# The parameters of sam/template.yaml for its StackSets, in snake_case, and two outputs of the hub.

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
  description = "hub sends to the bus of this Region and account. collector sends to the queue of this account in the Region of the rule. (The topology regional needs only the module hub.)"
  type        = string
  default     = "hub"
  nullable    = false

  validation {
    condition     = contains(["hub", "collector"], var.topology)
    error_message = "topology must be one of hub, collector."
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

variable "organizational_units" {
  description = "IDs of organizational units (or of the root) whose accounts get the rules, including accounts that join later. Requires trusted access for StackSets."
  type        = list(string)
  nullable    = false

  validation {
    condition     = alltrue([for one in var.organizational_units : can(regex("^(?:(ou-[a-z0-9]{4,32}-[a-z0-9]{8,32}|r-[a-z0-9]{4,32}))$", one))])
    error_message = "organizational_units must be IDs of units (ou-...) or the root (r-...)."
  }

  validation {
    condition     = length(distinct(var.organizational_units)) == length(var.organizational_units)
    error_message = "organizational_units must not contain duplicates."
  }

  validation {
    condition     = length(var.organizational_units) > 0
    error_message = "organizational_units must not be empty."
  }
}

variable "stack_set_call_as" {
  description = "DELEGATED_ADMIN if this account is the organization's delegated administrator for StackSets and not its management account."
  type        = string
  default     = "SELF"
  nullable    = false

  validation {
    condition     = contains(["SELF", "DELEGATED_ADMIN"], var.stack_set_call_as)
    error_message = "stack_set_call_as must be one of SELF, DELEGATED_ADMIN."
  }
}

variable "regional_alarms" {
  description = "Create an alarm for the dead-letter queue in every Region and account with a rule. Each costs 0.10 USD a month."
  type        = bool
  default     = true
  nullable    = false
}

variable "regional_alarm_topic_name" {
  description = "Name of an SNS topic that exists in every account and Region with a rule. The alarms there notify it. If empty, they appear only in CloudWatch."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.regional_alarm_topic_name == "" || can(regex("^(?:[A-Za-z0-9_-]{1,256})$", var.regional_alarm_topic_name))
    error_message = "regional_alarm_topic_name must be the name of a standard topic."
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
