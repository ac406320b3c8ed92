"""Runs on accounts: who they are, where they are recorded, and how they are cleaned up."""
