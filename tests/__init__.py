"""The suites and the machinery under them."""
