"""Policies: scans of the planned stacks with checkov and with the checks of this repository."""
