# The data bucket, one of its own for the proxy's configuration, one for logs.

locals {
  config_key = "config.yaml"

  # Days; the default of log_retention_days on AWS.
  _log_retention = 365

  # proxy_config is any: both sides of a conditional would have to be of one
  # type, so it is put into text where it is used and nowhere compared.
  config_yaml = yamlencode(var.proxy_config)

  # The data bucket holds what the user made and is guarded. The one with the
  # configuration holds nothing but the module's own file, whose old versions
  # must not keep the bucket; nor must logs, of which there always are some.
  _buckets = merge(
    { data = { force_destroy = var.gcs_force_destroy } },
    local.has_config ? { config = { force_destroy = true } } : {},
  )
}

# Bucket names are the world's, and not free at once after destroy.
resource "random_id" "bucket" {
  for_each = toset(concat(keys(local._buckets), local.has_logs ? ["logs"] : []))

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

  # What an upload that was given up leaves behind is kept, and paid for, unseen.
  lifecycle_rule {
    action {
      type = "AbortIncompleteMultipartUpload"
    }

    condition {
      age = 7
    }
  }

  dynamic "encryption" {
    for_each = var.kms_key_name == "" ? [] : [var.kms_key_name]
    content {
      default_kms_key_name = encryption.value
    }
  }

  dynamic "logging" {
    for_each = google_storage_bucket.logs[*].name
    content {
      log_bucket        = logging.value
      log_object_prefix = each.key
    }
  }
}

# Apart from the others, which name it.
resource "google_storage_bucket" "logs" {
  count = local.has_logs ? 1 : 0

  project                     = var.project
  location                    = var.region
  name                        = random_id.bucket["logs"].hex
  force_destroy               = true
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  labels                      = local.labels

  versioning {
    enabled = true
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }

    condition {
      age = local._log_retention
    }
  }

  dynamic "encryption" {
    for_each = var.kms_key_name == "" ? [] : [var.kms_key_name]
    content {
      default_kms_key_name = encryption.value
    }
  }
}

resource "google_storage_bucket_object" "proxy_config" {
  count = local.has_config ? 1 : 0

  bucket       = google_storage_bucket.this["config"].name
  name         = local.config_key
  content      = local.config_yaml
  content_type = "application/yaml"
}
