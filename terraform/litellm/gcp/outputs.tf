################################################################################
# Entry
################################################################################

output "lb_ip" {
  description = "IP address of the load balancer, the target of the A records of lb_domains."
  value       = google_compute_global_address.lb.address
}

output "lb_url" {
  description = "URL of the stack, with the first host of lb_domains. If that is empty, with the IP address."
  value       = local.public_url
}

output "routes" {
  description = "Path patterns that the load balancer routes to the gateway and to the UI. All other paths go to the backend, and so does /robots.txt if it is not in the list."
  value = {
    for component in ["gateway", "ui"] :
    component => flatten([for rule in local.routing_rules : rule.paths if rule.target == component])
  }
}

################################################################################
# Network
################################################################################

output "network" {
  description = "Id of the network of the stack, created or existing."
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
  description = "Email of the service account of each container, for additional roles such as access to Vertex AI."
  value       = { for component, account in google_service_account.this : component => account.email }
}

output "image_registry" {
  description = "Registry of the default images: image_registry, or the remote repository."
  value = (
    var.create_image_proxy && startswith("${var.image_registry}/", "ghcr.io/")
    ? trimsuffix("${local.image_proxy}/${trimprefix("${var.image_registry}/", "ghcr.io/")}", "/")
    : var.image_registry
  )
}

output "containers" {
  description = "Configuration of each container: image, port, command (if null, that of the image), plain environment variables, and ids of secrets."
  value       = local.containers
  sensitive   = true
}

################################################################################
# Database
################################################################################

output "cloudsql_writer_ip" {
  description = "Private IP address of the Cloud SQL writer. Null without Cloud SQL."
  value       = one(google_sql_database_instance.writer[*].private_ip_address)
}

output "cloudsql_reader_ip" {
  description = "Private IP address of the Cloud SQL reader. Null without a read replica."
  value       = one(google_sql_database_instance.reader[*].private_ip_address)
}

output "db_password_secret_id" {
  description = "Id of the secret with the password of db_username. Null without Cloud SQL."
  value       = try(google_secret_manager_secret.this["db_password"].id, null)
}

output "migration_run_command" {
  description = "Command that runs the migrations. Null without a database."
  value       = lookup(local.run_commands, "migrations", null)
}

################################################################################
# Cache and object store
################################################################################

output "redis_endpoint" {
  description = "Redis endpoint as host:port, with TLS. Null without Memorystore."
  value = one([
    for redis in google_redis_instance.this : "${redis.host}:${redis.port}"
  ])
}

output "redis_server_ca_pem" {
  description = "Certificate authority of Redis in PEM format. Null without Memorystore."
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
  description = "Id of the secret with the master key of the proxy."
  value       = google_secret_manager_secret.this["master_key"].id
}

output "salt_key_secret_id" {
  description = "Id of the secret with the salt key of the proxy, without which the credentials in the database are lost."
  value       = google_secret_manager_secret.salt_key.id
}

output "ui_password_secret_id" {
  description = "Id of the secret with the password of the dashboard. Null without a password."
  value       = try(google_secret_manager_secret.this["ui_password"].id, null)
}
