# Memorystore for Redis, with TLS. The instance has its own certificate authority.
# There is no AUTH string, because the provider would store it in the state.

# These inputs replace the instance, and the name of an instance in use is taken. So a
# change creates an instance with another name first, without the counters of the old one.
# The services then use it, and release a Redis that create_redis = false deletes.
locals {
  redis_suffix = substr(sha256(join("/", [
    var.project, var.region, var.redis_tier, var.kms_key_name,
  ])), 0, 8)
}

resource "google_redis_instance" "this" {
  count = var.create_redis ? 1 : 0

  project                 = var.project
  region                  = var.region
  name                    = "${local.names.redis}-${local.redis_suffix}"
  tier                    = var.redis_tier
  memory_size_gb          = var.redis_memory_size_gb
  redis_version           = "REDIS_7_0"
  authorized_network      = local.network_id
  connect_mode            = "PRIVATE_SERVICE_ACCESS"
  transit_encryption_mode = "SERVER_AUTHENTICATION"
  customer_managed_key    = local.kms_key_name
  deletion_protection     = false
  labels                  = local.labels

  lifecycle {
    create_before_destroy = true
  }

  depends_on = [google_service_networking_connection.psa, terraform_data.preflight]
}
