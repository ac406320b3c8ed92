################################################################################
# Identity
################################################################################

variable "project" {
  description = "Id of the Google Cloud project that takes every resource. The id, not the number."
  type        = string
  nullable    = false
}

variable "region" {
  description = "Google Cloud region to deploy to, such as us-central1."
  type        = string
  default     = "us-central1"
  nullable    = false
}

variable "tenant" {
  description = "Who the stack is for. Every resource is named <tenant>-litellm-<env>."
  type        = string
  nullable    = false
}

variable "env" {
  description = "Environment of the stack, such as dev, stage or prod."
  type        = string
  nullable    = false
}

variable "labels" {
  description = "Labels for every resource that takes them, on top of litellm-stack and managed-by. At most 60."
  type        = map(string)
  default     = {}
  nullable    = false
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
  description = "Raise it by one whenever a credential or connection URL given here changes: the new values are written and the services restarted. A master key that was made stays; the database's password is made anew."
  type        = number
  default     = 1
  nullable    = false
}

################################################################################
# Images
################################################################################

variable "image_registry" {
  description = "Registry and namespace of the component images, without the last slash. Cloud Run does not pull from ghcr.io: see create_image_proxy."
  type        = string
  default     = "ghcr.io/berriai"
  nullable    = false
}

variable "image_tag" {
  description = "Tag of the component images. Pin a release in production: a moved tag does not roll the services."
  type        = string
  default     = "main-stable"
  nullable    = false
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
  description = "Image that runs the migrations, with its own entrypoint. Empty: the backend's image with the Prisma migration script."
  type        = string
  default     = ""
  nullable    = false
}

variable "create_image_proxy" {
  description = "Whether the module makes an Artifact Registry remote repository of ghcr.io and pulls the images of ghcr.io through it."
  type        = bool
  default     = true
  nullable    = false
}

################################################################################
# Load balancer
################################################################################

variable "lb_domains" {
  description = "Host names to serve over TLS with a managed certificate; their A records must point to the output lb_ip. Without any, allow_plaintext_lb must be true."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "allow_plaintext_lb" {
  description = "Whether the stack may serve plain HTTP without lb_domains. For a trial only: keys and prompts cross the internet unencrypted."
  type        = bool
  default     = false
  nullable    = false
}

################################################################################
# Database
################################################################################

variable "cloudsql_deletion_protection" {
  description = "Whether Terraform refuses to delete the Cloud SQL instances; apply false before a destroy. True is the safe side."
  type        = bool
  default     = true
  nullable    = false
}

################################################################################
# Object store
################################################################################

variable "gcs_force_destroy" {
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
}
