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
  kms_key_id              = local.kms_key_arn
  recovery_window_in_days = 0
  tags                    = local.tags
}

resource "aws_secretsmanager_secret_version" "this" {
  for_each = local.secrets

  secret_id                = aws_secretsmanager_secret.this[each.key].id
  secret_string_wo         = local._secret_values[each.key]
  secret_string_wo_version = local._secret_versions[each.key]
}
