# The stack's bucket, and one of its own for the proxy's configuration, so that
# the module's object never stands in the way of the user's bucket.

resource "random_id" "bucket" {
  prefix      = "${local.names.data_bucket}-"
  byte_length = 4
}

resource "google_storage_bucket" "data" {
  project                     = var.project
  location                    = var.region
  name                        = random_id.bucket.hex
  force_destroy               = var.gcs_force_destroy
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  labels                      = local.labels

  versioning {
    enabled = true
  }
}

# ---- The proxy's configuration ----

locals {
  has_config = nonsensitive(try(length(keys(var.proxy_config)), 0) > 0)

  # proxy_config is any: both sides of a conditional would have to be of one
  # type, so it is put into text where it is used and nowhere compared.
  proxy_config_yaml = yamlencode(var.proxy_config)
}

resource "random_id" "config_bucket" {
  count = local.has_config ? 1 : 0

  prefix      = "${local.names.config_bucket}-"
  byte_length = 4
}

resource "google_storage_bucket" "config" {
  count = local.has_config ? 1 : 0

  project                     = var.project
  location                    = var.region
  name                        = random_id.config_bucket[0].hex
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  labels                      = local.labels

  # Old versions of the module's own object must not hold the bucket back.
  force_destroy = true

  versioning {
    enabled = true
  }
}

resource "google_storage_bucket_object" "proxy_config" {
  count = local.has_config ? 1 : 0

  bucket       = google_storage_bucket.config[0].name
  name         = "config.yaml"
  content      = local.proxy_config_yaml
  content_type = "application/yaml"
}
