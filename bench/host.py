#!/usr/bin/env python3
"""The host's benchmark behind `make bench-host`: services and packages, on a test host with a real systemd.

The test host is made of namespaces over an overlay of this machine (tests/host/boot.sh): what happens there does not reach
this machine. It needs root.
"""

import os
import sys

sys.dont_write_bytecode = True  # nothing appears in the source tree but results

from harness import session  # noqa: E402  (after the line above)
from host_scenarios import SCENARIOS  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# With --no-pin; nothing here polls.
SHARED = "all processes share all CPUs"


def is_root():
    """Ends the run if no test host can be made."""
    if os.geteuid() != 0:
        sys.exit("bench: a test host needs root and namespaces")


if __name__ == "__main__":
    sys.exit(session.of_agent(__doc__, ROOT, SCENARIOS, "fewer rounds", SHARED, pin=False, check=is_root, benchmark="host"))
