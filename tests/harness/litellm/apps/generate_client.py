"""Write the Python client of a Prisma schema, as ``prisma generate`` does.

``python generate_client.py NODE GENERATOR SCHEMA OUTPUT ENGINE COMMIT``: LiteLLM's own interpreter
runs it. GENERATOR prints the parameters of the generator, which OUTPUT receives.

The types of arguments, which only type checkers use, are written so that Python does not evaluate
them: LiteLLM's schema has 40,000, and they take half of the import of all packages.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from prisma._compat import model_parse
from prisma.generator.generator import Generator
from prisma.generator.models import PythonData

_IMPORT = "from typing_extensions import TypedDict, Literal\n"
_UNEVALUATED = """\
from typing_extensions import Literal


class _Keys(dict):
    def __init_subclass__(cls, total=True):
        pass


def TypedDict(name, fields, total=True):
    return _Keys


TypedDict.__mro_entries__ = lambda bases: (_Keys,)
"""

parameters = subprocess.run(sys.argv[1:], check=True, stdout=subprocess.PIPE, text=True).stdout
Generator().generate(model_parse(PythonData, json.loads(parameters)))
types = Path(sys.argv[4]) / "types.py"
head, found, rest = types.read_text().partition(_IMPORT)
if not found:
    sys.exit(f"{types} does not have the line {_IMPORT!r}, which this file replaces")
types.write_text(f"from __future__ import annotations\n{head}{_UNEVALUATED}{rest}")
