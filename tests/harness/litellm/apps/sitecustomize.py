"""The interpreter of LiteLLM's environment runs this at its start; see :mod:`..release`.

By default the garbage collector takes 12 to 28 % of the import of LiteLLM 1.110.2: it visits all
modules again and again. At the end of a process it visits memory that the process returns anyway;
what is frozen is not visited.
"""

import atexit
import gc

gc.set_threshold(100_000, 50, 100)
atexit.register(gc.freeze)
