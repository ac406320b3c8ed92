"""Providers that serve the real schemas to Terraform's core, without a plugin or an account."""
