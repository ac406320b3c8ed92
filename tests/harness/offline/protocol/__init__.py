"""Terraform's plugin protocol."""
