"""The offline AWS provider against the real plugin."""
