"""AWS on loopback: an emulator, what it lacks, and real parts kept in step with what it is told."""
