################################################################################
# Entry
################################################################################

output "lb_ip" {
  description = "Address of the load balancer; point the A records of lb_domains to it."
  value       = module.litellm.lb_ip
}

output "lb_url" {
  description = "URL of the stack: the first of lb_domains, or the address."
  value       = module.litellm.lb_url
}

output "routes" {
  description = "Path patterns that the load balancer sends to the gateway and to the UI; every other path goes to the backend, as does /robots.txt unless it is among them."
  value       = module.litellm.routes
}

################################################################################
# Network
################################################################################

output "network" {
  description = "Network of the stack, made or given."
  value       = module.litellm.network
}

################################################################################
# Compute
################################################################################

output "gateway_service_url" {
  description = "Cloud Run URL of the gateway (internal: reached through the load balancer)."
  value       = module.litellm.gateway_service_url
}

output "backend_service_url" {
  description = "Cloud Run URL of the backend (internal: reached through the load balancer)."
  value       = module.litellm.backend_service_url
}

output "ui_service_url" {
  description = "Cloud Run URL of the UI (internal: reached through the load balancer)."
  value       = module.litellm.ui_service_url
}

output "service_account_emails" {
  description = "Service account of each container, to grant further roles to, such as a model provider of the cloud's."
  value       = module.litellm.service_account_emails
}

output "image_registry" {
  description = "Where the default images come from: image_registry, or the remote repository."
  value       = module.litellm.image_registry
}

output "containers" {
  description = "Each container as it runs: image, port, command (null: the image's own), plain environment, and secrets by id."
  value       = module.litellm.containers
  sensitive   = true
}

################################################################################
# Database
################################################################################

output "cloudsql_writer_ip" {
  description = "Private address of the Cloud SQL writer; null without one."
  value       = module.litellm.cloudsql_writer_ip
}

output "cloudsql_reader_ip" {
  description = "Private address of the Cloud SQL reader; null without a read replica."
  value       = module.litellm.cloudsql_reader_ip
}

output "db_password_secret_id" {
  description = "Secret with the password of db_username; null without Cloud SQL."
  value       = module.litellm.db_password_secret_id
}

output "migration_run_command" {
  description = "Command that runs the migrations; null without a database."
  value       = module.litellm.migration_run_command
}

################################################################################
# Cache and object store
################################################################################

output "redis_endpoint" {
  description = "Redis as host:port (TLS); null without Memorystore."
  value       = module.litellm.redis_endpoint
}

output "redis_server_ca_pem" {
  description = "Certificate authority of the Redis in PEM; null without Memorystore."
  value       = module.litellm.redis_server_ca_pem
}

output "gcs_bucket" {
  description = "Name of the data bucket."
  value       = module.litellm.gcs_bucket
}

################################################################################
# Secrets
################################################################################

output "master_key_secret_id" {
  description = "Secret with the proxy's master key."
  value       = module.litellm.master_key_secret_id
}

output "ui_password_secret_id" {
  description = "Secret with the dashboard's password; null without one."
  value       = module.litellm.ui_password_secret_id
}
