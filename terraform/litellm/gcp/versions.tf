terraform {
  # 1.11 is the first version with write-only arguments; ephemeral values are
  # older. OpenTofu has both from its own 1.11 on.
  required_version = ">= 1.11.0"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 7.46.0, < 9.0.0"
    }
    random = {
      source  = "hashicorp/random"
      version = ">= 3.7.0, < 4.0.0"
    }
  }
}
