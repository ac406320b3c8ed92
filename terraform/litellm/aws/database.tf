# Aurora PostgreSQL: a writer, a reader, and authentication by IAM.

locals {
  # The minor version AWS may raise by itself only when none is asked for:
  # otherwise the next plan would want to go back.
  _db_auto_minor = !strcontains(var.db_engine_version, ".")
}

resource "aws_db_subnet_group" "this" {
  count = var.create_database ? 1 : 0

  name        = local.names.database_subnets
  description = "LiteLLM stack ${local.name}"
  subnet_ids  = local.private_subnet_ids
  tags        = local.tags
}

# The name tells the major version, so that an upgrade makes the new group
# before the old one goes.
resource "aws_rds_cluster_parameter_group" "this" {
  count = var.create_database ? 1 : 0

  name        = local.names.database_parameters
  description = "LiteLLM stack ${local.name}"
  family      = "aurora-postgresql${split(".", var.db_engine_version)[0]}"
  tags        = local.tags

  parameter {
    name         = "rds.force_ssl"
    value        = "1"
    apply_method = "pending-reboot"
  }

  lifecycle {
    create_before_destroy = true
  }
}

# A snapshot's name is taken as long as the snapshot is kept; a second cluster
# of the same stack needs another. The keepers are what replaces a cluster.
resource "random_id" "final_snapshot" {
  count = var.create_database ? 1 : 0

  prefix      = "${local.names.database_snapshot}-"
  byte_length = 4
  keepers = {
    cluster         = local.names.database
    database_name   = var.db_name
    master_username = var.db_master_username
  }
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

  # RDS makes, keeps and rotates the master password; the proxy and the
  # migrations sign in by IAM.
  master_username                     = var.db_master_username
  manage_master_user_password         = true
  iam_database_authentication_enabled = true

  storage_encrypted         = true
  backup_retention_period   = var.db_backup_retention_days
  preferred_backup_window   = "07:00-09:00"
  copy_tags_to_snapshot     = true
  skip_final_snapshot       = var.skip_final_snapshot
  final_snapshot_identifier = var.skip_final_snapshot ? null : random_id.final_snapshot[0].hex
  apply_immediately         = true
  tags                      = local.tags
}

resource "aws_rds_cluster_instance" "writer" {
  count = var.create_database ? 1 : 0

  identifier                   = local.names.database_writer
  cluster_identifier           = aws_rds_cluster.this[0].id
  engine                       = aws_rds_cluster.this[0].engine
  engine_version               = aws_rds_cluster.this[0].engine_version
  instance_class               = var.db_instance_class
  promotion_tier               = 0
  publicly_accessible          = false
  auto_minor_version_upgrade   = local._db_auto_minor
  performance_insights_enabled = true
  copy_tags_to_snapshot        = true
  apply_immediately            = true
  tags                         = local.tags
}

# Aurora makes the first instance the writer, so this one waits.
resource "aws_rds_cluster_instance" "reader" {
  count = local.has_reader ? 1 : 0

  identifier                   = local.names.database_reader
  cluster_identifier           = aws_rds_cluster.this[0].id
  engine                       = aws_rds_cluster.this[0].engine
  engine_version               = aws_rds_cluster.this[0].engine_version
  instance_class               = var.db_instance_class
  promotion_tier               = 15
  publicly_accessible          = false
  auto_minor_version_upgrade   = local._db_auto_minor
  performance_insights_enabled = true
  copy_tags_to_snapshot        = true
  apply_immediately            = true
  tags                         = local.tags

  depends_on = [aws_rds_cluster_instance.writer]
}
