"""Capturing provider schemas and behaviour."""
