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

# ---- Salt key ----

locals {
  salt_key = (
    local.has_salt_key
    ? var.litellm_salt_key
    : "sk-${ephemeral.random_password.salt_key.result}"
  )
}

# LiteLLM encrypts the credentials in its database with this key: without it they are
# lost. A destroy that keeps a snapshot of the database also keeps the key for 30 days.
# The random suffix lets a new stack use another name.
resource "random_id" "salt_key" {
  prefix      = "${local.names.secret_salt_key}-"
  byte_length = 4
}

resource "aws_secretsmanager_secret" "salt_key" {
  name                    = random_id.salt_key.hex
  description             = "LiteLLM stack ${local.name}: salt_key"
  kms_key_id              = local.kms_key_arn
  recovery_window_in_days = var.skip_final_snapshot ? 0 : 30
  tags                    = local.tags
}

resource "aws_secretsmanager_secret_version" "salt_key" {
  secret_id                = aws_secretsmanager_secret.salt_key.id
  secret_string_wo         = local.salt_key
  secret_string_wo_version = local.has_salt_key ? 2 : 1

  # The key must never change.
  lifecycle {
    ignore_changes = [secret_string_wo_version]
  }
}

ephemeral "random_password" "salt_key" {
  length  = 48
  special = false
}
