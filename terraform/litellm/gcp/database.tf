# Cloud SQL for PostgreSQL: a writer with a standby, a reader, and password
# authentication over the private address.

locals {
  # An ENTERPRISE instance keeps transaction logs for at most 7 days, and not longer
  # than its backups.
  transaction_log_days = min(
    var.db_backup_retention_days, var.db_edition == "ENTERPRISE_PLUS" ? 35 : 7
  )

  # Without a tier of its own the reader has that of the writer. The C4A machines take no
  # persistent disk (Cloud SQL, machine series).
  database_tiers = { writer = var.db_tier, reader = coalesce(var.db_reader_tier, var.db_tier) }
  database_disk_types = {
    for role, tier in local.database_tiers :
    role => startswith(tier, "db-c4a-") ? "HYPERDISK_BALANCED" : "PD_SSD"
  }

  # Known at plan. The blocks stay in the state after the inputs are removed.
  restored_blocks = flatten([
    google_sql_database_instance.writer[*].restore_backup_context,
    google_sql_database_instance.writer[*].clone,
  ])
  restored      = length(local.restored_blocks) > 0
  database_name = local.restored ? one(terraform_data.restored_database[*].input) : one(google_sql_database.this[*].name)

  # The default of Cloud SQL for a final backup.
  final_backup_days = 30

  # log_statement logs schema changes only: other statements of LiteLLM contain user
  # content. pgAudit is loaded, but logs nothing before CREATE EXTENSION.
  db_audit_settings = {
    "cloudsql.enable_pgaudit" = "on"
    log_checkpoints           = "on"
    log_connections           = "on"
    log_disconnections        = "on"
    log_lock_waits            = "on"
    log_min_error_statement   = "error"
    log_statement             = "ddl"
  }

  # The inputs that replace an instance, so that the new instance has a new name.
  database_keepers = {
    project = var.project
    region  = var.region
    key     = var.kms_key_name
  }
}

# Google reserves the name of a deleted instance for about a week, so every new
# instance has a new random suffix. There are two resources: a destroy that stops at
# the writer must delete the suffix of the reader.
resource "random_id" "writer" {
  count = var.create_database ? 1 : 0

  prefix      = "${local.names.database_writer}-"
  byte_length = 4
  keepers     = local.database_keepers
}

resource "random_id" "reader" {
  count = local.has_reader ? 1 : 0

  prefix      = "${local.names.database_reader}-"
  byte_length = 4
  keepers     = local.database_keepers
}

resource "google_sql_database_instance" "writer" {
  count = var.create_database ? 1 : 0

  project             = var.project
  region              = var.region
  name                = random_id.writer[0].hex
  database_version    = var.db_version
  encryption_key_name = local.kms_key_name
  deletion_protection = var.cloudsql_deletion_protection

  # Cloud SQL upgrades a writer only together with its readers.
  include_replicas_for_major_version_upgrade = true

  settings {
    tier              = local.database_tiers["writer"]
    edition           = var.db_edition
    availability_type = "REGIONAL"
    disk_type         = local.database_disk_types["writer"]
    disk_size         = var.db_disk_size
    disk_autoresize   = true
    user_labels       = local.labels

    retain_backups_on_delete = !var.skip_final_snapshot

    final_backup_config {
      enabled        = !var.skip_final_snapshot
      retention_days = var.skip_final_snapshot ? null : local.final_backup_days
    }

    backup_configuration {
      enabled                        = true
      start_time                     = "07:00"
      point_in_time_recovery_enabled = true
      transaction_log_retention_days = local.transaction_log_days

      backup_retention_settings {
        retained_backups = var.db_backup_retention_days
        retention_unit   = "COUNT"
      }
    }

    ip_configuration {
      ipv4_enabled    = false
      private_network = local.network_id
      ssl_mode        = "ENCRYPTED_ONLY"
    }

    dynamic "database_flags" {
      for_each = var.enable_db_audit_logs ? local.db_audit_settings : {}

      content {
        name  = database_flags.key
        value = database_flags.value
      }
    }

    insights_config {
      query_insights_enabled = true
    }
  }

  # The provider creates an empty instance and restores the backup into it.
  dynamic "restore_backup_context" {
    for_each = var.db_restore_snapshot == "" ? [] : [split("/", var.db_restore_snapshot)]

    content {
      project       = var.project
      instance_id   = restore_backup_context.value[0]
      backup_run_id = tonumber(restore_backup_context.value[1])
    }
  }

  dynamic "clone" {
    for_each = var.db_restore_source == "" ? [] : [var.db_restore_source]

    content {
      source_instance_name = clone.value
      point_in_time        = var.db_restore_time == "" ? null : var.db_restore_time
    }
  }

  # Cloud SQL increases the disk size. A smaller size would replace the instance and
  # lose its data (terraform-provider-google #4579, #18296). A change of a backup would
  # be restored over the data.
  lifecycle {
    ignore_changes = [clone, restore_backup_context, settings[0].disk_size]

    postcondition {
      condition = var.db_restore_snapshot == "" || try(
        format(
          "%s/%.0f",
          self.restore_backup_context[0].instance_id,
          self.restore_backup_context[0].backup_run_id,
        ) == var.db_restore_snapshot,
        false,
      )
      error_message = "db_restore_snapshot must be set before the instance is created; got \"${var.db_restore_snapshot}\". Restore the backup in another stack, or remove db_restore_snapshot."
    }

    postcondition {
      condition = (
        var.db_restore_source == "" ||
        try(self.clone[0].source_instance_name == var.db_restore_source, false)
      )
      error_message = "db_restore_source must be set before the instance is created; got \"${var.db_restore_source}\". Restore the instance in another stack, or remove db_restore_source."
    }
  }

  depends_on = [google_service_networking_connection.psa, terraform_data.preflight]
}

