"""Run Terraform: the core, the providers, root modules, and cached plans."""
