"""Applying Google Cloud resources through endpoints."""
