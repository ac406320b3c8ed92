# ElastiCache for Redis, with TLS. There is no AUTH token, because the provider
# would store it in the state. The security group admits gateway and backend only.

resource "aws_elasticache_subnet_group" "this" {
  count = var.create_redis ? 1 : 0

  name        = local.names.redis_subnets
  description = "LiteLLM stack ${local.name}"
  subnet_ids  = local.private_subnet_ids
  tags        = local.tags
}

# A default group can not be edited. The name contains the family, so that an upgrade can
# create the new group before it deletes the old one.
resource "aws_elasticache_parameter_group" "this" {
  count = var.create_redis ? 1 : 0

  name        = local.names.redis_parameters
  description = "LiteLLM stack ${local.name}"
  family      = "redis7"
  tags        = local.tags

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_elasticache_replication_group" "this" {
  count = var.create_redis ? 1 : 0

  replication_group_id       = local.names.redis
  description                = "LiteLLM stack ${local.name}"
  engine                     = "redis"
  engine_version             = "7.1"
  parameter_group_name       = aws_elasticache_parameter_group.this[0].name
  node_type                  = var.redis_node_type
  num_cache_clusters         = 1 + var.redis_num_replicas
  automatic_failover_enabled = var.redis_num_replicas > 0
  multi_az_enabled           = var.redis_num_replicas > 0
  port                       = 6379
  subnet_group_name          = aws_elasticache_subnet_group.this[0].name
  security_group_ids         = [aws_security_group.this["redis"].id]
  at_rest_encryption_enabled = true
  kms_key_id                 = local.kms_key_arn
  transit_encryption_enabled = true
  apply_immediately          = true
  tags                       = local.tags

  # Without create_redis, the group is deleted after the services have released it.
  depends_on = [terraform_data.preflight]

  lifecycle {
    create_before_destroy = true
    ignore_changes        = [kms_key_id]

    postcondition {
      condition     = var.kms_key_arn == "" || self.kms_key_id == var.kms_key_arn
      error_message = "kms_key_arn must not change after the first apply, because Redis keeps its key; got \"${var.kms_key_arn}\", and the group has ${jsonencode(self.kms_key_id)}. Set kms_key_arn to the key of the first apply."
    }
  }
}
