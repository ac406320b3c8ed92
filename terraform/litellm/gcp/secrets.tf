# The stack's own secrets. No value is ever in a plan or a state: what is given
# comes in ephemeral, what is made is made anew in every run, and either goes only
# into a write-only argument, which is sent when its version number changes.

locals {
  secrets = {
    for key, there in {
      master_key   = true
      license      = local.given.license
      ui_password  = local.given.ui_password
      database_url = local.own_database
      redis_url    = local.own_redis
      db_password  = var.create_database
    } : key => key if there
  }

  # A given value follows secrets_version. A master key that was made stays, for
  # LiteLLM encrypts what it stores in the database with it; one given later, or
  # no more, is another number in any case.
  _secret_versions = merge(
    { for key in keys(local.secrets) : key => var.secrets_version },
    { master_key = local.given.master_key ? var.secrets_version + 1 : 1 },
  )

  _secret_values = {
    master_key = (
      local.given.master_key
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

# Letters and digits only, since the images put it into a URL.
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

  # A key is one region's, and automatic replication wants a global one.
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
  secret_data_wo         = local._secret_values[each.key]
  secret_data_wo_version = local._secret_versions[each.key]

  # The services pin the version's number: the new one must be there before they
  # leave the old one.
  lifecycle {
    create_before_destroy = true
  }
}
