################################################################################
# Identity
################################################################################

variable "project" {
  description = "Id, not number, of the Google Cloud project of all resources."
  type        = string
  nullable    = false
}

variable "region" {
  description = "Google Cloud region of the stack, such as us-central1."
  type        = string
  default     = "us-central1"
  nullable    = false
}

variable "tenant" {
  description = "Name of the tenant of the stack. The name of every resource starts with <tenant>-litellm-<env>."
  type        = string
  nullable    = false
}

variable "env" {
  description = "Environment of the stack, such as dev, stage or prod."
  type        = string
  nullable    = false
}

variable "labels" {
  description = "Labels of all resources that support labels, in addition to litellm-stack and managed-by. At most 60."
  type        = map(string)
  default     = {}
  nullable    = false
}

################################################################################
# Credentials
################################################################################

variable "provided_credentials" {
  description = "Names of the credential inputs that the caller sets: litellm_master_key, litellm_salt_key, litellm_license, ui_password, database_url, redis_url. The plan fails if an input is missing or not listed."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "litellm_master_key" {
  description = "Master key of the proxy, with the prefix sk-. If empty, the module generates a key and stores it only in the secret."
  type        = string
  default     = ""
  sensitive   = true
  ephemeral   = true
  nullable    = false
}

variable "litellm_license" {
  description = "LiteLLM enterprise license. If empty, no license."
  type        = string
  default     = ""
  sensitive   = true
  ephemeral   = true
  nullable    = false
}

variable "ui_password" {
  description = "Password of the admin user of the dashboard. If empty, the master key is the password."
  type        = string
  default     = ""
  sensitive   = true
  ephemeral   = true
  nullable    = false
}

variable "secrets_version" {
  description = "Version of the credentials and connection URLs. Increase it by one if one of these inputs changes: apply then writes the new values and restarts the services. A generated master key does not change."
  type        = number
  default     = 1
  nullable    = false
}

################################################################################
# Images
################################################################################

variable "image_registry" {
  description = "Registry and namespace of the component images, without a trailing slash. Cloud Run does not pull from ghcr.io: see create_image_proxy."
  type        = string
  default     = "ghcr.io/berriai"
  nullable    = false
}

variable "image_tag" {
  description = "Tag of the component images. Use a fixed release in production: Terraform does not detect a tag that moves."
  type        = string
  default     = "main-stable"
  nullable    = false
}

variable "gateway_image" {
  description = "Image of the gateway. If empty, <image_registry>/litellm-gateway:<image_tag>."
  type        = string
  default     = ""
  nullable    = false
}

variable "backend_image" {
  description = "Image of the backend. If empty, <image_registry>/litellm-backend:<image_tag>."
  type        = string
  default     = ""
  nullable    = false
}

variable "ui_image" {
  description = "Image of the UI. If empty, <image_registry>/litellm-ui:<image_tag>."
  type        = string
  default     = ""
  nullable    = false
}

variable "migrations_image" {
  description = "Image of the migrations job. It must contain Node.js, which Prisma requires. If empty, <image_registry>/litellm-migrations:<image_tag>."
  type        = string
  default     = ""
  nullable    = false
}

variable "create_image_proxy" {
  description = "Whether to create an Artifact Registry remote repository of ghcr.io and to pull the images of ghcr.io through it."
  type        = bool
  default     = true
  nullable    = false
}

################################################################################
# Load balancer
################################################################################

variable "lb_domains" {
  description = "Host names of the managed certificate. Their A records must point to the output lb_ip. If empty, allow_plaintext_lb must be true."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "allow_plaintext_lb" {
  description = "Whether to allow plain HTTP if lb_domains is empty. For trials only: keys and prompts cross the internet unencrypted."
  type        = bool
  default     = false
  nullable    = false
}

################################################################################
# Database
################################################################################

variable "cloudsql_deletion_protection" {
  description = "Whether to protect the Cloud SQL instances from deletion by Terraform. Apply false before a destroy. True prevents data loss."
  type        = bool
  default     = true
  nullable    = false
}

variable "skip_final_snapshot" {
  description = "Whether to skip the final backup of the database on destroy, and to delete its other backups. False prevents data loss."
  type        = bool
  default     = false
  nullable    = false
}

################################################################################
# Object store
################################################################################

variable "gcs_force_destroy" {
  description = "Whether to delete all objects in the data bucket on destroy. If false, a destroy fails unless the bucket is empty."
  type        = bool
  default     = false
  nullable    = false
}

################################################################################
# Configuration
################################################################################

variable "proxy_config_yaml" {
  description = "Content of the LiteLLM configuration file config.yaml. If empty, no file: add models in the dashboard."
  type        = string
  default     = ""
  nullable    = false
}
