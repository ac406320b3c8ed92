"""Apply, probe, destroy and clean up at a target."""
