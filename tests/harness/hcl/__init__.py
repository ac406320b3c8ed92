"""Read and evaluate HCL."""
