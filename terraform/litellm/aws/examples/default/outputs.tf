################################################################################
# Entry
################################################################################

output "alb_dns_name" {
  description = "DNS name of the load balancer; point the certificate's host name to it."
  value       = module.litellm.alb_dns_name
}

output "alb_url" {
  description = "URL of the stack: alb_domain_name if given, else the load balancer's own name, which no certificate is for."
  value       = module.litellm.alb_url
}

output "routes" {
  description = "Path patterns that the load balancer sends to the gateway and to the UI; every other path goes to the backend, as does /robots.txt unless it is among them."
  value       = module.litellm.routes
}

################################################################################
# Network
################################################################################

output "vpc_id" {
  description = "VPC of the stack, made or given."
  value       = module.litellm.vpc_id
}

output "task_security_group_ids" {
  description = "Security group of the tasks by role (gateway, backend, ui, jobs). Your own database admits gateway, backend and jobs; your own Redis gateway and backend."
  value       = module.litellm.task_security_group_ids
}

################################################################################
# Compute
################################################################################

output "ecs_cluster" {
  description = "Name of the ECS cluster."
  value       = module.litellm.ecs_cluster
}

output "log_group_names" {
  description = "CloudWatch log group of each container."
  value       = module.litellm.log_group_names
}

output "task_role_arns" {
  description = "Task role of each container, to grant further permissions to, such as a model provider of the cloud's."
  value       = module.litellm.task_role_arns
}

output "containers" {
  description = "Each container as it runs: image, port, command (null: the image's own), plain environment, and secrets by ARN."
  value       = module.litellm.containers
  sensitive   = true
}

################################################################################
# Database
################################################################################

output "aurora_writer_endpoint" {
  description = "Host of the Aurora writer; null without one."
  value       = module.litellm.aurora_writer_endpoint
}

output "aurora_reader_endpoint" {
  description = "Host of the Aurora readers; null without a read replica."
  value       = module.litellm.aurora_reader_endpoint
}

output "db_master_password_secret_arn" {
  description = "Secret in which RDS keeps the master password; null without Aurora."
  value       = module.litellm.db_master_password_secret_arn
}

output "db_bootstrap_sql" {
  description = "SQL of the database bootstrap, as the task runs it; null without Aurora."
  value       = module.litellm.db_bootstrap_sql
}

output "database_bootstrap_command" {
  description = "Command that runs the database bootstrap; before the migrations, once. Null without Aurora."
  value       = module.litellm.database_bootstrap_command
}

output "migration_run_command" {
  description = "Command that runs the migrations; null without a database."
  value       = module.litellm.migration_run_command
}

################################################################################
# Cache and object store
################################################################################

output "redis_endpoint" {
  description = "Redis as host:port (TLS); null without ElastiCache."
  value       = module.litellm.redis_endpoint
}

output "s3_bucket" {
  description = "Name of the data bucket."
  value       = module.litellm.s3_bucket
}

################################################################################
# Secrets
################################################################################

output "master_key_secret_arn" {
  description = "Secret with the proxy's master key."
  value       = module.litellm.master_key_secret_arn
}

output "ui_password_secret_arn" {
  description = "Secret with the dashboard's password; null without one."
  value       = module.litellm.ui_password_secret_arn
}
