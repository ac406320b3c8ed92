################################################################################
# Identity
################################################################################

variable "region" {
  description = "AWS region to deploy to, such as us-west-2."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be the name of an AWS region, such as us-west-2; got \"${var.region}\". Write the region, not an availability zone."
  }
}

variable "tenant" {
  description = "Who the stack is for. Every resource is named <tenant>-litellm-<env>."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,20}$", var.tenant))
    error_message = "tenant must be 1 to 21 characters of a-z, 0-9 and \"-\", beginning with a letter; got \"${var.tenant}\". Shorten it or replace the other characters."
  }

  validation {
    condition     = !strcontains(var.tenant, "--") && !endswith(var.tenant, "-")
    error_message = "tenant must neither contain \"--\" nor end in \"-\", which databases and load balancers refuse in a name; got \"${var.tenant}\". Remove the extra hyphen."
  }

  validation {
    condition     = !strcontains(var.tenant, "goog") && !strcontains(var.tenant, "g00g")
    error_message = "tenant must not contain \"goog\" or \"g00g\", which Cloud Storage refuses in a bucket's name; got \"${var.tenant}\". Choose another name."
  }

  validation {
    condition = !anytrue([
      for prefix in ["internal-", "sg-", "sthree-", "amzn-s3-demo-"] :
      startswith("${var.tenant}-", prefix)
    ])
    error_message = "tenant must not be or begin with internal-, sg-, sthree- or amzn-s3-demo-, which AWS reserves in names; got \"${var.tenant}\". Choose another name."
  }
}

variable "env" {
  description = "Environment of the stack, such as dev, stage or prod."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,8}$", var.env))
    error_message = "env must be 1 to 9 characters of a-z, 0-9 and \"-\", beginning with a letter; got \"${var.env}\". Shorten it or replace the other characters."
  }

  validation {
    condition     = !strcontains(var.env, "--") && !endswith(var.env, "-")
    error_message = "env must neither contain \"--\" nor end in \"-\", which databases and load balancers refuse in a name; got \"${var.env}\". Remove the extra hyphen."
  }

  validation {
    condition     = !strcontains(var.env, "goog") && !strcontains(var.env, "g00g")
    error_message = "env must not contain \"goog\" or \"g00g\", which Cloud Storage refuses in a bucket's name; got \"${var.env}\". Choose another name."
  }

  validation {
    condition     = !startswith(var.env, "litellm-")
    error_message = "env must not begin with \"litellm-\", or two stacks could share every name (a, litellm-b and a-litellm, b); got \"${var.env}\". Choose another name."
  }
}

variable "tags" {
  description = "Tags for every resource that takes them, on top of litellm:stack and managed-by. At most 45."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = length(var.tags) <= 45
    error_message = "tags must have at most 45 entries, for AWS takes 50 on a resource and the stack adds its own; got ${length(var.tags)}. Remove some."
  }

  validation {
    condition = alltrue([
      for key, value in var.tags :
      can(regex("^[\\p{L}\\p{Z}\\p{N}_.:/=+@-]{1,128}$", key)) &&
      !startswith(lower(key), "aws:")
    ])
    error_message = "tags must have keys of 1 to 128 letters, digits, spaces or _.:/=+-@ that do not begin with aws:; got ${jsonencode(keys(var.tags))}. Rename the odd one."
  }

  validation {
    condition = alltrue([
      for value in values(var.tags) :
      value != null && can(regex("^[\\p{L}\\p{Z}\\p{N}_.:/=+@-]{0,256}$", value))
    ])
    error_message = "tags must have values of at most 256 letters, digits, spaces or _.:/=+-@; got ${jsonencode(var.tags)}. Shorten the odd one or replace the other characters."
  }
}

################################################################################
# Credentials
################################################################################

variable "litellm_master_key" {
  description = "Master key of the proxy; begins with sk-. Empty: one is made, and kept nowhere but in its secret."
  type        = string
  default     = ""
  sensitive   = true
  ephemeral   = true
  nullable    = false

  validation {
    condition     = var.litellm_master_key == "" || startswith(var.litellm_master_key, "sk-")
    error_message = "litellm_master_key must be empty or begin with sk-; the value given does not (it is not shown). Put sk- in front of it, or leave it empty to have one made."
  }
}

variable "litellm_license" {
  description = "LiteLLM enterprise license. Empty: none."
  type        = string
  default     = ""
  sensitive   = true
  ephemeral   = true
  nullable    = false
}

variable "ui_password" {
  description = "Password of the dashboard's admin user. Empty: the master key serves."
  type        = string
  default     = ""
  sensitive   = true
  ephemeral   = true
  nullable    = false
}

variable "secrets_version" {
  description = "Raise it by one whenever a credential or connection URL given here changes: the new values are written and the services restarted. A master key that was made stays."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.secrets_version >= 1 && floor(var.secrets_version) == var.secrets_version
    error_message = "secrets_version must be a whole number from 1; got ${var.secrets_version}. Raise the last number by one."
  }
}

################################################################################
# Images
################################################################################

variable "image_registry" {
  description = "Registry and namespace of the component images, without the last slash."
  type        = string
  default     = "ghcr.io/berriai"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9._:/-]*[a-z0-9])?$", var.image_registry))
    error_message = "image_registry must be a registry with an optional namespace, in lower case, with neither scheme nor a last slash; got \"${var.image_registry}\". Write it as ghcr.io/berriai."
  }
}

