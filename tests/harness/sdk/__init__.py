"""Clients of the clouds' SDKs that reach only the configured endpoints."""
