"""The emulators: the API of each cloud on loopback, and the programs behind it."""
