"""The pytest plugins of the suites."""
