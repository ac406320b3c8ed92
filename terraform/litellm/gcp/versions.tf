# Write-only arguments and ephemeral values require Terraform or OpenTofu 1.11. The
# ephemeral random_password requires random 3.7. The lower bound of google is the oldest
# version that the tests plan with.
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
