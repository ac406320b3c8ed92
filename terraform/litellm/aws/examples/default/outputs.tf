################################################################################
# Entry
################################################################################

output "alb_dns_name" {
  description = "DNS name of the load balancer, the target of the DNS record of the host name."
  value       = module.litellm.alb_dns_name
}

output "alb_url" {
  description = "URL of the stack, with the host alb_domain_name. If that is empty, the host is the DNS name of the load balancer, which no certificate covers."
  value       = module.litellm.alb_url
}

output "routes" {
  description = "Path patterns that the load balancer routes to the gateway and to the UI. All other paths go to the backend, and so does /robots.txt if it is not in the list."
  value       = module.litellm.routes
}

################################################################################
# Network
################################################################################

output "vpc_id" {
  description = "Id of the VPC of the stack, created or existing."
  value       = module.litellm.vpc_id
}

output "task_security_group_ids" {
  description = "Security group of the tasks by role (gateway, backend, ui, jobs). An external database must admit gateway, backend and jobs; an external Redis gateway and backend."
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
  description = "ARN of the task role of each container, for additional permissions such as access to Amazon Bedrock."
  value       = module.litellm.task_role_arns
}

output "containers" {
  description = "Configuration of each container: image, port, command (if null, that of the image), plain environment variables, and ARNs of secrets."
  value       = module.litellm.containers
  sensitive   = true
}

################################################################################
# Database
################################################################################

output "aurora_writer_endpoint" {
  description = "Host name of the Aurora writer endpoint. Null without Aurora."
  value       = module.litellm.aurora_writer_endpoint
}

output "aurora_reader_endpoint" {
  description = "Host name of the Aurora reader endpoint. Null without a read replica."
  value       = module.litellm.aurora_reader_endpoint
}

output "db_master_password_secret_arn" {
  description = "ARN of the secret in which RDS stores the master password. Null without Aurora."
  value       = module.litellm.db_master_password_secret_arn
}

output "db_bootstrap_sql" {
  description = "SQL script of the database bootstrap. Null without Aurora."
  value       = module.litellm.db_bootstrap_sql
}

output "database_bootstrap_command" {
  description = "Command that runs the database bootstrap, once, before the migrations. Null without Aurora."
  value       = module.litellm.database_bootstrap_command
}

output "migration_run_command" {
  description = "Command that runs the migrations. Null without a database."
  value       = module.litellm.migration_run_command
}

################################################################################
# Cache and object store
################################################################################

output "redis_endpoint" {
  description = "Redis endpoint as host:port, with TLS. Null without ElastiCache."
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
  description = "ARN of the secret with the master key of the proxy."
  value       = module.litellm.master_key_secret_arn
}

output "salt_key_secret_arn" {
  description = "ARN of the secret with the salt key of the proxy, without which the credentials in the database are lost."
  value       = module.litellm.salt_key_secret_arn
}

output "ui_password_secret_arn" {
  description = "ARN of the secret with the password of the dashboard. Null without a password."
  value       = module.litellm.ui_password_secret_arn
}
