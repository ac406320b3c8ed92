# The secrets of the stack. No plan and no state contains their values: inputs and
# generated values are ephemeral, and the arguments are write-only. The provider
# sends a write-only argument only if its version number changes.

locals {
  # The version of an input is secrets_version. A generated master key does not
  # change, because LiteLLM encrypts data in the database with it. It has version 1.
  # A master key from the input starts at 2, so that Terraform detects the change.
  secret_versions = merge(
    { for key in keys(local.secrets) : key => var.secrets_version },
    { master_key = local.has_credential.master_key ? var.secrets_version + 1 : 1 },
  )

  secret_values = {
    master_key = (
      local.has_credential.master_key
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

# With a recovery window the name would stay reserved for days after a destroy.
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
  secret_string_wo         = local.secret_values[each.key]
  secret_string_wo_version = local.secret_versions[each.key]
}
