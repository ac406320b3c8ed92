resource "aws_rds_cluster_parameter_group" "subject" {
  name   = "main"
  family = "aurora-postgresql16"

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }
}
