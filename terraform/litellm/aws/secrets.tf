# No value below is ever in a plan or a state: what is given comes in ephemeral,
# what is made is made anew in every run, and either goes only into a write-only
# argument, which is sent when its version number changes.

locals {
  secrets = {
    for name, there in {
      "master-key"   = true
      "license"      = local.license_given
      "ui-password"  = local.ui_password_set
      "database-url" = local.own_database
      "redis-url"    = local.own_redis
    } : name => name if there
  }

  _secret_values = {
    "master-key" = (
      local.master_key_given
      ? var.litellm_master_key
      : "sk-${ephemeral.random_password.master_key.result}"
    )
    "license"      = var.litellm_license
    "ui-password"  = var.ui_password
    "database-url" = var.database_url
    "redis-url"    = var.redis_url
  }

  # A key that was made stays: LiteLLM encrypts what it stores in the database
  # with it, so a raised secrets_version must not replace it.
  _secret_versions = {
    for name in keys(local.secrets) :
    name => name == "master-key" && !local.master_key_given ? 0 : var.secrets_version
  }
}

ephemeral "random_password" "master_key" {
  length  = 48
  special = false
}

# No recovery window, or the name would stay taken for a week after destroy.
resource "aws_secretsmanager_secret" "this" {
  for_each = local.secrets

  name                    = local.names["secret_${each.key}"]
  description             = "LiteLLM stack ${local.name}: ${each.key}"
  recovery_window_in_days = 0
  tags                    = local.tags
}

resource "aws_secretsmanager_secret_version" "this" {
  for_each = local.secrets

  secret_id                = aws_secretsmanager_secret.this[each.key].id
  secret_string_wo         = local._secret_values[each.key]
  secret_string_wo_version = local._secret_versions[each.key]
}
