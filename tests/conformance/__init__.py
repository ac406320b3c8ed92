"""The offline providers against a real one."""
