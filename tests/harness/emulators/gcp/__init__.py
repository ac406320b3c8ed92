"""Google's public REST APIs on loopback, as far as a stack uses them, with a real data plane."""
