# The data bucket, the configuration bucket and the log bucket.

locals {
  # The default of log_retention_days on AWS.
  access_log_days = 365

  # The data bucket contains user data, so gcs_force_destroy decides. Old versions of
  # the configuration file must not block a destroy.
  buckets = merge(
    { data = { force_destroy = var.gcs_force_destroy } },
    { config = { force_destroy = true } },
  )

  bucket_keys = concat(keys(local.buckets), local.has_logs ? ["logs"] : [])
}

# Bucket names are global, and are not available immediately after a destroy.
resource "random_id" "bucket" {
  for_each = toset(local.bucket_keys)

  prefix      = "${local.names["bucket_${each.key}"]}-"
  byte_length = 4
}

resource "google_storage_bucket" "this" {
  for_each = local.buckets

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

  # Cloud Storage keeps and bills the parts of incomplete uploads.
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

# A resource of its own, because the other buckets reference it.
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
      age = local.access_log_days
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
  bucket       = google_storage_bucket.this["config"].name
  name         = local.config_name
  content      = local.config_yaml
  content_type = "application/yaml"

  lifecycle {
    precondition {
      condition     = length(local.literal_secrets) == 0
      error_message = "proxy_config must not contain credentials of the proxy, because the state contains the configuration file unencrypted; got a value (it is not shown) for ${nonsensitive(jsonencode(local.literal_secrets))}. Remove them from proxy_config and set litellm_master_key, litellm_salt_key or database_url, or write a reference such as os.environ/LITELLM_MASTER_KEY."
    }

    precondition {
      condition     = length(local.missing_modules) == 0
      error_message = "proxy_config must name Python modules that proxy_config_files contains, or the proxy does not start; got ${nonsensitive(jsonencode(local.missing_modules))} without a file. Add the file of each module to proxy_config_files, for example { \"x.py\" = file(\"x.py\") } for x.handler."
    }
  }
}

resource "google_storage_bucket_object" "proxy_config_files" {
  for_each = toset(nonsensitive(keys(var.proxy_config_files)))

  bucket       = google_storage_bucket.this["config"].name
  name         = each.key
  content      = var.proxy_config_files[each.key]
  content_type = "text/plain; charset=utf-8"
}
