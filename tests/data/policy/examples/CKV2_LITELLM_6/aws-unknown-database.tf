resource "aws_security_group" "this" {
  name   = "main"
  vpc_id = "vpc-0a1b2c3d"
}

resource "aws_rds_cluster" "subject" {
  cluster_identifier          = "main"
  engine                      = "aurora-postgresql"
  master_username             = "main"
  manage_master_user_password = true
  db_subnet_group_name        = "main"
  vpc_security_group_ids      = [aws_security_group.this.id]
  skip_final_snapshot         = false
  final_snapshot_identifier   = "last"
}
