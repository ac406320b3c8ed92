# Write-only arguments and ephemeral values need Terraform or OpenTofu 1.11, the
# ephemeral random_password random 3.7. The oldest google is the one that this
# module is planned with.
terraform {
  required_version = ">= 1.11"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 7.46, < 9"
    }
    random = {
      source  = "hashicorp/random"
      version = ">= 3.7, < 4"
    }
  }
}
