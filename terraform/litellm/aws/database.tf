# Aurora PostgreSQL: a writer, a reader and IAM database authentication.

locals {
  # With a fixed minor version, an automatic upgrade would cause drift that the
  # next plan tries to revert.
  auto_minor_version_upgrade = !strcontains(var.db_engine_version, ".")
  db_major_version           = tonumber(split(".", var.db_engine_version)[0])

  # The statements of LiteLLM contain user content as parameters. PostgreSQL 13 and
  # later can leave parameters out of the log; before 13, slow statements are not
  # logged.
  db_audit_settings = merge(
    {
      log_connections    = "1"
      log_disconnections = "1"
      log_lock_waits     = "1"
      log_statement      = "ddl"
    },
    local.db_major_version < 13 ? {} : {
      log_min_duration_statement = "1000"
      log_parameter_max_length   = "0"
    },
  )
}

resource "aws_db_subnet_group" "this" {
  count = var.create_database ? 1 : 0

  name        = local.names.database_subnets
  description = "LiteLLM stack ${local.name}"
  subnet_ids  = local.private_subnet_ids
  tags        = local.tags
}

# The name contains the major version, so that an upgrade can create the new group
# before it deletes the old one.
resource "aws_rds_cluster_parameter_group" "this" {
  count = var.create_database ? 1 : 0

  name        = local.names.database_parameters
  description = "LiteLLM stack ${local.name}"
  family      = "aurora-postgresql${local.db_major_version}"
  tags        = local.tags

  parameter {
    name         = "rds.force_ssl"
    value        = "1"
    apply_method = "pending-reboot"
  }

  dynamic "parameter" {
    for_each = var.enable_db_audit_logs ? local.db_audit_settings : {}

    content {
      name  = parameter.key
      value = parameter.value
    }
  }

  lifecycle {
    create_before_destroy = true
  }
}

# A snapshot keeps its name until it is deleted, so every new cluster of the stack
# needs another name. The keepers are the inputs that replace a cluster.
resource "random_id" "final_snapshot" {
  count = var.create_database ? 1 : 0

  prefix      = "${local.names.database_snapshot}-"
  byte_length = 4
  keepers = {
    cluster         = local.names.database
    database_name   = var.db_name
    master_username = var.db_master_username
    key             = var.kms_key_arn
  }
}

# Without this resource RDS creates the group, with no retention limit, and destroy
# does not delete it.
resource "aws_cloudwatch_log_group" "database" {
  count = var.create_database && var.enable_db_audit_logs ? 1 : 0

  name              = "/aws/rds/cluster/${local.names.database}/postgresql"
  retention_in_days = var.log_retention_days
  kms_key_id        = local.kms_key_arn
  tags              = local.tags
}

