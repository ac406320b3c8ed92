# Secrets. No value enters the plan or the state: generated ones are ephemeral,
# given ones are ephemeral inputs, and both reach write-only arguments only.

locals {
  # Whether a secret was given. can() returns a plain bool: it drops the marks
  # sensitive and ephemeral, which count and for_each do not take.
  given = {
    master_key   = can(regex(".", var.litellm_master_key))
    license      = can(regex(".", var.litellm_license))
    ui_password  = can(regex(".", var.ui_password))
    database_url = can(regex(".", var.database_url))
    redis_url    = can(regex(".", var.redis_url))
  }

  # Which of the module's own secrets exist, and the number that has a value
  # written again. A given value follows secrets_version. The generated master
  # key never changes by itself: LiteLLM encrypts what it stores with it. The
  # generated database password is written again with the given ones.
  _secret_versions = {
    for key, version in {
      master_key   = local.given.master_key ? var.secrets_version + 1 : 1
      license      = local.given.license ? var.secrets_version : 0
      ui_password  = local.given.ui_password ? var.secrets_version : 0
      db_password  = var.create_database ? var.secrets_version : 0
      database_url = local.given.database_url ? var.secrets_version : 0
      redis_url    = local.given.redis_url ? var.secrets_version : 0
    } : key => version if version > 0
  }

  _secret_values = {
    master_key = (
      local.given.master_key
      ? var.litellm_master_key
      : "sk-${ephemeral.random_password.master_key.result}"
    )
    license      = var.litellm_license
    ui_password  = var.ui_password
    db_password  = ephemeral.random_password.db_password.result
    database_url = var.database_url
    redis_url    = var.redis_url
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
  for_each = local._secret_versions

  project             = var.project
  secret_id           = local.names[each.key]
  labels              = local.labels
  deletion_protection = false

  replication {
    auto {}
  }
}

resource "google_secret_manager_secret_version" "this" {
  for_each = local._secret_versions

  project                = var.project
  secret                 = google_secret_manager_secret.this[each.key].id
  secret_data_wo         = local._secret_values[each.key]
  secret_data_wo_version = each.value

  # The services pin the version's number: the new one must be there before they
  # leave the old one.
  lifecycle {
    create_before_destroy = true
  }
}
