"""One module per Google Cloud service."""
