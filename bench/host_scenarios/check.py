"""300 services and 300 packages that are right: one run from process start to its end, and what it asks systemd."""

import time
from statistics import median

from harness.machine import Machine
from harness.report import at_most

from . import many

RUN = "mgmt run --converged-timeout 0 /root/site.yaml"
# A method call begins so in D-Bus's little-endian header, as strace prints what is sent: its flags are none, or that it may
# not start a daemon.
CALLS = r"-e 'l\1\0\1' -e 'l\1\1\1' -e 'l\1\2\1'"


def run(bench):
    """The whole run counts, the start of the process and the reading of the graph included."""
    with Machine(bench) as machine:
        many.prepare(machine)
        machine.write("/root/site.yaml", many.graph(many.right(machine)))
        machine.sh(RUN)
        took = []
        for _ in range(bench.rounds):
            start = time.monotonic()
            machine.sh(RUN)
            took.append(time.monotonic() - start)
        trace = f"strace -f -qq -s 100000 -e trace=sendmsg,sendto,write,writev -o /tmp/trace {RUN} >/dev/null"
        calls = int(machine.sh(f"{trace}; {{ grep -oF {CALLS} /tmp/trace || true; }} | wc -l"))
    return [
        at_most("300 services and 300 packages that are right, one run", median(took), 1, "s", strict=True, took_s=took),
        at_most("the same, D-Bus calls", calls, 100, "calls", digits=0, strict=True, calls=calls),
    ]