variable "image_tag" {
  description = "Tag of the component images. Pin a release in production: a moved tag does not roll the services."
  type        = string
  default     = "main-stable"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$", var.image_tag))
    error_message = "image_tag must be an image tag of at most 128 letters, digits or _.-; got \"${var.image_tag}\". For a digest set the component's own image input."
  }
}

variable "gateway_image" {
  description = "Image of the gateway. Empty: <image_registry>/litellm-gateway:<image_tag>."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^([a-z0-9][A-Za-z0-9._:/@-]*)?$", var.gateway_image))
    error_message = "gateway_image must be empty or an image reference such as ghcr.io/berriai/litellm-gateway:main-stable; got \"${var.gateway_image}\". Remove the scheme or the spaces."
  }
}

variable "backend_image" {
  description = "Image of the backend. Empty: <image_registry>/litellm-backend:<image_tag>."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^([a-z0-9][A-Za-z0-9._:/@-]*)?$", var.backend_image))
    error_message = "backend_image must be empty or an image reference such as ghcr.io/berriai/litellm-backend:main-stable; got \"${var.backend_image}\". Remove the scheme or the spaces."
  }
}

variable "ui_image" {
  description = "Image of the UI. Empty: <image_registry>/litellm-ui:<image_tag>."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^([a-z0-9][A-Za-z0-9._:/@-]*)?$", var.ui_image))
    error_message = "ui_image must be empty or an image reference such as ghcr.io/berriai/litellm-ui:main-stable; got \"${var.ui_image}\". Remove the scheme or the spaces."
  }
}

variable "migrations_image" {
  description = "Image that runs the migrations, with its own entrypoint. Empty: the backend's image with the Prisma migration script."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^([a-z0-9][A-Za-z0-9._:/@-]*)?$", var.migrations_image))
    error_message = "migrations_image must be empty or an image reference such as ghcr.io/berriai/litellm-migrations:main-stable; got \"${var.migrations_image}\". Remove the scheme or the spaces."
  }
}

################################################################################
# Network
################################################################################

variable "azs" {
  description = "Two or more availability zones of the region, such as [\"us-west-2a\", \"us-west-2b\"]."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.azs) >= 2
    error_message = "azs must name at least two zones, for the load balancer and the database span two; got ${jsonencode(var.azs)}. Add a second zone of the region."
  }

  validation {
    condition     = length(var.azs) <= 10 && length(distinct(var.azs)) == length(var.azs)
    error_message = "azs must name at most 10 zones, each once; got ${jsonencode(var.azs)}. Remove what is too much."
  }

  validation {
    condition = alltrue([
      for az in var.azs :
      startswith(az, var.region) && can(regex("^[a-z0-9-]+[a-z]$", az))
    ])
    error_message = "azs must hold zones of ${var.region}, such as ${var.region}a; got ${jsonencode(var.azs)}. Mend region or azs."
  }
}

################################################################################
# Load balancer
################################################################################

variable "acm_certificate_arn" {
  description = "ARN of the load balancer's certificate, in the stack's region. Without one, allow_plaintext_alb must be true."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition = (
      can(regex("^(arn:[^:]+:acm:[a-z0-9-]+:[0-9]{12}:certificate/.+|arn:[^:]+:iam::[0-9]{12}:server-certificate/.+)?$", var.acm_certificate_arn)) &&
      (!strcontains(var.acm_certificate_arn, ":acm:") || strcontains(var.acm_certificate_arn, ":acm:${var.region}:"))
    )
    error_message = "acm_certificate_arn must be empty or the ARN of an ACM certificate in ${var.region} or of an IAM server certificate; got \"${var.acm_certificate_arn}\". Give a certificate of this region."
  }
}

variable "alb_domain_name" {
  description = "Host name the certificate is for; used in the alb_url output only. Point it to alb_dns_name yourself."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?([.][a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+)?$", var.alb_domain_name))
    error_message = "alb_domain_name must be empty or a full host name in lower case; got \"${var.alb_domain_name}\". Write it as llm.example.com, without scheme or path."
  }
}

variable "allow_plaintext_alb" {
  description = "Whether the stack may serve plain HTTP without a certificate. For a trial only: keys and prompts cross the internet unencrypted."
  type        = bool
  default     = false
  nullable    = false
}

################################################################################
# Database
################################################################################

variable "db_deletion_protection" {
  description = "Whether AWS refuses to delete the database; apply false before a destroy. True is the safe side."
  type        = bool
  default     = true
  nullable    = false
}

variable "skip_final_snapshot" {
  description = "Whether destroy drops the database without a last snapshot. False is the safe side."
  type        = bool
  default     = false
  nullable    = false
}

################################################################################
# Object store
################################################################################

variable "s3_force_destroy" {
  description = "Whether destroy deletes the data bucket with everything in it. False is the safe side."
  type        = bool
  default     = false
  nullable    = false
}

################################################################################
# Configuration
################################################################################

variable "proxy_config_yaml" {
  description = "LiteLLM's config.yaml as text. Empty: no file; models are then added in the dashboard."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.proxy_config_yaml == "" || can(keys(yamldecode(var.proxy_config_yaml)))
    error_message = "proxy_config_yaml must be empty or a YAML mapping; what was given is not one. Paste the whole config.yaml."
  }
}
