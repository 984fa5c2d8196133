#!/usr/bin/env python3
"""The speed benchmark behind `make bench`: every figure beside its target, in one run.

Runs the scenarios one after the other on an otherwise quiet machine, prints a table and writes the same
with all samples to `bench/results/`. Python's standard library and a C compiler are all it needs.
"""

import argparse
import os
import shutil
import sys

sys.dont_write_bytecode = True  # nothing appears in the source tree but results

from harness import session  # noqa: E402  (after the line above)
from harness.bench import Bench  # noqa: E402
from scenarios import SCENARIOS  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="NAME,…", help="only these scenarios: " + ", ".join(SCENARIOS))
    parser.add_argument("--quick", action="store_true", help="two rounds in place of five, ten idle seconds: to try a change, not to quote")
    parser.add_argument("--binary", default=os.path.join(ROOT, "target", "release", "mgmt"), help="the agent (default: the release build)")
    parser.add_argument("--disk", default=os.path.join(ROOT, "target", "bench"), metavar="DIR", help="scratch on a disk (default: target/bench)")
    parser.add_argument("--no-pin", action="store_true", help="let the client of `damage` share its CPU")
    parser.add_argument("--strict", action="store_true", help="exit 1 when a target is missed")
    return parser.parse_args()


def main():
    """Measures, prints, writes; the exit code tells whether everything could be measured."""
    options = arguments()
    names = session.chosen(options.only, SCENARIOS)
    if not os.access(options.binary, os.X_OK):
        sys.exit(f"bench: no {os.path.relpath(options.binary)}; build it with: make build")
    if shutil.which("taskset") is None:
        options.no_pin = True
        session.say("bench: no taskset (util-linux), so the measuring client shares its CPU")
    session.prepare()
    bench = Bench(ROOT, options.binary, options.disk, options.quick, not options.no_pin)
    return session.run(bench, SCENARIOS, names, {"version": session.version([options.binary])}, options.strict)


if __name__ == "__main__":
    sys.exit(main())
