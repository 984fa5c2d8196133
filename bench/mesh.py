#!/usr/bin/env python3
"""The mesh's benchmark behind `make bench-mesh`: agents on one machine that exchange files, and load on their store.

It has a network of its own with a loopback only, so that no other agent of the machine is met and every byte is
counted. What hosts keep is on tmpfs, but for the rows "on disk".
"""

import argparse
import os
import shutil
import sys

sys.dont_write_bytecode = True  # nothing appears in the source tree but results

from harness import loopback, session  # noqa: E402  (after the line above)
from harness.mesh_bench import MeshBench  # noqa: E402
from mesh_scenarios import NEEDS_GENERATOR, SCENARIOS  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="NAME,…", help="only these scenarios: " + ", ".join(SCENARIOS))
    parser.add_argument("--quick", action="store_true", help="fewer rounds, hosts and seconds: to try a change, not to quote")
    parser.add_argument("--binary", default=os.path.join(ROOT, "target", "release", "mgmt"), help="the agent (default: the release build)")
    parser.add_argument("--generator", metavar="FILE", help="the generator of load (default: as cargo builds it)")
    parser.add_argument("--disk", default=os.path.join(ROOT, "target", "bench"), metavar="DIR", help="scratch on a disk (default: target/bench)")
    parser.add_argument("--no-pin", action="store_true", help="let servers and generator share all CPUs")
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
        session.say("bench: no taskset (util-linux), so servers and generator share all CPUs")
    session.prepare()
    generator = options.generator
    if generator is None and NEEDS_GENERATOR.intersection(names):
        generator = session.built_generator(ROOT, "mesh_load")
    if not loopback.own():
        sys.exit("bench: the kernel gives no network of its own (unshare); run it as root, or allow user namespaces")
    bench = MeshBench(ROOT, options.binary, generator, options.disk, options.quick, not options.no_pin)
    facts = {"benchmark": "mesh", "version": session.version([options.binary]), "pinned": bench.client_cpus is not None}
    return session.run(bench, SCENARIOS, names, facts, options.strict)


if __name__ == "__main__":
    sys.exit(main())
