################################################################################
# Entry
################################################################################

output "lb_ip" {
  description = "IP address of the load balancer, the target of the A records of lb_domains."
  value       = module.litellm.lb_ip
}

output "lb_url" {
  description = "URL of the stack, with the first host of lb_domains. If that is empty, with the IP address."
  value       = module.litellm.lb_url
}

output "routes" {
  description = "Path patterns that the load balancer routes to the gateway and to the UI. All other paths go to the backend, and so does /robots.txt if it is not in the list."
  value       = module.litellm.routes
}

################################################################################
# Network
################################################################################

output "network" {
  description = "Id of the network of the stack, created or existing."
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
  description = "Email of the service account of each container, for additional roles such as access to Vertex AI."
  value       = module.litellm.service_account_emails
}

output "image_registry" {
  description = "Registry of the default images: image_registry, or the remote repository."
  value       = module.litellm.image_registry
}

output "containers" {
  description = "Configuration of each container: image, port, command (if null, that of the image), plain environment variables, and ids of secrets."
  value       = module.litellm.containers
  sensitive   = true
}

################################################################################
# Database
################################################################################

output "cloudsql_writer_ip" {
  description = "Private IP address of the Cloud SQL writer. Null without Cloud SQL."
  value       = module.litellm.cloudsql_writer_ip
}

output "cloudsql_reader_ip" {
  description = "Private IP address of the Cloud SQL reader. Null without a read replica."
  value       = module.litellm.cloudsql_reader_ip
}

output "db_password_secret_id" {
  description = "Id of the secret with the password of db_username. Null without Cloud SQL."
  value       = module.litellm.db_password_secret_id
}

output "migration_run_command" {
  description = "Command that runs the migrations. Null without a database."
  value       = module.litellm.migration_run_command
}

################################################################################
# Cache and object store
################################################################################

output "redis_endpoint" {
  description = "Redis endpoint as host:port, with TLS. Null without Memorystore."
  value       = module.litellm.redis_endpoint
}

output "redis_server_ca_pem" {
  description = "Certificate authority of Redis in PEM format. Null without Memorystore."
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
  description = "Id of the secret with the master key of the proxy."
  value       = module.litellm.master_key_secret_id
}

output "salt_key_secret_id" {
  description = "Id of the secret with the salt key of the proxy, without which the credentials in the database are lost."
  value       = module.litellm.salt_key_secret_id
}

output "ui_password_secret_id" {
  description = "Id of the secret with the password of the dashboard. Null without a password."
  value       = module.litellm.ui_password_secret_id
}
