"""The AWS API."""
