"""Reading and evaluating HCL."""
