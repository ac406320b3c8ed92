################################################################################
# Entry
################################################################################

output "lb_ip" {
  description = "Address of the load balancer; point the A records of lb_domains to it."
  value       = google_compute_global_address.lb.address
}

output "lb_url" {
  description = "URL of the stack: the first of lb_domains, or the address."
  value = (
    local.tls
    ? "https://${var.lb_domains[0]}"
    : "http://${google_compute_global_address.lb.address}"
  )
}

output "routes" {
  description = "Path patterns that the load balancer sends to the gateway and to the UI; every other path goes to the backend, as does /robots.txt unless it is among them."
  value = {
    for component in ["gateway", "ui"] :
    component => flatten([for rule in local.routing_rules : rule.paths if rule.target == component])
  }
}

################################################################################
# Network
################################################################################

output "network" {
  description = "Network of the stack, made or given."
  value       = local.network_id
}

################################################################################
# Compute
################################################################################

output "gateway_service_url" {
  description = "Cloud Run URL of the gateway (internal: reached through the load balancer)."
  value       = google_cloud_run_v2_service.this["gateway"].uri
}

output "backend_service_url" {
  description = "Cloud Run URL of the backend (internal: reached through the load balancer)."
  value       = google_cloud_run_v2_service.this["backend"].uri
}

output "ui_service_url" {
  description = "Cloud Run URL of the UI (internal: reached through the load balancer)."
  value       = google_cloud_run_v2_service.this["ui"].uri
}

output "service_account_emails" {
  description = "Service account of each container, to grant further roles to, such as a model provider of the cloud's."
  value       = { for component, account in google_service_account.this : component => account.email }
}

output "image_registry" {
  description = "Where the default images come from: image_registry, or the remote repository."
  value = (
    var.create_image_proxy && startswith("${var.image_registry}/", "ghcr.io/")
    ? trimsuffix("${local.image_proxy}/${trimprefix("${var.image_registry}/", "ghcr.io/")}", "/")
    : var.image_registry
  )
}

output "containers" {
  description = "Each container as it runs: image, port, command (null: the image's own), plain environment, and secrets by id."
  value       = local.containers
  sensitive   = true
}

################################################################################
# Database
################################################################################

output "cloudsql_writer_ip" {
  description = "Private address of the Cloud SQL writer; null without one."
  value       = one(google_sql_database_instance.writer[*].private_ip_address)
}

output "cloudsql_reader_ip" {
  description = "Private address of the Cloud SQL reader; null without a read replica."
  value       = one(google_sql_database_instance.reader[*].private_ip_address)
}

output "db_password_secret_id" {
  description = "Secret with the password of db_username; null without Cloud SQL."
  value       = try(google_secret_manager_secret.this["db_password"].id, null)
}

output "migration_run_command" {
  description = "Command that runs the migrations; null without a database."
  value       = lookup(local.run_commands, "migrations", null)
}

################################################################################
# Cache and object store
################################################################################

output "redis_endpoint" {
  description = "Redis as host:port (TLS); null without Memorystore."
  value = one([
    for redis in google_redis_instance.this : "${redis.host}:${redis.port}"
  ])
}

output "redis_server_ca_pem" {
  description = "Certificate authority of the Redis in PEM; null without Memorystore."
  value       = local.redis_ca_pem
}

output "gcs_bucket" {
  description = "Name of the data bucket."
  value       = google_storage_bucket.this["data"].name
}

################################################################################
# Secrets
################################################################################

output "master_key_secret_id" {
  description = "Secret with the proxy's master key."
  value       = google_secret_manager_secret.this["master_key"].id
}

output "ui_password_secret_id" {
  description = "Secret with the dashboard's password; null without one."
  value       = try(google_secret_manager_secret.this["ui_password"].id, null)
}
