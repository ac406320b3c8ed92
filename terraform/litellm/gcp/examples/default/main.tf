# A root module with the provider and one stack.

provider "google" {
  project = var.project
  region  = var.region
}

module "litellm" {
  source = "../../"

  project = var.project
  region  = var.region
  tenant  = var.tenant
  env     = var.env
  labels  = var.labels

  provided_credentials = var.provided_credentials
  litellm_master_key   = var.litellm_master_key
  litellm_salt_key     = var.litellm_salt_key
  litellm_license      = var.litellm_license
  ui_password          = var.ui_password
  secrets_version      = var.secrets_version
  kms_key_name         = var.kms_key_name

  image_registry     = var.image_registry
  image_tag          = var.image_tag
  gateway_image      = var.gateway_image
  backend_image      = var.backend_image
  ui_image           = var.ui_image
  migrations_image   = var.migrations_image
  create_image_proxy = var.create_image_proxy

  create_network             = var.create_network
  network                    = var.network
  create_psa_connection      = var.create_psa_connection
  vpc_access                 = var.vpc_access
  subnet_cidr                = var.subnet_cidr
  vpc_connector_cidr         = var.vpc_connector_cidr
  vpc_connector_machine_type = var.vpc_connector_machine_type
  enable_flow_logs           = var.enable_flow_logs

  lb_domains              = var.lb_domains
  allow_plaintext_lb      = var.allow_plaintext_lb
  security_policy         = var.security_policy
  extra_gateway_paths     = var.extra_gateway_paths
  request_timeout_seconds = var.request_timeout_seconds

  gateway_cpu                              = var.gateway_cpu
  gateway_memory                           = var.gateway_memory
  gateway_desired_count                    = var.gateway_desired_count
  gateway_num_workers                      = var.gateway_num_workers
  gateway_autoscaling_enabled              = var.gateway_autoscaling_enabled
  gateway_min_instances                    = var.gateway_min_instances
  gateway_max_instances                    = var.gateway_max_instances
  gateway_max_instance_request_concurrency = var.gateway_max_instance_request_concurrency
  backend_cpu                              = var.backend_cpu
  backend_memory                           = var.backend_memory
  backend_desired_count                    = var.backend_desired_count
  backend_autoscaling_enabled              = var.backend_autoscaling_enabled
  backend_min_instances                    = var.backend_min_instances
  backend_max_instances                    = var.backend_max_instances
  backend_max_instance_request_concurrency = var.backend_max_instance_request_concurrency
  ui_cpu                                   = var.ui_cpu
  ui_memory                                = var.ui_memory
  ui_desired_count                         = var.ui_desired_count
  ui_autoscaling_enabled                   = var.ui_autoscaling_enabled
  ui_min_instances                         = var.ui_min_instances
  ui_max_instances                         = var.ui_max_instances
  ui_max_instance_request_concurrency      = var.ui_max_instance_request_concurrency

  create_database              = var.create_database
  database_url                 = var.database_url
  create_read_replica          = var.create_read_replica
  db_tier                      = var.db_tier
  db_reader_tier               = var.db_reader_tier
  db_edition                   = var.db_edition
  db_version                   = var.db_version
  db_name                      = var.db_name
  db_username                  = var.db_username
  db_backup_retention_days     = var.db_backup_retention_days
  db_disk_size                 = var.db_disk_size
  db_restore_snapshot          = var.db_restore_snapshot
  db_restore_source            = var.db_restore_source
  db_restore_time              = var.db_restore_time
  db_password_version          = var.db_password_version
  enable_db_audit_logs         = var.enable_db_audit_logs
  cloudsql_deletion_protection = var.cloudsql_deletion_protection
  skip_final_snapshot          = var.skip_final_snapshot

  create_redis         = var.create_redis
  redis_url            = var.redis_url
  redis_tier           = var.redis_tier
  redis_memory_size_gb = var.redis_memory_size_gb

  gcs_force_destroy  = var.gcs_force_destroy
  store_request_logs = var.store_request_logs

  proxy_config          = var.proxy_config
  proxy_config_files    = var.proxy_config_files
  gateway_extra_env     = var.gateway_extra_env
  backend_extra_env     = var.backend_extra_env
  gateway_extra_secrets = var.gateway_extra_secrets
  backend_extra_secrets = var.backend_extra_secrets

  run_migrations = var.run_migrations

  otel_endpoint                = var.otel_endpoint
  otel_exporter                = var.otel_exporter
  otel_environment_name        = var.otel_environment_name
  otel_capture_message_content = var.otel_capture_message_content
  otel_headers_secret          = var.otel_headers_secret
  enable_access_logs           = var.enable_access_logs
}
