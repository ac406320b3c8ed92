"""Policies: what checkov and the checks of this repository say of the planned stacks."""
