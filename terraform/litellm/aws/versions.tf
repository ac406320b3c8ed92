# Write-only arguments and ephemeral values need Terraform or OpenTofu 1.11, the
# ephemeral random_password random 3.7. The oldest aws is the one that this
# module is planned with.
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
