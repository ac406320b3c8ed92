"""Applying AWS resources: the table of calls, and what a type does besides, by service."""
