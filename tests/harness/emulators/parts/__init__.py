"""PostgreSQL, Redis, Envoy."""
