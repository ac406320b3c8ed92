# The root module of a no-code launch in HCP Terraform: one stack with few inputs.

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
  litellm_license      = var.litellm_license
  ui_password          = var.ui_password
  secrets_version      = var.secrets_version

  image_registry     = var.image_registry
  image_tag          = var.image_tag
  gateway_image      = var.gateway_image
  backend_image      = var.backend_image
  ui_image           = var.ui_image
  migrations_image   = var.migrations_image
  create_image_proxy = var.create_image_proxy

  lb_domains         = var.lb_domains
  allow_plaintext_lb = var.allow_plaintext_lb

  cloudsql_deletion_protection = var.cloudsql_deletion_protection
  skip_final_snapshot          = var.skip_final_snapshot

  gcs_force_destroy = var.gcs_force_destroy

  proxy_config = yamldecode(var.proxy_config_yaml == "" ? "{}" : var.proxy_config_yaml)

  # The hosted runners have no gcloud CLI. After the first apply, run the command of
  # the output migration_run_command.
  run_migrations = false
}
