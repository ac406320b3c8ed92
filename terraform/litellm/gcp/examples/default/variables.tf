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

variable "litellm_salt_key" {
  description = "Key with which LiteLLM encrypts the credentials in its database. If empty, the module generates a key. Only the first apply reads it. For a database that was used without a salt key, set it to the master key of that database."
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
  description = "Image of the migrations job. It must contain Node.js, which Prisma requires. If empty, <image_registry>/litellm-migrations:<image_tag>."
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

variable "vpc_access" {
  description = "Path of the services to private addresses: connector (Serverless VPC Access, in vpc_connector_cidr) or direct (Direct VPC egress, in subnet_cidr)."
  type        = string
  default     = "connector"
  nullable    = false
}

variable "subnet_cidr" {
  description = "Unused IPv4 range of the subnet that the module creates, in its own network or for vpc_access = \"direct\". A wider range with the same first address changes the subnet in place. A range with another first address must not overlap with the old one."
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

variable "vpc_connector_machine_type" {
  description = "Machine type of the 2 to 3 machines of the connector: f1-micro, e2-micro or e2-standard-4. A larger one has more throughput."
  type        = string
  default     = "e2-micro"
  nullable    = false
}

variable "enable_flow_logs" {
  description = "Whether to log the traffic of the subnets that the module creates, with a sampling rate of one half."
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
  description = "Additional paths of the gateway, such as pass-through endpoints: exact (/a/b) or all paths below (/a/b/*), before the files of a dashboard page with the same path. At most 60."
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

variable "gateway_cpu" {
  description = "CPU of a gateway instance, in millicores (1000m) or cores (2). At least 1000m."
  type        = string
  default     = "1000m"
  nullable    = false
}

variable "gateway_memory" {
  description = "Memory of a gateway instance: 512Mi or more."
  type        = string
  default     = "4Gi"
  nullable    = false
}

variable "gateway_desired_count" {
  description = "Number of gateway containers without autoscaling."
  type        = number
  default     = 2
  nullable    = false
}

variable "gateway_num_workers" {
  description = "Number of Uvicorn workers of each gateway container."
  type        = number
  default     = 1
  nullable    = false
}

variable "gateway_autoscaling_enabled" {
  description = "Whether to scale the number of gateway containers with the load. If false, the number is gateway_desired_count."
  type        = bool
  default     = true
  nullable    = false
}

variable "gateway_min_instances" {
  description = "Minimum number of gateway instances with autoscaling."
  type        = number
  default     = 1
  nullable    = false
}

variable "gateway_max_instances" {
  description = "Maximum number of gateway instances with autoscaling."
  type        = number
  default     = 10
  nullable    = false
}

variable "gateway_max_instance_request_concurrency" {
  description = "Maximum number of concurrent requests to one gateway instance."
  type        = number
  default     = 80
  nullable    = false
}

variable "backend_cpu" {
  description = "CPU of a backend instance, in millicores (1000m) or cores (2). At least 1000m."
  type        = string
  default     = "1000m"
  nullable    = false
}

variable "backend_memory" {
  description = "Memory of a backend instance: 512Mi or more."
  type        = string
  default     = "4Gi"
  nullable    = false
}

variable "backend_desired_count" {
  description = "Number of backend containers without autoscaling."
  type        = number
  default     = 1
  nullable    = false
}

variable "backend_autoscaling_enabled" {
  description = "Whether to scale the number of backend containers with the load. If false, the number is backend_desired_count."
  type        = bool
  default     = true
  nullable    = false
}

variable "backend_min_instances" {
  description = "Minimum number of backend instances with autoscaling."
  type        = number
  default     = 1
  nullable    = false
}

variable "backend_max_instances" {
  description = "Maximum number of backend instances with autoscaling."
  type        = number
  default     = 4
  nullable    = false
}

variable "backend_max_instance_request_concurrency" {
  description = "Maximum number of concurrent requests to one backend instance."
  type        = number
  default     = 80
  nullable    = false
}

variable "ui_cpu" {
  description = "CPU of a UI instance, in millicores (1000m) or cores (2)."
  type        = string
  default     = "1000m"
  nullable    = false
}

variable "ui_memory" {
  description = "Memory of a UI instance: 512Mi or more."
  type        = string
  default     = "512Mi"
  nullable    = false
}

variable "ui_desired_count" {
  description = "Number of UI containers without autoscaling."
  type        = number
  default     = 1
  nullable    = false
}

variable "ui_autoscaling_enabled" {
  description = "Whether to scale the number of UI containers with the load. If false, the number is ui_desired_count."
  type        = bool
  default     = true
  nullable    = false
}

variable "ui_min_instances" {
  description = "Minimum number of UI instances with autoscaling."
  type        = number
  default     = 1
  nullable    = false
}

variable "ui_max_instances" {
  description = "Maximum number of UI instances with autoscaling."
  type        = number
  default     = 3
  nullable    = false
}

variable "ui_max_instance_request_concurrency" {
  description = "Maximum number of concurrent requests to one UI instance."
  type        = number
  default     = 200
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

variable "db_tier" {
  description = "Machine type of the Cloud SQL instances."
  type        = string
  default     = "db-custom-2-7680"
  nullable    = false
}

variable "db_reader_tier" {
  description = "Machine type of the read replica. If empty, db_tier. To increase db_tier, increase db_reader_tier in an apply before."
  type        = string
  default     = ""
  nullable    = false
}

variable "db_edition" {
  description = "Edition of Cloud SQL: ENTERPRISE or ENTERPRISE_PLUS."
  type        = string
  default     = "ENTERPRISE"
  nullable    = false
}

variable "db_version" {
  description = "Version of PostgreSQL."
  type        = string
  default     = "POSTGRES_16"
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

variable "db_disk_size" {
  description = "Size of the disks of the database in GB, when they are created. They grow automatically. A restored database needs at least the size of the disk of its origin."
  type        = number
  default     = 20
  nullable    = false
}

variable "db_restore_snapshot" {
  description = "Backup from which the database is created: INSTANCE/BACKUP, both of the project, such as acme-litellm-prod-writer-0a1b2c3d/1767225600000. If empty, no backup. It has an effect only when the instance is created."
  type        = string
  default     = ""
  nullable    = false
}

variable "db_restore_source" {
  description = "Name of the Cloud SQL instance of the project from which the database is cloned, as it was at db_restore_time. If empty, no instance. A clone stays in the network of its source, so network is required. It has an effect only when the instance is created."
  type        = string
  default     = ""
  nullable    = false
}

variable "db_restore_time" {
  description = "Point in time in UTC, such as 2026-01-31T08:00:00Z, to which db_restore_source is restored. If empty, the latest time. Requires db_restore_source."
  type        = string
  default     = ""
  nullable    = false
}

variable "db_password_version" {
  description = "Version of the generated database password. Increase it by one, in an apply of its own, to change the password. New connections may fail until the services have restarted."
  type        = number
  default     = 1
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

variable "redis_tier" {
  description = "Tier of Memorystore: STANDARD_HA, with a replica, or BASIC."
  type        = string
  default     = "STANDARD_HA"
  nullable    = false
}

variable "redis_memory_size_gb" {
  description = "Memory of the Memorystore instance in GiB."
  type        = number
  default     = 1
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

variable "store_request_logs" {
  description = "Whether LiteLLM writes a record of each request, with prompt and response, to the data bucket. Requires litellm_license."
  type        = bool
  default     = false
  nullable    = false
}

################################################################################
# Configuration
################################################################################

variable "proxy_config" {
  description = "LiteLLM configuration file as a map (model_list, litellm_settings, general_settings, router_settings, ...). The module adds the coordination Redis."
  type        = any
  default     = {}
  nullable    = false
}

variable "proxy_config_files" {
  description = "Contents of the files beside the LiteLLM configuration file, by path, such as the Python modules of callbacks and custom_auth. They are stored in the configuration bucket and in the state."
  type        = map(string)
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
  description = "Content of prompts and responses in the telemetry: no_content, span_only, event_only or span_and_event."
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
