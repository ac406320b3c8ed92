################################################################################
# Identity
################################################################################

variable "project" {
  description = "Id of the Google Cloud project that takes every resource. The id, not the number."
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

variable "kms_key_name" {
  description = "Key of yours, in the stack's region, that database, Redis, buckets, secrets, containers and image proxy are encrypted with. Empty: Google's own keys. Give it before the first apply: database, Redis and image proxy would be replaced, and a secret can not be, under its name."
  type        = string
  default     = ""
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
  default     = false
  nullable    = false
}

################################################################################
# Network
################################################################################

variable "create_network" {
  description = "Whether the module makes the network. Null: it does when network is empty. Set it to false when network is known only after apply."
  type        = bool
  default     = null
}

variable "network" {
  description = "Existing network of the stack's project to use, by self link, id or name. Empty: the module makes one."
  type        = string
  default     = ""
  nullable    = false
}

variable "create_psa_connection" {
  description = "Whether the module gives the network private services access. False when the given network has it already."
  type        = bool
  default     = true
  nullable    = false
}

variable "subnet_cidr" {
  description = "Range of the subnet in the network the module makes."
  type        = string
  default     = "10.40.0.0/16"
  nullable    = false
}

variable "vpc_connector_cidr" {
  description = "Unused range of the connector between Cloud Run and the network. It must be a /28."
  type        = string
  default     = "10.41.0.0/28"
  nullable    = false
}

variable "enable_flow_logs" {
  description = "Whether the traffic of the module's own network is logged, half of it sampled."
  type        = bool
  default     = true
  nullable    = false
}

################################################################################
# Load balancer
################################################################################

variable "lb_domains" {
  description = "Host names to serve over TLS with a managed certificate; their A records must point to the output lb_ip."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "allow_plaintext_lb" {
  description = "Whether the stack may serve plain HTTP when there are no lb_domains. Keys and prompts then cross the internet unencrypted."
  type        = bool
  default     = false
  nullable    = false
}

variable "security_policy" {
  description = "Security policy of Cloud Armor to put before the services, by its id or name. Mind what prompts hold: rules against injections refuse some."
  type        = string
  default     = ""
  nullable    = false
}

variable "extra_gateway_paths" {
  description = "Further paths of the gateway, such as your pass-through endpoints: exact (/a/b) or everything below (/a/b/*). At most 60."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "request_timeout_seconds" {
  description = "Seconds that a request to gateway or backend may last before Cloud Run cuts it. Long streams need it long."
  type        = number
  default     = 3600
  nullable    = false
}

################################################################################
# Compute
################################################################################

variable "gateway_num_workers" {
  description = "Uvicorn workers of each gateway container."
  type        = number
  default     = 1
  nullable    = false
}

################################################################################
# Database
################################################################################

variable "create_database" {
  description = "Whether the module makes the database. When not, database_url brings your own, and without that the proxy has none."
  type        = bool
  default     = true
  nullable    = false
}

variable "database_url" {
  description = "Connection URL of your own PostgreSQL (postgresql://...); only with create_database = false."
  type        = string
  default     = ""
  sensitive   = true
  ephemeral   = true
  nullable    = false
}

variable "create_read_replica" {
  description = "Whether the database that the module makes has a reader, which the proxy then reads from."
  type        = bool
  default     = true
  nullable    = false
}

variable "db_name" {
  description = "Name of the proxy's database in what the module makes."
  type        = string
  default     = "litellm"
  nullable    = false
}

variable "db_username" {
  description = "User the proxy and the migrations sign in as, by password."
  type        = string
  default     = "litellm_app"
  nullable    = false
}

variable "db_backup_retention_days" {
  description = "Days that automatic backups of the database are kept: 1 to 35."
  type        = number
  default     = 7
  nullable    = false
}

variable "enable_db_audit_logs" {
  description = "Whether the module's database logs connections, changes of the schema and waits for locks; not the values that LiteLLM passes."
  type        = bool
  default     = true
  nullable    = false
}

variable "cloudsql_deletion_protection" {
  description = "Whether Terraform refuses to delete the Cloud SQL instances; apply false before a destroy. True is the safe side."
  type        = bool
  default     = true
  nullable    = false
}

################################################################################
# Cache
################################################################################

variable "create_redis" {
  description = "Whether the module makes the Redis. When not, redis_url brings your own, and without that limits hold for each process alone."
  type        = bool
  default     = true
  nullable    = false
}

variable "redis_url" {
  description = "Connection URL of your own Redis (redis:// or rediss://); only with create_redis = false."
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
  description = "Whether destroy deletes the data bucket with everything in it. False is the safe side."
  type        = bool
  default     = false
  nullable    = false
}

################################################################################
# Configuration
################################################################################

variable "proxy_config" {
  description = "LiteLLM's configuration file as a map (model_list, litellm_settings, general_settings, router_settings, ...). Empty: no file."
  type        = any
  default     = {}
  nullable    = false
}

variable "gateway_extra_env" {
  description = "Further environment of the gateway; replaces a default of the same name."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "backend_extra_env" {
  description = "Further environment of the backend; replaces a default of the same name."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "gateway_extra_secrets" {
  description = "Further environment of the gateway from Secret Manager, by projects/PROJECT/secrets/NAME or the id of a secret in the stack's project, at its latest version; replaces anything of the same name."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "backend_extra_secrets" {
  description = "Further environment of the backend from Secret Manager, by projects/PROJECT/secrets/NAME or the id of a secret in the stack's project, at its latest version; replaces anything of the same name."
  type        = map(string)
  default     = {}
  nullable    = false
}

################################################################################
# Migrations
################################################################################

variable "run_migrations" {
  description = "Whether apply runs the migrations; needs bash and the gcloud CLI where Terraform runs. When not, run by hand what the output migration_run_command prints."
  type        = bool
  default     = true
  nullable    = false
}

################################################################################
# Observability
################################################################################

variable "otel_endpoint" {
  description = "OpenTelemetry endpoint of gateway and backend. Empty: no OpenTelemetry."
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
  description = "Environment name in the telemetry. Empty: env."
  type        = string
  default     = ""
  nullable    = false
}

variable "otel_capture_message_content" {
  description = "Whether prompts and answers go into the telemetry: no_content or prompt_and_completion."
  type        = string
  default     = "no_content"
  nullable    = false
}

variable "otel_headers_secret" {
  description = "Secret with the exporter's headers, by projects/PROJECT/secrets/NAME or the id of a secret in the stack's project. Only with otel_endpoint."
  type        = string
  default     = ""
  nullable    = false
}

variable "enable_access_logs" {
  description = "Whether requests to the load balancer are logged, to Cloud Logging, and those to the buckets, to a bucket of their own where they stay a year."
  type        = bool
  default     = true
  nullable    = false
}
