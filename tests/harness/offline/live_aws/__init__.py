"""Applying AWS resources through endpoints."""
