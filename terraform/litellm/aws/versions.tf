# Write-only arguments and ephemeral values require Terraform or OpenTofu 1.11. The
# ephemeral random_password requires random 3.7. The lower bound of aws is the oldest
# version that the tests plan with.
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
