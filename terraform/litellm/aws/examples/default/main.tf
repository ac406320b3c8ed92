# A root module with the provider and one stack. Other inputs of the module have their
# defaults.

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

  litellm_master_key = var.litellm_master_key
  litellm_license    = var.litellm_license
  ui_password        = var.ui_password
  secrets_version    = var.secrets_version
  kms_key_arn        = var.kms_key_arn

  image_registry   = var.image_registry
  image_tag        = var.image_tag
  gateway_image    = var.gateway_image
  backend_image    = var.backend_image
  ui_image         = var.ui_image
  migrations_image = var.migrations_image

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
  extra_gateway_paths     = var.extra_gateway_paths
  request_timeout_seconds = var.request_timeout_seconds

  gateway_num_workers = var.gateway_num_workers

  create_database          = var.create_database
  database_url             = var.database_url
  create_read_replica      = var.create_read_replica
  db_reader_instance_class = var.db_reader_instance_class
  db_name                  = var.db_name
  db_username              = var.db_username
  db_backup_retention_days = var.db_backup_retention_days
  db_restore_snapshot      = var.db_restore_snapshot
  db_restore_source        = var.db_restore_source
  db_restore_time          = var.db_restore_time
  enable_db_audit_logs     = var.enable_db_audit_logs
  db_monitoring_interval   = var.db_monitoring_interval
  db_deletion_protection   = var.db_deletion_protection
  skip_final_snapshot      = var.skip_final_snapshot

  create_redis = var.create_redis
  redis_url    = var.redis_url

  s3_force_destroy = var.s3_force_destroy

  proxy_config          = var.proxy_config
  gateway_extra_env     = var.gateway_extra_env
  backend_extra_env     = var.backend_extra_env
  gateway_extra_secrets = var.gateway_extra_secrets
  backend_extra_secrets = var.backend_extra_secrets

  run_migrations = var.run_migrations

  otel_endpoint                = var.otel_endpoint
  otel_exporter                = var.otel_exporter
  otel_environment_name        = var.otel_environment_name
  otel_capture_message_content = var.otel_capture_message_content
  otel_headers_secret_arn      = var.otel_headers_secret_arn
  enable_access_logs           = var.enable_access_logs
  log_retention_days           = var.log_retention_days
}
