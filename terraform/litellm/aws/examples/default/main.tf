# A root module with the provider and one stack.

provider "aws" {
  region = var.region
}

module "litellm" {
  source = "../../"

  region                       = var.region
  tenant                       = var.tenant
  env                          = var.env
  tags                         = var.tags
  iam_path                     = var.iam_path
  iam_permissions_boundary_arn = var.iam_permissions_boundary_arn

  provided_credentials = var.provided_credentials
  litellm_master_key   = var.litellm_master_key
  litellm_salt_key     = var.litellm_salt_key
  litellm_license      = var.litellm_license
  ui_password          = var.ui_password
  secrets_version      = var.secrets_version
  kms_key_arn          = var.kms_key_arn

  image_registry   = var.image_registry
  image_tag        = var.image_tag
  gateway_image    = var.gateway_image
  backend_image    = var.backend_image
  ui_image         = var.ui_image
  migrations_image = var.migrations_image
  bootstrap_image  = var.bootstrap_image

  create_network                     = var.create_network
  vpc_id                             = var.vpc_id
  public_subnet_ids                  = var.public_subnet_ids
  private_subnet_ids                 = var.private_subnet_ids
  additional_task_security_group_ids = var.additional_task_security_group_ids
  vpc_cidr                           = var.vpc_cidr
  azs                                = var.azs
  enable_flow_logs                   = var.enable_flow_logs

  acm_certificate_arn     = var.acm_certificate_arn
  enable_tls              = var.enable_tls
  alb_domain_name         = var.alb_domain_name
  allow_plaintext_alb     = var.allow_plaintext_alb
  waf_web_acl_arn         = var.waf_web_acl_arn
  enable_waf              = var.enable_waf
  drop_invalid_headers    = var.drop_invalid_headers
  alb_deletion_protection = var.alb_deletion_protection
  extra_gateway_paths     = var.extra_gateway_paths
  request_timeout_seconds = var.request_timeout_seconds

  gateway_cpu                 = var.gateway_cpu
  gateway_memory              = var.gateway_memory
  gateway_desired_count       = var.gateway_desired_count
  gateway_num_workers         = var.gateway_num_workers
  gateway_autoscaling_enabled = var.gateway_autoscaling_enabled
  gateway_min_capacity        = var.gateway_min_capacity
  gateway_max_capacity        = var.gateway_max_capacity
  gateway_cpu_target          = var.gateway_cpu_target
  gateway_memory_target       = var.gateway_memory_target
  backend_cpu                 = var.backend_cpu
  backend_memory              = var.backend_memory
  backend_desired_count       = var.backend_desired_count
  backend_autoscaling_enabled = var.backend_autoscaling_enabled
  backend_min_capacity        = var.backend_min_capacity
  backend_max_capacity        = var.backend_max_capacity
  backend_cpu_target          = var.backend_cpu_target
  backend_memory_target       = var.backend_memory_target
  ui_cpu                      = var.ui_cpu
  ui_memory                   = var.ui_memory
  ui_desired_count            = var.ui_desired_count
  ui_autoscaling_enabled      = var.ui_autoscaling_enabled
  ui_min_capacity             = var.ui_min_capacity
  ui_max_capacity             = var.ui_max_capacity
  ui_cpu_target               = var.ui_cpu_target
  ui_memory_target            = var.ui_memory_target

  create_database          = var.create_database
  database_url             = var.database_url
  create_read_replica      = var.create_read_replica
  db_instance_class        = var.db_instance_class
  db_reader_instance_class = var.db_reader_instance_class
  db_engine_version        = var.db_engine_version
  db_name                  = var.db_name
  db_master_username       = var.db_master_username
  db_username              = var.db_username
  db_backup_retention_days = var.db_backup_retention_days
  db_restore_snapshot      = var.db_restore_snapshot
  db_restore_source        = var.db_restore_source
  db_restore_time          = var.db_restore_time
  enable_db_audit_logs     = var.enable_db_audit_logs
  db_monitoring_interval   = var.db_monitoring_interval
  db_deletion_protection   = var.db_deletion_protection
  skip_final_snapshot      = var.skip_final_snapshot

  create_redis       = var.create_redis
  redis_url          = var.redis_url
  redis_node_type    = var.redis_node_type
  redis_num_replicas = var.redis_num_replicas

  s3_force_destroy   = var.s3_force_destroy
  store_request_logs = var.store_request_logs

  proxy_config          = var.proxy_config
  proxy_config_files    = var.proxy_config_files
  gateway_extra_env     = var.gateway_extra_env
  backend_extra_env     = var.backend_extra_env
  gateway_extra_secrets = var.gateway_extra_secrets
  backend_extra_secrets = var.backend_extra_secrets

  run_migrations    = var.run_migrations
  wait_for_services = var.wait_for_services

  otel_endpoint                = var.otel_endpoint
  otel_exporter                = var.otel_exporter
  otel_environment_name        = var.otel_environment_name
  otel_capture_message_content = var.otel_capture_message_content
  otel_headers_secret_arn      = var.otel_headers_secret_arn
  enable_access_logs           = var.enable_access_logs
  log_retention_days           = var.log_retention_days
}
