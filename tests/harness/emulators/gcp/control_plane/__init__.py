"""The Google Cloud API."""
