"""Real parts on loopback, asked what only they can answer."""
