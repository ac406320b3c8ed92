# The data bucket, and one of its own for the proxy's configuration.

locals {
  config_key = "config.yaml"

  # proxy_config is any: both sides of a conditional would have to be of one
  # type, so it is put into text where it is used and nowhere compared.
  config_yaml = yamlencode(var.proxy_config)

  # The data bucket holds what the user made and is guarded. The one with the
  # configuration holds nothing but the module's own file, whose old versions
  # must not keep the bucket.
  _buckets = merge(
    { data = { force_destroy = var.gcs_force_destroy } },
    { for key in ["config"] : key => { force_destroy = true } if local.has_config },
  )
}

# Bucket names are the world's, and not free at once after destroy.
resource "random_id" "bucket" {
  for_each = local._buckets

  prefix      = "${local.names["bucket_${each.key}"]}-"
  byte_length = 4
}

resource "google_storage_bucket" "this" {
  for_each = local._buckets

  project                     = var.project
  location                    = var.region
  name                        = random_id.bucket[each.key].hex
  force_destroy               = each.value.force_destroy
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  labels                      = local.labels

  versioning {
    enabled = true
  }
}

resource "google_storage_bucket_object" "proxy_config" {
  count = local.has_config ? 1 : 0

  bucket       = google_storage_bucket.this["config"].name
  name         = local.config_key
  content      = local.config_yaml
  content_type = "application/yaml"
}
