resource "aws_rds_cluster_parameter_group" "subject" {
  name   = "main"
  family = "aurora-mysql8.0"
}
