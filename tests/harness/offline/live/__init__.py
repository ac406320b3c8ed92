"""Applying resources through the endpoints of a provider block."""
