"""Apply Google Cloud resources through endpoints."""
