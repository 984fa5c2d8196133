#!/usr/bin/env python3
"""The mesh's benchmark behind `make bench-mesh`: agents on one machine that exchange files, and load on their store.

It has a network of its own with a loopback only, so that no other agent of the machine is met and every byte is
counted. What hosts keep is on tmpfs, but for the rows "on disk".
"""

import os
import sys

sys.dont_write_bytecode = True  # nothing appears in the source tree but results

from harness import loopback, session  # noqa: E402  (after the line above)
from harness.mesh_bench import MeshBench  # noqa: E402
from mesh_scenarios import NEEDS_GENERATOR, SCENARIOS  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# With --no-pin.
SHARED = "servers and generator share all CPUs"


def arguments():
    """The command line."""
    parser = session.parser(__doc__, SCENARIOS, ROOT, quick="fewer rounds, hosts and seconds", alone=SHARED)
    session.takes_agent(parser, ROOT)
    session.takes_generator(parser)
    return parser.parse_args()


def main():
    """Measures, prints, writes; the exit code tells whether everything could be measured."""
    options = arguments()
    names = session.chosen(options.only, SCENARIOS)
    session.needs(options.binary, "build")
    session.prepare()
    generator = options.generator
    if generator is None and NEEDS_GENERATOR.intersection(names):
        generator = session.built_generator(ROOT, "mesh_load")
    if not loopback.own():
        sys.exit("bench: the kernel gives no network of its own (unshare); run it as root, or allow user namespaces")
    bench = MeshBench(ROOT, options.binary, generator, options.disk, options.quick, session.pins(options, SHARED))
    facts = {"benchmark": "mesh", "version": session.version([options.binary]), "pinned": bench.client_cpus is not None}
    return session.run(bench, SCENARIOS, names, facts, options.strict)


if __name__ == "__main__":
    sys.exit(main())
