"""The interpreter of LiteLLM's environment runs this at its start; see :mod:`..release`.

By default the garbage collector takes 40 % of the 14 seconds of a core in which LiteLLM 1.110.2 is
imported: it visits the 13 MB of types of Prisma's client again and again. At the end of a process
it takes another 3.5 seconds, for memory that the process returns anyway; what is frozen is not
visited.
"""

import atexit
import gc

gc.set_threshold(100_000, 50, 100)
atexit.register(gc.freeze)