# A reader in the region of the writer uses the encryption key of the writer. Terraform
# changes the writer first, and an upgrade of the writer includes the reader.
resource "google_sql_database_instance" "reader" {
  count = local.has_reader ? 1 : 0

  project              = var.project
  region               = var.region
  name                 = random_id.reader[0].hex
  master_instance_name = google_sql_database_instance.writer[0].name
  database_version     = var.db_version
  deletion_protection  = var.cloudsql_deletion_protection

  settings {
    tier              = local.database_tiers["reader"]
    edition           = var.db_edition
    availability_type = "ZONAL"
    disk_type         = local.database_disk_types["reader"]
    disk_size         = var.db_disk_size
    disk_autoresize   = true
    user_labels       = local.labels

    ip_configuration {
      ipv4_enabled    = false
      private_network = local.network_id
      ssl_mode        = "ENCRYPTED_ONLY"
    }

    dynamic "database_flags" {
      for_each = var.enable_db_audit_logs ? local.db_audit_settings : {}

      content {
        name  = database_flags.key
        value = database_flags.value
      }
    }

    insights_config {
      query_insights_enabled = true
    }
  }

  # The services must release the address of a reader before its deletion. Terraform
  # updates them first only if the reader is created before it is destroyed.
  lifecycle {
    create_before_destroy = true
    ignore_changes        = [settings[0].disk_size, database_version]
  }

  depends_on = [google_service_networking_connection.psa]
}

# A restored instance has the database, and Cloud SQL rejects a second one of its name.
resource "terraform_data" "restored_database" {
  count = local.restored ? 1 : 0

  input = var.db_name

  lifecycle {
    ignore_changes = [input]

    postcondition {
      condition     = self.input == var.db_name
      error_message = "db_name must not change, because the data is in the database \"${self.input}\"; got \"${var.db_name}\". Set db_name to \"${self.input}\"."
    }
  }

  depends_on = [google_sql_database_instance.writer]
}

# Destroy abandons database and role: the role owns the tables that the migrations
# created, and PostgreSQL rejects DROP ROLE. The deletion of the instance deletes both.
resource "google_sql_database" "this" {
  count = var.create_database && !local.restored ? 1 : 0

  project         = var.project
  instance        = google_sql_database_instance.writer[0].name
  name            = var.db_name
  deletion_policy = "ABANDON"

  # Another name would create an empty database beside the data.
  lifecycle {
    ignore_changes = [name]

    postcondition {
      condition     = self.name == var.db_name
      error_message = "db_name must not change, because the data is in the database \"${self.name}\"; got \"${var.db_name}\". Set db_name to \"${self.name}\"."
    }
  }
}

# The user gets the password that the secret contains, also if an earlier apply failed
# between the two. The generator returns another password in every run.
ephemeral "google_secret_manager_secret_version" "db_password" {
  count = var.create_database ? 1 : 0

  project = var.project
  secret  = google_secret_manager_secret.this["db_password"].secret_id
  version = google_secret_manager_secret_version.this["db_password"].version
}

# The user of a restored instance exists, and gets the password of the new stack.
resource "google_sql_user" "app" {
  count = var.create_database ? 1 : 0

  project             = var.project
  instance            = google_sql_database_instance.writer[0].name
  name                = var.db_username
  password_wo         = ephemeral.google_secret_manager_secret_version.db_password[0].secret_data
  password_wo_version = tonumber(google_secret_manager_secret_version.this["db_password"].version)
  deletion_policy     = "ABANDON"

  # The tables belong to the user that ran the migrations. Another user has no access.
  lifecycle {
    ignore_changes = [name]

    postcondition {
      condition     = self.name == var.db_username
      error_message = "db_username must not change, because the tables belong to the user \"${self.name}\"; got \"${var.db_username}\". Set db_username to \"${self.name}\"."
    }
  }
}
