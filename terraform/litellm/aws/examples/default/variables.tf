################################################################################
# Identity
################################################################################

variable "region" {
  description = "Region of the stack, which must be the region of the aws provider."
  type        = string
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

variable "tags" {
  description = "Tags of all resources that support tags, in addition to litellm:stack and managed-by. At most 45."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "iam_path" {
  description = "Path of the IAM roles, such as /platform/. It can not change after the first apply."
  type        = string
  default     = "/"
  nullable    = false
}

variable "iam_permissions_boundary_arn" {
  description = "ARN of the policy that limits the permissions of all IAM roles. If empty, no permissions boundary."
  type        = string
  default     = ""
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

variable "kms_key_arn" {
  description = "ARN of a KMS key in the region of the stack, for the encryption of database, Redis, buckets, secrets and logs. If empty, keys that AWS manages. Set it before the first apply: database and Redis can not change their key."
  type        = string
  default     = ""
  nullable    = false
}

################################################################################
# Images
################################################################################

variable "image_registry" {
  description = "Registry and namespace of the component images, without a trailing slash."
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

variable "bootstrap_image" {
  description = "Image of the bootstrap job, with a shell and psql. If empty, public.ecr.aws/docker/library/postgres:16-alpine."
  type        = string
  default     = ""
  nullable    = false
}

################################################################################
# Network
################################################################################

variable "create_network" {
  description = "Whether to create the network. If null, true if vpc_id is empty. Set it to false if vpc_id is known only after apply."
  type        = bool
  default     = null
}

variable "vpc_id" {
  description = "Id of an existing VPC. If empty, the module creates a VPC."
  type        = string
  default     = ""
  nullable    = false
}

variable "public_subnet_ids" {
  description = "Public subnets of the existing VPC for the load balancer: at least two, in different zones."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "private_subnet_ids" {
  description = "Private subnets of the existing VPC for tasks and data stores, with a route to the internet. At least two, or one if database and Redis are external."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "additional_task_security_group_ids" {
  description = "Additional security groups of the gateway, backend and job tasks, such as a group that an external database admits. At most 4. The UI does not get them."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "vpc_cidr" {
  description = "IPv4 range of the VPC that the module creates: /16 to /20. Each zone has two subnets with a prefix that is 8 bits longer. It can not change after the first apply."
  type        = string
  default     = "10.40.0.0/16"
  nullable    = false
}

variable "azs" {
  description = "Availability zones of the VPC that the module creates: 2 to 10, in any order. Required if vpc_id is empty."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "enable_flow_logs" {
  description = "Whether to log the traffic of the network that the module creates, in the log bucket."
  type        = bool
  default     = true
  nullable    = false
}

################################################################################
# Load balancer
################################################################################

variable "acm_certificate_arn" {
  description = "ARN of the certificate of the load balancer, in the region of the stack. If set, the load balancer serves TLS and redirects port 80. If empty, it serves plain HTTP."
  type        = string
  default     = ""
  nullable    = false
}

variable "enable_tls" {
  description = "Whether to serve TLS on port 443. If null, true if acm_certificate_arn is not empty. Set it to true if the ARN is known only after apply."
  type        = bool
  default     = null
}

variable "alb_domain_name" {
  description = "Host name of the certificate, for the output alb_url only. Create its DNS record with the target alb_dns_name. If empty, alb_url contains the DNS name of the load balancer."
  type        = string
  default     = ""
  nullable    = false
}

variable "allow_plaintext_alb" {
  description = "Whether to allow plain HTTP without a certificate. Keys and prompts then cross the internet unencrypted."
  type        = bool
  default     = false
  nullable    = false
}

variable "waf_web_acl_arn" {
  description = "ARN of an AWS WAF web ACL for the load balancer, in the region of the stack. If empty, no web ACL. Rules that limit the size of a request body reject long prompts."
  type        = string
  default     = ""
  nullable    = false
}

variable "enable_waf" {
  description = "Whether to associate the web ACL with the load balancer. If null, true if waf_web_acl_arn is not empty. Set it to true if the ARN is known only after apply."
  type        = bool
  default     = null
}

variable "drop_invalid_headers" {
  description = "Whether to drop request headers with names that contain other characters than letters, digits and hyphens, for example underscores."
  type        = bool
  default     = true
  nullable    = false
}

variable "alb_deletion_protection" {
  description = "Whether to protect the load balancer from deletion, which would change its DNS name. Apply false before a destroy."
  type        = bool
  default     = false
  nullable    = false
}

variable "extra_gateway_paths" {
  description = "Additional paths of the gateway, such as pass-through endpoints: exact (/a/b) or all paths below (/a/b/*), before the files of a dashboard page with the same path. At most 60."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "request_timeout_seconds" {
  description = "Idle timeout of the load balancer in seconds. Long streams need a long timeout. A stopped task has the same time, at most ten minutes, for its streams."
  type        = number
  default     = 3600
  nullable    = false
}

################################################################################
# Compute
################################################################################

variable "gateway_cpu" {
  description = "CPU units of a gateway task: 1024 units are one vCPU."
  type        = number
  default     = 1024
  nullable    = false
}

variable "gateway_memory" {
  description = "Memory of a gateway task in MiB. Fargate restricts it by gateway_cpu."
  type        = number
  default     = 4096
  nullable    = false
}

variable "gateway_desired_count" {
  description = "Number of gateway containers without autoscaling. With autoscaling, the initial number."
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

variable "gateway_min_capacity" {
  description = "Minimum number of gateway tasks with autoscaling."
  type        = number
  default     = 1
  nullable    = false
}

variable "gateway_max_capacity" {
  description = "Maximum number of gateway tasks with autoscaling."
  type        = number
  default     = 10
  nullable    = false
}

variable "gateway_cpu_target" {
  description = "Target of the average CPU utilization of gateway autoscaling in percent. If 0, no CPU policy."
  type        = number
  default     = 70
  nullable    = false
}

variable "gateway_memory_target" {
  description = "Target of the average memory utilization of gateway autoscaling in percent. If 0, no memory policy."
  type        = number
  default     = 80
  nullable    = false
}

variable "backend_cpu" {
  description = "CPU units of a backend task: 1024 units are one vCPU."
  type        = number
  default     = 1024
  nullable    = false
}

variable "backend_memory" {
  description = "Memory of a backend task in MiB. Fargate restricts it by backend_cpu."
  type        = number
  default     = 4096
  nullable    = false
}

variable "backend_desired_count" {
  description = "Number of backend containers without autoscaling. With autoscaling, the initial number."
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

variable "backend_min_capacity" {
  description = "Minimum number of backend tasks with autoscaling."
  type        = number
  default     = 1
  nullable    = false
}

variable "backend_max_capacity" {
  description = "Maximum number of backend tasks with autoscaling."
  type        = number
  default     = 4
  nullable    = false
}

variable "backend_cpu_target" {
  description = "Target of the average CPU utilization of backend autoscaling in percent. If 0, no CPU policy."
  type        = number
  default     = 70
  nullable    = false
}

variable "backend_memory_target" {
  description = "Target of the average memory utilization of backend autoscaling in percent. If 0, no memory policy."
  type        = number
  default     = 0
  nullable    = false
}

variable "ui_cpu" {
  description = "CPU units of a UI task: 1024 units are one vCPU."
  type        = number
  default     = 256
  nullable    = false
}

variable "ui_memory" {
  description = "Memory of a UI task in MiB. Fargate restricts it by ui_cpu."
  type        = number
  default     = 512
  nullable    = false
}

variable "ui_desired_count" {
  description = "Number of UI containers without autoscaling. With autoscaling, the initial number."
  type        = number
  default     = 1
  nullable    = false
}

variable "ui_autoscaling_enabled" {
  description = "Whether to scale the number of UI containers with the load. If false, the number is ui_desired_count."
  type        = bool
  default     = false
  nullable    = false
}

variable "ui_min_capacity" {
  description = "Minimum number of UI tasks with autoscaling."
  type        = number
  default     = 1
  nullable    = false
}

variable "ui_max_capacity" {
  description = "Maximum number of UI tasks with autoscaling."
  type        = number
  default     = 3
  nullable    = false
}

variable "ui_cpu_target" {
  description = "Target of the average CPU utilization of UI autoscaling in percent. If 0, no CPU policy."
  type        = number
  default     = 80
  nullable    = false
}

variable "ui_memory_target" {
  description = "Target of the average memory utilization of UI autoscaling in percent. If 0, no memory policy."
  type        = number
  default     = 0
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

variable "db_instance_class" {
  description = "Instance class of the Aurora writer, and of the reader without a class of its own."
  type        = string
  default     = "db.r6g.large"
  nullable    = false
}

variable "db_reader_instance_class" {
  description = "Instance class of the read replica. If empty, db_instance_class. Aurora may promote the replica, so it should be as large as the writer."
  type        = string
  default     = ""
  nullable    = false
}

variable "db_engine_version" {
  description = "Aurora PostgreSQL version. If only the major version is set (16), AWS selects and upgrades the minor version."
  type        = string
  default     = "16.8"
  nullable    = false
}

variable "db_name" {
  description = "Name of the database of the proxy in the database server that the module creates. It can not change after the first apply."
  type        = string
  default     = "litellm"
  nullable    = false
}

variable "db_master_username" {
  description = "Master user of the cluster. Only the database bootstrap uses it. RDS stores and rotates its password. It can not change after the first apply."
  type        = string
  default     = "postgres"
  nullable    = false
}

variable "db_username" {
  description = "Database user of the proxy and of the migrations, with IAM authentication. Another user takes the tables over."
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

variable "db_restore_snapshot" {
  description = "Identifier or ARN of the cluster snapshot from which the database is created. If empty, no snapshot. It has an effect only when the cluster is created."
  type        = string
  default     = ""
  nullable    = false
}

variable "db_restore_source" {
  description = "Identifier or ARN of the cluster from which the database is created, as it was at db_restore_time. If empty, no cluster. It has an effect only when the cluster is created."
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

variable "enable_db_audit_logs" {
  description = "Whether to log connections, schema changes, lock waits and statements of more than a second of the database. The logs do not contain query parameters."
  type        = bool
  default     = true
  nullable    = false
}

variable "db_monitoring_interval" {
  description = "Interval of enhanced monitoring of the database in seconds: 1, 5, 10, 15, 30 or 60. If 0, no enhanced monitoring."
  type        = number
  default     = 60
  nullable    = false
}

variable "db_deletion_protection" {
  description = "Whether to protect the database from deletion. Apply false before a destroy. True prevents data loss."
  type        = bool
  default     = true
  nullable    = false
}

variable "skip_final_snapshot" {
  description = "Whether to skip the final snapshot of the database on destroy. False prevents data loss."
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

variable "redis_node_type" {
  description = "Node type of ElastiCache."
  type        = string
  default     = "cache.t4g.small"
  nullable    = false
}

variable "redis_num_replicas" {
  description = "Number of replicas of the primary Redis node: 0 to 5. With one or more, failover is automatic."
  type        = number
  default     = 1
  nullable    = false
}

################################################################################
# Object store
################################################################################

variable "s3_force_destroy" {
  description = "Whether to delete all objects in the data bucket on destroy. If false, a destroy fails unless the bucket is empty."
  type        = bool
  default     = false
  nullable    = false
}

variable "store_request_logs" {
  description = "Whether LiteLLM writes a record of each request, with prompt and response, to the data bucket. LiteLLM reads prompts back from there for its sessions."
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
  description = "Additional environment variables of the gateway, as ARNs of secrets (with an optional :json-key:stage:version) or of parameters. They override all other variables of the same name."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "backend_extra_secrets" {
  description = "Additional environment variables of the backend, as ARNs of secrets (with an optional :json-key:stage:version) or of parameters. They override all other variables of the same name."
  type        = map(string)
  default     = {}
  nullable    = false
}

################################################################################
# Migrations
################################################################################

variable "run_migrations" {
  description = "Whether to run the database bootstrap and the migrations during apply. Requires bash and the AWS CLI on the machine that runs Terraform. If false, run the commands of the outputs database_bootstrap_command and migration_run_command."
  type        = bool
  default     = true
  nullable    = false
}

variable "wait_for_services" {
  description = "Whether apply waits until the services run their new tasks, and fails if they do not. The next apply then retries. It does not wait if run_migrations is false."
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

variable "otel_headers_secret_arn" {
  description = "ARN of the secret (with an optional :json-key:stage:version) or parameter with the headers of the exporter. If empty, no headers. Requires otel_endpoint."
  type        = string
  default     = ""
  nullable    = false
}

variable "enable_access_logs" {
  description = "Whether to log requests to the load balancer and to the buckets, in the log bucket."
  type        = bool
  default     = true
  nullable    = false
}

variable "log_retention_days" {
  description = "Retention period of logs in days. If 0, logs do not expire."
  type        = number
  default     = 365
  nullable    = false
}
