# The secrets of the stack. No plan and no state contains their values: inputs and
# generated values are ephemeral, and the arguments are write-only. The provider
# sends a write-only argument only if its version number changes.

locals {
  has_master_key = contains(var.provided_credentials, "litellm_master_key")
  has_salt_key   = contains(var.provided_credentials, "litellm_salt_key")

  # The version of an input is secrets_version. A generated master key does not
  # change. It has version 1.
  # A master key from the input starts at 2, so that Terraform detects the change.
  secret_versions = merge(
    { for key in keys(local.secrets) : key => var.secrets_version },
    { master_key = local.has_master_key ? var.secrets_version + 1 : 1 },
    { for key in ["db_password"] : key => var.db_password_version if var.create_database },
  )

  secret_versions_text = join(",", [
    for key, version in local.secret_versions : "${key}=${version}"
  ])

  secret_values = {
    master_key = (
      local.has_master_key
      ? var.litellm_master_key
      : "sk-${ephemeral.random_password.master_key.result}"
    )
    license      = var.litellm_license
    ui_password  = var.ui_password
    database_url = var.database_url
    redis_url    = var.redis_url
    db_password  = ephemeral.random_password.db_password.result
  }
}

ephemeral "random_password" "master_key" {
  length  = 48
  special = false
}

# The images put the password into a URL, so it has no special characters.
ephemeral "random_password" "db_password" {
  length  = 32
  special = false
}

resource "google_secret_manager_secret" "this" {
  for_each = local.secrets

  project             = var.project
  secret_id           = local.names["secret_${each.key}"]
  labels              = local.labels
  deletion_protection = false

  # A key is regional, and automatic replication requires a global key.
  replication {
    dynamic "auto" {
      for_each = var.kms_key_name == "" ? ["everywhere"] : []

      content {}
    }

    dynamic "user_managed" {
      for_each = var.kms_key_name == "" ? [] : [var.kms_key_name]

      content {
        replicas {
          location = var.region

          customer_managed_encryption {
            kms_key_name = user_managed.value
          }
        }
      }
    }
  }
}

resource "google_secret_manager_secret_version" "this" {
  for_each = local.secrets

  project                = var.project
  secret                 = google_secret_manager_secret.this[each.key].id
  secret_data_wo         = local.secret_values[each.key]
  secret_data_wo_version = local.secret_versions[each.key]

  # An apply with a wrong value can be undone: the old version is disabled, not
  # destroyed.
  deletion_policy = "DISABLE"

  # The services reference the number of a version, so the new version must exist
  # before Terraform removes the old one.
  lifecycle {
    create_before_destroy = true
  }
}

# ---- Salt key ----

locals {
  salt_key = (
    local.has_salt_key
    ? var.litellm_salt_key
    : "sk-${ephemeral.random_password.salt_key.result}"
  )
}

# LiteLLM encrypts the credentials in its database with this key: without it they are
# lost. The switch that protects the database also protects the key.
resource "google_secret_manager_secret" "salt_key" {
  project             = var.project
  secret_id           = local.names.secret_salt_key
  labels              = local.labels
  deletion_protection = var.cloudsql_deletion_protection

  replication {
    dynamic "auto" {
      for_each = var.kms_key_name == "" ? ["everywhere"] : []

      content {}
    }

    dynamic "user_managed" {
      for_each = var.kms_key_name == "" ? [] : [var.kms_key_name]

      content {
        replicas {
          location = var.region

          customer_managed_encryption {
            kms_key_name = user_managed.value
          }
        }
      }
    }
  }
}

resource "google_secret_manager_secret_version" "salt_key" {
  project                = var.project
  secret                 = google_secret_manager_secret.salt_key.id
  secret_data_wo         = local.salt_key
  secret_data_wo_version = local.has_salt_key ? 2 : 1

  # The key must never change.
  lifecycle {
    ignore_changes = [secret_data_wo_version]
  }
}

ephemeral "random_password" "salt_key" {
  length  = 48
  special = false
}
