"""Child processes: started, supervised and ended with their owner."""
