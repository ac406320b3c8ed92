################################################################################
# Entry
################################################################################

output "alb_dns_name" {
  description = "DNS name of the load balancer; point the certificate's host name to it."
  value       = aws_lb.this.dns_name
}

output "alb_url" {
  description = "URL of the stack: alb_domain_name if given, else the load balancer's own name, which no certificate is for."
  value       = "${local.tls ? "https" : "http"}://${var.alb_domain_name != "" ? var.alb_domain_name : aws_lb.this.dns_name}"
}

output "routes" {
  description = "Path patterns that the load balancer sends to the gateway and to the UI; every other path goes to the backend, as does /robots.txt unless it is among them."
  value = {
    for component in ["gateway", "ui"] :
    component => flatten([for rule in local.routing_rules : rule.paths if rule.target == component])
  }
}

################################################################################
# Network
################################################################################

output "vpc_id" {
  description = "VPC of the stack, made or given."
  value       = local.vpc_id
}

output "task_security_group_ids" {
  description = "Security group of the tasks by role (gateway, backend, ui, jobs). Your own database admits gateway, backend and jobs; your own Redis gateway and backend."
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
  description = "Task role of each container, to grant further permissions to, such as a model provider of the cloud's."
  value       = { for component, role in aws_iam_role.task : component => role.arn }
}

output "containers" {
  description = "Each container as it runs: image, port, command (null: the image's own), plain environment, and secrets by ARN."
  value       = local.containers
  sensitive   = true
}

################################################################################
# Database
################################################################################

output "aurora_writer_endpoint" {
  description = "Host of the Aurora writer; null without one."
  value       = one(aws_rds_cluster.this[*].endpoint)
}

output "aurora_reader_endpoint" {
  description = "Host of the Aurora readers; null without a read replica."
  value       = local.has_reader ? one(aws_rds_cluster.this[*].reader_endpoint) : null
}

output "db_master_password_secret_arn" {
  description = "Secret in which RDS keeps the master password; null without Aurora."
  value       = one(aws_rds_cluster.this[*].master_user_secret[0].secret_arn)
}

output "db_bootstrap_sql" {
  description = "SQL of the database bootstrap, as the task runs it; null without Aurora."
  value       = var.create_database ? local.bootstrap_sql : null
}

output "database_bootstrap_command" {
  description = "Command that runs the database bootstrap; before the migrations, once. Null without Aurora."
  value       = lookup(local.run_commands, "bootstrap", null)
}

output "migration_run_command" {
  description = "Command that runs the migrations; null without a database."
  value       = lookup(local.run_commands, "migrations", null)
}

################################################################################
# Cache and object store
################################################################################

output "redis_endpoint" {
  description = "Redis as host:port (TLS); null without ElastiCache."
  value       = var.create_redis ? "${one(aws_elasticache_replication_group.this[*].primary_endpoint_address)}:6379" : null
}

output "s3_bucket" {
  description = "Name of the data bucket."
  value       = aws_s3_bucket.this["data"].id
}

################################################################################
# Secrets
################################################################################

output "master_key_secret_arn" {
  description = "Secret with the proxy's master key."
  value       = aws_secretsmanager_secret.this["master_key"].arn
}

output "ui_password_secret_arn" {
  description = "Secret with the dashboard's password; null without one."
  value       = try(aws_secretsmanager_secret.this["ui_password"].arn, null)
}
