################################################################################
# Entry
################################################################################

output "alb_dns_name" {
  description = "DNS name of the load balancer, the target of the DNS record of the host name."
  value       = aws_lb.this.dns_name
}

output "alb_url" {
  description = "URL of the stack, with the host alb_domain_name. If that is empty, the host is the DNS name of the load balancer, which no certificate covers."
  value       = local.public_url
}

output "routes" {
  description = "Path patterns that the load balancer routes to the gateway and to the UI. All other paths go to the backend, and so does /robots.txt if it is not in the list."
  value = {
    for component in ["gateway", "ui"] :
    component => flatten([for rule in local.routing_rules : rule.paths if rule.target == component])
  }
}

################################################################################
# Network
################################################################################

output "vpc_id" {
  description = "Id of the VPC of the stack, created or existing."
  value       = local.vpc_id
}

output "task_security_group_ids" {
  description = "Security group of the tasks by role (gateway, backend, ui, jobs). An external database must admit gateway, backend and jobs; an external Redis gateway and backend."
  value       = local.task_security_group_ids
}

################################################################################
# Compute
################################################################################

output "ecs_cluster" {
  description = "Name of the ECS cluster."
  value       = aws_ecs_cluster.this.name
}

output "log_group_names" {
  description = "CloudWatch log group of each container."
  value       = { for component, group in aws_cloudwatch_log_group.this : component => group.name }
}

output "task_role_arns" {
  description = "ARN of the task role of each container, for additional permissions such as access to Amazon Bedrock."
  value       = { for component, role in aws_iam_role.task : component => role.arn }
}

output "containers" {
  description = "Configuration of each container: image, port, command (if null, that of the image), plain environment variables, and ARNs of secrets."
  value       = local.containers
  sensitive   = true
}

################################################################################
# Database
################################################################################

output "aurora_writer_endpoint" {
  description = "Host name of the Aurora writer endpoint. Null without Aurora."
  value       = one(aws_rds_cluster.this[*].endpoint)
}

output "aurora_reader_endpoint" {
  description = "Host name of the Aurora reader endpoint. Null without a read replica."
  value       = local.has_reader ? one(aws_rds_cluster.this[*].reader_endpoint) : null
}

output "db_master_password_secret_arn" {
  description = "ARN of the secret in which RDS stores the master password. Null without Aurora."
  value       = one(aws_rds_cluster.this[*].master_user_secret[0].secret_arn)
}

output "db_bootstrap_sql" {
  description = "SQL script of the database bootstrap. Null without Aurora."
  value       = var.create_database ? local.bootstrap_sql : null
}

output "database_bootstrap_command" {
  description = "Command that runs the database bootstrap, once, before the migrations. Null without Aurora."
  value       = lookup(local.run_commands, "bootstrap", null)
}

output "migration_run_command" {
  description = "Command that runs the migrations. Null without a database."
  value       = lookup(local.run_commands, "migrations", null)
}

################################################################################
# Cache and object store
################################################################################

output "redis_endpoint" {
  description = "Redis endpoint as host:port, with TLS. Null without ElastiCache."
  value = one([
    for redis in aws_elasticache_replication_group.this : "${redis.primary_endpoint_address}:6379"
  ])
}

output "s3_bucket" {
  description = "Name of the data bucket."
  value       = aws_s3_bucket.this["data"].id
}

################################################################################
# Secrets
################################################################################

output "master_key_secret_arn" {
  description = "ARN of the secret with the master key of the proxy."
  value       = aws_secretsmanager_secret.this["master_key"].arn
}

output "salt_key_secret_arn" {
  description = "ARN of the secret with the salt key of the proxy, without which the credentials in the database are lost."
  value       = aws_secretsmanager_secret.salt_key.arn
}

output "ui_password_secret_arn" {
  description = "ARN of the secret with the password of the dashboard. Null without a password."
  value       = try(aws_secretsmanager_secret.this["ui_password"].arn, null)
}
