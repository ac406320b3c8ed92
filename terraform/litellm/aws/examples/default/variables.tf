################################################################################
# Identity
################################################################################

variable "region" {
  description = "Region of the stack. The caller's aws provider must be set to the same one."
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

variable "kms_key_arn" {
  description = "Key of yours, in the stack's region, that database, Redis, buckets, secrets and logs are encrypted with. Empty: AWS's own keys. Give it before the first apply: database and Redis would be replaced."
  type        = string
  default     = ""
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

variable "create_network" {
  description = "Whether the module makes the network. Null: it does when vpc_id is empty. Set it to false when vpc_id is known only after apply."
  type        = bool
  default     = null
}

variable "vpc_id" {
  description = "Existing VPC to use. Empty: the module makes one."
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
  description = "Private subnets of the existing VPC, with a way out to the internet, for tasks and stores: at least two, or one when both stores are your own."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "additional_task_security_group_ids" {
  description = "Further security groups of the gateway, backend and job tasks, such as the one your own database admits. At most 4; the UI gets none."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "vpc_cidr" {
  description = "Range of the VPC the module makes: /16 to /20. Every zone takes two subnets 8 bits longer."
  type        = string
  default     = "10.40.0.0/16"
  nullable    = false
}

variable "azs" {
  description = "Availability zones of the VPC the module makes: 2 to 10. Needed unless vpc_id is given."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "enable_flow_logs" {
  description = "Whether the traffic of the module's own network is logged to the bucket of the logs."
  type        = bool
  default     = true
  nullable    = false
}

################################################################################
# Load balancer
################################################################################

variable "acm_certificate_arn" {
  description = "Certificate of the load balancer, in the stack's region. Turns TLS on; port 80 then redirects."
  type        = string
  default     = ""
  nullable    = false
}

variable "enable_tls" {
  description = "Whether port 443 is served. Null: it is when acm_certificate_arn is not empty. Set it to true when the certificate is known only after apply."
  type        = bool
  default     = null
}

variable "alb_domain_name" {
  description = "Host name the certificate is for; used in the alb_url output only. Point it to alb_dns_name yourself."
  type        = string
  default     = ""
  nullable    = false
}

variable "allow_plaintext_alb" {
  description = "Whether the stack may serve plain HTTP when there is no certificate. Keys and prompts then cross the internet unencrypted."
  type        = bool
  default     = false
  nullable    = false
}

variable "waf_web_acl_arn" {
  description = "Web ACL of AWS WAF to put before the load balancer, in the stack's region. Mind the length of prompts: rules that limit a body's size refuse long ones."
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
  description = "Seconds that a request may stay silent before the load balancer cuts it. Long streams need it long."
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
  description = "User the proxy and the migrations sign in as, by IAM."
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
  description = "Whether the module's database logs connections, changes of the schema, waits for locks and what takes longer than a second; not the values that LiteLLM passes."
  type        = bool
  default     = true
  nullable    = false
}

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

variable "s3_force_destroy" {
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
  description = "Further environment of the gateway from Secrets Manager (optionally :json-key:stage:version) or Parameter Store, by ARN; replaces anything of the same name."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "backend_extra_secrets" {
  description = "Further environment of the backend from Secrets Manager (optionally :json-key:stage:version) or Parameter Store, by ARN; replaces anything of the same name."
  type        = map(string)
  default     = {}
  nullable    = false
}

################################################################################
# Migrations
################################################################################

variable "run_migrations" {
  description = "Whether apply runs the database bootstrap and the migrations; needs bash and the AWS CLI where Terraform runs. When not, run by hand what the outputs database_bootstrap_command and migration_run_command print."
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

variable "otel_headers_secret_arn" {
  description = "Secret or parameter with the exporter's headers, by ARN (a secret optionally with :json-key:stage:version). Only with otel_endpoint."
  type        = string
  default     = ""
  nullable    = false
}

variable "enable_access_logs" {
  description = "Whether requests to the load balancer and to the buckets are logged, to a bucket of their own."
  type        = bool
  default     = true
  nullable    = false
}

variable "log_retention_days" {
  description = "Days that container logs are kept; 0 keeps them for ever."
  type        = number
  default     = 30
  nullable    = false
}