resource "aws_rds_cluster" "this" {
  count = var.create_database ? 1 : 0

  cluster_identifier              = local.names.database
  engine                          = "aurora-postgresql"
  engine_mode                     = "provisioned"
  engine_version                  = var.db_engine_version
  allow_major_version_upgrade     = true
  database_name                   = var.db_name
  db_cluster_parameter_group_name = aws_rds_cluster_parameter_group.this[0].name
  db_subnet_group_name            = aws_db_subnet_group.this[0].name
  vpc_security_group_ids          = [aws_security_group.this["database"].id]

  # RDS creates, stores and rotates the master password. The proxy and the
  # migrations use IAM authentication.
  master_username                     = var.db_master_username
  manage_master_user_password         = true
  master_user_secret_kms_key_id       = local.kms_key_arn
  iam_database_authentication_enabled = true

  enabled_cloudwatch_logs_exports = var.enable_db_audit_logs ? ["postgresql"] : []

  snapshot_identifier = var.db_restore_snapshot == "" ? null : var.db_restore_snapshot

  dynamic "restore_to_point_in_time" {
    for_each = var.db_restore_source == "" ? [] : [var.db_restore_source]

    content {
      source_cluster_identifier  = restore_to_point_in_time.value
      restore_to_time            = var.db_restore_time == "" ? null : var.db_restore_time
      use_latest_restorable_time = var.db_restore_time == "" ? true : null
    }
  }

  storage_encrypted         = true
  kms_key_id                = local.kms_key_arn
  backup_retention_period   = var.db_backup_retention_days
  preferred_backup_window   = "07:00-09:00"
  copy_tags_to_snapshot     = true
  deletion_protection       = var.db_deletion_protection
  skip_final_snapshot       = var.skip_final_snapshot
  final_snapshot_identifier = var.skip_final_snapshot ? null : random_id.final_snapshot[0].hex
  apply_immediately         = true
  tags                      = local.tags

  depends_on = [aws_cloudwatch_log_group.database, terraform_data.preflight]

  # Without create_database, the cluster is deleted after the services have released it.
  # Other values of these arguments would replace it by an empty one.
  lifecycle {
    create_before_destroy = true
    ignore_changes = [
      database_name,
      kms_key_id,
      master_username,
      restore_to_point_in_time,
      snapshot_identifier,
    ]

    postcondition {
      condition     = self.database_name == var.db_name
      error_message = "db_name must not change after the first apply, because RDS renames no database; got \"${var.db_name}\", and the cluster has ${jsonencode(self.database_name)}. Set db_name to that name."
    }

    postcondition {
      condition     = self.master_username == var.db_master_username
      error_message = "db_master_username must not change after the first apply, because RDS renames no master user; got \"${var.db_master_username}\", and the cluster has ${jsonencode(self.master_username)}. Set db_master_username to that name."
    }

    postcondition {
      condition     = var.kms_key_arn == "" || self.kms_key_id == var.kms_key_arn
      error_message = "kms_key_arn must not change after the first apply, because a database keeps its key; got \"${var.kms_key_arn}\", and the cluster has ${jsonencode(self.kms_key_id)}. Set kms_key_arn to the key of the first apply, or restore a snapshot in another stack."
    }

    postcondition {
      condition     = var.db_restore_snapshot == "" || self.snapshot_identifier == var.db_restore_snapshot
      error_message = "db_restore_snapshot must be set before the cluster is created; got \"${var.db_restore_snapshot}\", and the cluster has ${jsonencode(self.snapshot_identifier)}. Restore the snapshot in another stack, or remove db_restore_snapshot."
    }

    postcondition {
      condition = (
        var.db_restore_source == "" ||
        try(self.restore_to_point_in_time[0].source_cluster_identifier == var.db_restore_source, false)
      )
      error_message = "db_restore_source must be set before the cluster is created; got \"${var.db_restore_source}\". Restore the cluster in another stack, or remove db_restore_source."
    }
  }
}

resource "aws_rds_cluster_instance" "writer" {
  count = var.create_database ? 1 : 0

  identifier                      = local.names.database_writer
  cluster_identifier              = aws_rds_cluster.this[0].id
  engine                          = aws_rds_cluster.this[0].engine
  engine_version                  = aws_rds_cluster.this[0].engine_version
  instance_class                  = var.db_instance_class
  promotion_tier                  = 0
  publicly_accessible             = false
  auto_minor_version_upgrade      = local.auto_minor_version_upgrade
  performance_insights_enabled    = true
  performance_insights_kms_key_id = local.kms_key_arn
  monitoring_interval             = var.db_monitoring_interval
  monitoring_role_arn             = one(aws_iam_role.monitoring[*].arn)
  copy_tags_to_snapshot           = true
  apply_immediately               = true
  tags                            = local.tags

  lifecycle {
    create_before_destroy = true
    ignore_changes        = [performance_insights_kms_key_id]
  }
}

# In Aurora the first instance becomes the writer, so the reader waits for it.
# The services read from the writer before the reader is deleted.
resource "aws_rds_cluster_instance" "reader" {
  count = local.has_reader ? 1 : 0

  identifier                      = local.names.database_reader
  cluster_identifier              = aws_rds_cluster.this[0].id
  engine                          = aws_rds_cluster.this[0].engine
  engine_version                  = aws_rds_cluster.this[0].engine_version
  instance_class                  = coalesce(var.db_reader_instance_class, var.db_instance_class)
  promotion_tier                  = 15
  publicly_accessible             = false
  auto_minor_version_upgrade      = local.auto_minor_version_upgrade
  performance_insights_enabled    = true
  performance_insights_kms_key_id = local.kms_key_arn
  monitoring_interval             = var.db_monitoring_interval
  monitoring_role_arn             = one(aws_iam_role.monitoring[*].arn)
  copy_tags_to_snapshot           = true
  apply_immediately               = true
  tags                            = local.tags

  depends_on = [aws_rds_cluster_instance.writer]

  lifecycle {
    create_before_destroy = true
    ignore_changes        = [performance_insights_kms_key_id]
  }
}
