"""Typed views of a Terraform plan."""
