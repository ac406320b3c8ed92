resource "aws_elasticache_replication_group" "subject" {
  replication_group_id = "main"
  description          = "Main"
  security_group_ids   = ["sg-0a1b2c3d"]
}
