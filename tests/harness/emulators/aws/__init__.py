"""The AWS emulator: ministack with what it lacks, and the programs behind the API."""
