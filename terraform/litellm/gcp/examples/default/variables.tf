################################################################################
# Identity
################################################################################

variable "project" {
  description = "Id, not number, of the Google Cloud project of all resources."
  type        = string
  nullable    = false
}

variable "region" {
  description = "Region of the stack."
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
  description = "Version of the credentials and connection URLs. Increase it by one if one of these inputs changes: apply then writes the new values and restarts the services. A generated master key does not change, but apply generates a new database password."
  type        = number
  default     = 1
  nullable    = false
}

variable "kms_key_name" {
  description = "Name of a KMS key in the region of the stack, for the encryption of database, Redis, buckets, secrets, containers and image proxy. If empty, keys that Google manages. Set it before the first apply: a change replaces database, Redis and image proxy, and fails for secrets."
  type        = string
  default     = ""
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
  description = "Image of the migrations job, which runs its own entrypoint. If empty, the image of the backend with the Prisma migration script."
  type        = string
  default     = ""
  nullable    = false
}

variable "create_image_proxy" {
  description = "Whether to create an Artifact Registry remote repository of ghcr.io and to pull the images of ghcr.io through it."
  type        = bool
  default     = false
  nullable    = false
}

################################################################################
# Network
################################################################################

variable "create_network" {
  description = "Whether to create the network. If null, true if network is empty. Set it to false if network is known only after apply."
  type        = bool
  default     = null
}

variable "network" {
  description = "Self link, id or name of an existing network in the project of the stack. If empty, the module creates a network."
  type        = string
  default     = ""
  nullable    = false
}

variable "create_psa_connection" {
  description = "Whether to create private services access in the network. Set it to false if the existing network has private services access."
  type        = bool
  default     = true
  nullable    = false
}

variable "subnet_cidr" {
  description = "IPv4 range of the subnet in the network that the module creates."
  type        = string
  default     = "10.40.0.0/16"
  nullable    = false
}

variable "vpc_connector_cidr" {
  description = "Unused IPv4 range of the connector between Cloud Run and the network: a /28."
  type        = string
  default     = "10.41.0.0/28"
  nullable    = false
}

variable "enable_flow_logs" {
  description = "Whether to log the traffic of the network that the module creates, with a sampling rate of one half."
  type        = bool
  default     = true
  nullable    = false
}

################################################################################
# Load balancer
################################################################################

variable "lb_domains" {
  description = "Host names of the managed certificate. Their A records must point to the output lb_ip. If empty, the load balancer serves plain HTTP."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "allow_plaintext_lb" {
  description = "Whether to allow plain HTTP if lb_domains is empty. Keys and prompts then cross the internet unencrypted."
  type        = bool
  default     = false
  nullable    = false
}

variable "security_policy" {
  description = "Id or name of a Cloud Armor security policy for the services. If empty, no policy. Rules against injection can reject prompts."
  type        = string
  default     = ""
  nullable    = false
}

variable "extra_gateway_paths" {
  description = "Additional paths of the gateway, such as pass-through endpoints: exact (/a/b) or all paths below (/a/b/*). At most 60."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "request_timeout_seconds" {
  description = "Timeout of a request to gateway or backend in seconds. Long streams need a long timeout."
  type        = number
  default     = 3600
  nullable    = false
}

################################################################################
# Compute
################################################################################

variable "gateway_num_workers" {
  description = "Number of Uvicorn workers of each gateway container."
  type        = number
  default     = 1
  nullable    = false
}

################################################################################
# Database
################################################################################

variable "create_database" {
  description = "Whether to create the database. If false, database_url selects an external database. Without database_url the proxy has no database."
  type        = bool
  default     = true
  nullable    = false
}

variable "database_url" {
  description = "Connection URL of an external PostgreSQL database (postgresql://...). Requires create_database = false. If empty, the proxy has only the database that the module creates."
  type        = string
  default     = ""
  sensitive   = true
  ephemeral   = true
  nullable    = false
}

variable "create_read_replica" {
  description = "Whether to create a read replica of the database that the module creates. The proxy then reads from the replica."
  type        = bool
  default     = true
  nullable    = false
}

variable "db_name" {
  description = "Name of the database of the proxy in the database server that the module creates."
  type        = string
  default     = "litellm"
  nullable    = false
}

variable "db_username" {
  description = "Database user of the proxy and of the migrations, with password authentication."
  type        = string
  default     = "litellm_app"
  nullable    = false
}

variable "db_backup_retention_days" {
  description = "Retention period of automatic database backups in days: 1 to 35."
  type        = number
  default     = 7
  nullable    = false
}

variable "enable_db_audit_logs" {
  description = "Whether to log connections, schema changes and lock waits of the database. The logs do not contain query parameters."
  type        = bool
  default     = true
  nullable    = false
}

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
# Cache
################################################################################

variable "create_redis" {
  description = "Whether to create Redis. If false, redis_url selects an external Redis. Without Redis each process counts rate limits on its own."
  type        = bool
  default     = true
  nullable    = false
}

variable "redis_url" {
  description = "Connection URL of an external Redis (redis:// or rediss://). Requires create_redis = false. If empty, the proxy has only the Redis that the module creates."
  type        = string
  default     = ""
  sensitive   = true
  ephemeral   = true
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

variable "proxy_config" {
  description = "LiteLLM configuration file as a map (model_list, litellm_settings, general_settings, router_settings, ...). If empty, no file."
  type        = any
  default     = {}
  nullable    = false
}

variable "gateway_extra_env" {
  description = "Additional environment variables of the gateway. They override defaults of the same name."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "backend_extra_env" {
  description = "Additional environment variables of the backend. They override defaults of the same name."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "gateway_extra_secrets" {
  description = "Additional environment variables of the gateway, as secrets: projects/PROJECT/secrets/NAME, or the id of a secret in the project of the stack. The latest version applies. They override all other variables of the same name."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "backend_extra_secrets" {
  description = "Additional environment variables of the backend, as secrets: projects/PROJECT/secrets/NAME, or the id of a secret in the project of the stack. The latest version applies. They override all other variables of the same name."
  type        = map(string)
  default     = {}
  nullable    = false
}

################################################################################
# Migrations
################################################################################

variable "run_migrations" {
  description = "Whether to run the migrations during apply. Requires bash and the gcloud CLI on the machine that runs Terraform. If false, run the command of the output migration_run_command."
  type        = bool
  default     = true
  nullable    = false
}

################################################################################
# Observability
################################################################################

variable "otel_endpoint" {
  description = "OpenTelemetry endpoint of gateway and backend. If empty, no OpenTelemetry."
  type        = string
  default     = ""
  nullable    = false
}

variable "otel_exporter" {
  description = "OpenTelemetry exporter: otlp_http, otlp_grpc or console."
  type        = string
  default     = "otlp_http"
  nullable    = false
}

variable "otel_environment_name" {
  description = "Environment name in the telemetry. If empty, env."
  type        = string
  default     = ""
  nullable    = false
}

variable "otel_capture_message_content" {
  description = "Content of prompts and responses in the telemetry: no_content or prompt_and_completion."
  type        = string
  default     = "no_content"
  nullable    = false
}

variable "otel_headers_secret" {
  description = "Secret with the headers of the exporter: projects/PROJECT/secrets/NAME, or the id of a secret in the project of the stack. If empty, no headers. Requires otel_endpoint."
  type        = string
  default     = ""
  nullable    = false
}

variable "enable_access_logs" {
  description = "Whether to log requests to the load balancer, in Cloud Logging, and to the buckets, in the log bucket for a year."
  type        = bool
  default     = true
  nullable    = false
}
