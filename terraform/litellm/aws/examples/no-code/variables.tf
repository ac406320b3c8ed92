################################################################################
# Identity
################################################################################

variable "region" {
  description = "AWS region to deploy to, such as us-west-2."
  type        = string
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

variable "tags" {
  description = "Tags for every resource that takes them, on top of litellm:stack and managed-by. At most 45."
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
  description = "Raise it by one whenever a credential or connection URL given here changes: the new values are written and the services restarted. A master key that was made stays."
  type        = number
  default     = 1
  nullable    = false
}

################################################################################
# Images
################################################################################

variable "image_registry" {
  description = "Registry and namespace of the component images, without the last slash."
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

################################################################################
# Network
################################################################################

variable "azs" {
  description = "Two or more availability zones of the region, such as [\"us-west-2a\", \"us-west-2b\"]."
  type        = list(string)
  nullable    = false
}

################################################################################
# Load balancer
################################################################################

variable "acm_certificate_arn" {
  description = "ARN of the load balancer's certificate, in the stack's region. Without one, allow_plaintext_alb must be true."
  type        = string
  default     = ""
  nullable    = false
}

variable "alb_domain_name" {
  description = "Host name the certificate is for; used in the alb_url output only. Point it to alb_dns_name yourself."
  type        = string
  default     = ""
  nullable    = false
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
}
