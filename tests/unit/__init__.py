"""What runs with no account, no plugin and no mirror."""
