provider "aws" {
  region = var.region
}

module "litellm" {
  source = "../../"

  region              = var.region
  azs                 = var.azs
  tenant              = var.tenant
  env                 = var.env
  acm_certificate_arn = var.acm_certificate_arn
  alb_domain_name     = var.alb_domain_name
  allow_plaintext_alb = var.allow_plaintext_alb
  litellm_master_key  = var.litellm_master_key
  litellm_license     = var.litellm_license
  ui_password         = var.ui_password
  secrets_version     = var.secrets_version
  image_tag           = var.image_tag
  skip_final_snapshot = var.skip_final_snapshot
  s3_force_destroy    = var.s3_force_destroy
  tags                = var.tags
  proxy_config        = yamldecode(var.proxy_config_yaml == "" ? "{}" : var.proxy_config_yaml)

  # HCP's runners have no AWS CLI: the commands are in the outputs.
  run_migrations = false
}
