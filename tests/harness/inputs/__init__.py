"""Valid and invalid inputs of the modules."""
