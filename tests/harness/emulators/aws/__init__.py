"""The AWS emulator: ministack, a proxy before it, and the programs behind the API."""
