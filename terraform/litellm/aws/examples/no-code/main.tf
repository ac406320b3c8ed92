# The root module of a no-code launch in HCP Terraform: one stack with few inputs.

provider "aws" {
  region = var.region
}

module "litellm" {
  source = "../../"

  region = var.region
  tenant = var.tenant
  env    = var.env
  tags   = var.tags

  provided_credentials = var.provided_credentials
  litellm_master_key   = var.litellm_master_key
  litellm_license      = var.litellm_license
  ui_password          = var.ui_password
  secrets_version      = var.secrets_version

  image_registry   = var.image_registry
  image_tag        = var.image_tag
  gateway_image    = var.gateway_image
  backend_image    = var.backend_image
  ui_image         = var.ui_image
  migrations_image = var.migrations_image

  azs = var.azs

  acm_certificate_arn = var.acm_certificate_arn
  alb_domain_name     = var.alb_domain_name
  allow_plaintext_alb = var.allow_plaintext_alb

  db_deletion_protection = var.db_deletion_protection
  skip_final_snapshot    = var.skip_final_snapshot

  s3_force_destroy = var.s3_force_destroy

  proxy_config = yamldecode(var.proxy_config_yaml == "" ? "{}" : var.proxy_config_yaml)

  # The hosted runners have no AWS CLI. After the first apply, run the commands of the
  # outputs database_bootstrap_command and migration_run_command.
  run_migrations = false
}
