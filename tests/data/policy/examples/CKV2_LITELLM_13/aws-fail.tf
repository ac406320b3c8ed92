resource "aws_rds_cluster" "subject" {
  cluster_identifier          = "main"
  engine                      = "aurora-postgresql"
  master_username             = "main"
  manage_master_user_password = true
  backup_retention_period     = 7
  skip_final_snapshot         = true
  final_snapshot_identifier   = "last"
}
