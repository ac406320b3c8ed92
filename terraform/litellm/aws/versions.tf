# Write-only arguments and ephemeral values need Terraform or OpenTofu 1.11;
# the ephemeral random_password needs random 3.7, secret_string_wo a late
# aws 5.x.
terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7"
    }
    random = {
      source  = "hashicorp/random"
      version = ">= 3.7, < 4"
    }
  }
}
