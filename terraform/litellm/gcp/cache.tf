# Memorystore for Redis, with TLS of the instance's own certificate authority. No
# AUTH string: the provider would keep it in the state.

resource "google_redis_instance" "this" {
  count = var.create_redis ? 1 : 0

  project                 = var.project
  region                  = var.region
  name                    = local.names.redis
  tier                    = var.redis_tier
  memory_size_gb          = var.redis_memory_size_gb
  redis_version           = "REDIS_7_0"
  authorized_network      = local.network_id
  connect_mode            = "PRIVATE_SERVICE_ACCESS"
  transit_encryption_mode = "SERVER_AUTHENTICATION"
  customer_managed_key    = local.kms_key_name
  deletion_protection     = false
  labels                  = local.labels

  depends_on = [google_service_networking_connection.psa]
}

locals {
  # All of them: while an authority is rotated there are two.
  redis_ca_pem = (
    var.create_redis
    ? join("\n", flatten(google_redis_instance.this[*].server_ca_certs[*].cert))
    : null
  )
}
