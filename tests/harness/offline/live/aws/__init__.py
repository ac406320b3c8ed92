"""Apply AWS resources: the table of calls, and functions of types by service."""
