"""LiteLLM: routes, containers, migrations."""
