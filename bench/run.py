#!/usr/bin/env python3
"""The speed benchmark behind `make bench`: every figure beside its target, in one run.

Runs the scenarios one after the other on an otherwise quiet machine, prints a table and writes the same
with all samples to `bench/results/`. Python's standard library and a C compiler are all it needs.
"""

import os
import sys

sys.dont_write_bytecode = True  # nothing appears in the source tree but results

from harness import session  # noqa: E402  (after the line above)
from scenarios import SCENARIOS  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# With --no-pin.
SHARED = "the measuring client shares its CPU"

if __name__ == "__main__":
    sys.exit(session.of_agent(__doc__, ROOT, SCENARIOS, "two rounds in place of five, ten idle seconds", SHARED))
