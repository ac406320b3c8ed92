# Cloud SQL for PostgreSQL: a writer with a standby, a reader, and authentication
# by password over the private address.

locals {
  # An ENTERPRISE instance keeps transaction logs for 7 days at most, and no
  # longer than its backups.
  _log_retention_days = min(
    var.db_backup_retention_days, var.db_edition == "ENTERPRISE_PLUS" ? 35 : 7
  )

  # log_statement writes down changes of the schema alone: LiteLLM's other
  # statements carry what users wrote. pgAudit is loaded, and does nothing until
  # somebody creates the extension.
  _db_audit_settings = {
    "cloudsql.enable_pgaudit" = "on"
    log_checkpoints           = "on"
    log_connections           = "on"
    log_disconnections        = "on"
    log_lock_waits            = "on"
    log_min_error_statement   = "error"
    log_statement             = "ddl"
  }

  # What makes an instance anew, and so must make its name anew.
  _database_keepers = {
    project = var.project
    region  = var.region
    key     = var.kms_key_name
  }
}

# The name of a deleted instance stays taken for about a week, so each instance
# has a random end of its own, drawn anew where it is made anew. Two resources, for
# a destroy that stops at the writer must free the reader's end with the reader.
resource "random_id" "writer" {
  count = var.create_database ? 1 : 0

  prefix      = "${local.names.database_writer}-"
  byte_length = 4
  keepers     = local._database_keepers
}

resource "random_id" "reader" {
  count = local.has_reader ? 1 : 0

  prefix      = "${local.names.database_reader}-"
  byte_length = 4
  keepers     = local._database_keepers
}

resource "google_sql_database_instance" "writer" {
  count = var.create_database ? 1 : 0

  project             = var.project
  region              = var.region
  name                = random_id.writer[0].hex
  database_version    = var.db_version
  encryption_key_name = local.kms_key_name
  deletion_protection = var.cloudsql_deletion_protection

  settings {
    tier              = var.db_tier
    edition           = var.db_edition
    availability_type = "REGIONAL"
    disk_type         = "PD_SSD"
    disk_size         = 20
    disk_autoresize   = true
    user_labels       = local.labels

    backup_configuration {
      enabled                        = true
      start_time                     = "07:00"
      point_in_time_recovery_enabled = true
      transaction_log_retention_days = local._log_retention_days

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
      for_each = var.enable_db_audit_logs ? local._db_audit_settings : {}
      content {
        name  = database_flags.key
        value = database_flags.value
      }
    }

    insights_config {
      query_insights_enabled = true
    }
  }

  # The disk grows by itself; set back to 20 it would be a new, empty instance
  # (terraform-provider-google #4579, #18296).
  lifecycle {
    ignore_changes = [settings[0].disk_size]
  }

  depends_on = [google_service_networking_connection.psa]
}

# Encrypted with the writer's key, which a reader of its region takes by itself.
resource "google_sql_database_instance" "reader" {
  count = local.has_reader ? 1 : 0

  project              = var.project
  region               = var.region
  name                 = random_id.reader[0].hex
  master_instance_name = google_sql_database_instance.writer[0].name
  database_version     = var.db_version
  deletion_protection  = var.cloudsql_deletion_protection

  settings {
    tier              = var.db_tier
    edition           = var.db_edition
    availability_type = "ZONAL"
    disk_type         = "PD_SSD"
    disk_size         = 20
    disk_autoresize   = true
    user_labels       = local.labels

    ip_configuration {
      ipv4_enabled    = false
      private_network = local.network_id
      ssl_mode        = "ENCRYPTED_ONLY"
    }

    dynamic "database_flags" {
      for_each = var.enable_db_audit_logs ? local._db_audit_settings : {}
      content {
        name  = database_flags.key
        value = database_flags.value
      }
    }

    insights_config {
      query_insights_enabled = true
    }
  }

  lifecycle {
    ignore_changes = [settings[0].disk_size]
  }

  depends_on = [google_service_networking_connection.psa]
}

# Database and role are abandoned on destroy: the role owns every table the
# migrations made, and Postgres refuses to drop it. Both go with the instance.
resource "google_sql_database" "this" {
  count = var.create_database ? 1 : 0

  project         = var.project
  instance        = google_sql_database_instance.writer[0].name
  name            = var.db_name
  deletion_policy = "ABANDON"
}

# Read back from the secret, not from the generator: whichever apply gets as far
# as the user sets the password that the secret holds.
ephemeral "google_secret_manager_secret_version" "db_password" {
  count = var.create_database ? 1 : 0

  project = var.project
  secret  = google_secret_manager_secret.this["db_password"].secret_id
  version = google_secret_manager_secret_version.this["db_password"].version
}

resource "google_sql_user" "app" {
  count = var.create_database ? 1 : 0

  project             = var.project
  instance            = google_sql_database_instance.writer[0].name
  name                = var.db_username
  password_wo         = ephemeral.google_secret_manager_secret_version.db_password[0].secret_data
  password_wo_version = tonumber(google_secret_manager_secret_version.this["db_password"].version)
  deletion_policy     = "ABANDON"
}
