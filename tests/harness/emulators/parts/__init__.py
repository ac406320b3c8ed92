"""PostgreSQL, Redis, Envoy."""

# The names of the servers' programs, by the kind of the store.
PROGRAMS = {"database": "postgres", "cache": "valkey-server"}
