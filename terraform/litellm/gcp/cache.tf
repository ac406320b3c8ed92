# Memorystore for Redis, with TLS. The instance has its own certificate authority.
# There is no AUTH string, because the provider would store it in the state.

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
