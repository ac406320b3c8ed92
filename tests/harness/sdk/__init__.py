"""Cloud SDK clients that reach nothing but the endpoints they are given."""
