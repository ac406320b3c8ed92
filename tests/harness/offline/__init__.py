"""Providers of ours that serve the real schemas to Terraform core, without plugins or accounts."""
