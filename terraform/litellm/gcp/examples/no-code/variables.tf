################################################################################
# Identity
################################################################################

variable "project" {
  description = "Id of the Google Cloud project that takes every resource. The id, not the number."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project must be a project id: 6 to 30 lower-case letters, digits and hyphens, beginning with a letter and not ending in a hyphen; got \"${var.project}\". Give the id that `gcloud projects list` shows."
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
}

variable "region" {
  description = "Region of every regional resource."
  type        = string
  default     = "us-central1"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region must look like us-central1; got \"${var.region}\". Give one of `gcloud compute regions list`."
  }
}

################################################################################
# Load balancer
################################################################################

variable "lb_domains" {
  description = "Host names to serve over TLS with a managed certificate; their A records must point at the output lb_ip."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition = length(var.lb_domains) <= 100 && (
      length(distinct(var.lb_domains)) == length(var.lb_domains)
    )
    error_message = "lb_domains must be 100 different names at most; got ${length(var.lb_domains)} of which ${length(distinct(var.lb_domains))} differ: a managed certificate takes no more. Drop some."
  }

  validation {
    condition = alltrue([
      for domain in var.lb_domains :
      length(domain) <= 253 && can(regex(
        "^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?[.])+[a-z]([a-z0-9-]{0,61}[a-z0-9])$", domain
      ))
    ])
    error_message = "lb_domains must be whole host names in lower case and no wildcards, which a managed certificate does not take; got ${jsonencode(var.lb_domains)}. Name each host."
  }
}

variable "allow_plaintext_lb" {
  description = "Whether the stack may serve plain HTTP when there are no lb_domains. Keys and prompts then cross the internet unencrypted."
  type        = bool
  default     = false
  nullable    = false
}

################################################################################
# Credentials
################################################################################

variable "litellm_master_key" {
  description = "Master key of the proxy; begins with sk-. Empty: one is made and kept in Secret Manager only."
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
  description = "Raise it by one whenever a credential given here changes: the new values are written and the services restarted. The database's generated password changes along, a generated master key does not."
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

variable "create_image_proxy" {
  description = "Whether the module makes an Artifact Registry remote repository of ghcr.io and pulls the images of ghcr.io through it."
  type        = bool
  default     = true
  nullable    = false
}

variable "image_registry" {
  description = "Registry and namespace of the component images, without the last slash. Cloud Run does not pull from ghcr.io: see create_image_proxy."
  type        = string
  default     = "ghcr.io/berriai"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9._:/-]*[a-z0-9])?$", var.image_registry))
    error_message = "image_registry must be a registry with an optional namespace, in lower case, with neither scheme nor a last slash; got \"${var.image_registry}\". Write it as us-central1-docker.pkg.dev/my-project/litellm/berriai."
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
}

variable "backend_image" {
  description = "Image of the backend. Empty: <image_registry>/litellm-backend:<image_tag>."
  type        = string
  default     = ""
  nullable    = false
}

variable "ui_image" {
  description = "Image of the UI. Empty: <image_registry>/litellm-ui:<image_tag>."
  type        = string
  default     = ""
  nullable    = false
}

variable "migrations_image" {
  description = "Image of the migrations job, run with its own entrypoint. Empty: the backend's image running the Prisma migration script."
  type        = string
  default     = ""
  nullable    = false
}

################################################################################
# Guards
################################################################################

variable "cloudsql_deletion_protection" {
  description = "Whether Terraform refuses to delete the Cloud SQL instances; apply false before a destroy. True is the safe side."
  type        = bool
  default     = true
  nullable    = false
}

variable "gcs_force_destroy" {
  description = "Whether destroy deletes the data bucket with everything in it. False is the safe side."
  type        = bool
  default     = false
  nullable    = false
}
