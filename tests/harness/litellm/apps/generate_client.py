"""Write the Python client of a Prisma schema, as ``prisma generate`` does.

``python generate_client.py NODE GENERATOR SCHEMA OUTPUT ENGINE COMMIT``: LiteLLM's own interpreter
runs it. GENERATOR prints the parameters of the generator, which OUTPUT receives.
"""

from __future__ import annotations

import json
import subprocess
import sys

from prisma._compat import model_parse
from prisma.generator.generator import Generator
from prisma.generator.models import PythonData

parameters = subprocess.run(sys.argv[1:], check=True, stdout=subprocess.PIPE, text=True).stdout
Generator().generate(model_parse(PythonData, json.loads(parameters)))
