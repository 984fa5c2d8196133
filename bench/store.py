#!/usr/bin/env python3
"""The store's benchmark behind `make bench-store`: our etcd server and the real one, under the same load.

Servers take turns, each run with a fresh one; figures are medians. The servers have all CPUs but the last, the
generator (`benches/store_load`) has the last, unless --no-pin. Data is on disk, for a put waits for it.
"""

import os
import shlex
import sys

sys.dont_write_bytecode = True  # nothing appears in the source tree but results

from harness import session  # noqa: E402  (after the line above)
from harness.store_bench import ETCD, OURS, StoreBench  # noqa: E402
from store_scenarios import SCENARIOS  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOOLS = os.path.join(ROOT, "target", "etcd35", "usr", "bin")
# With --no-pin.
SHARED = "servers and generator share all CPUs"


def arguments():
    """The command line."""
    parser = session.parser(__doc__, SCENARIOS, ROOT, quick="one round, 3 s each, a tenth of the keys and watchers", alone=SHARED)
    parser.add_argument("--ours", default=os.path.join(ROOT, "target", "release", "mgmt") + " etcd", metavar="COMMAND", help="our server")
    parser.add_argument("--etcd", default=os.path.join(TOOLS, "etcd"), metavar="COMMAND", help="the server that it is compared with")
    session.takes_generator(parser)
    return parser.parse_args()


def main():
    """Measures, prints, writes; the exit code tells whether everything could be measured."""
    options = arguments()
    names = session.chosen(options.only, SCENARIOS)
    servers = {OURS: shlex.split(options.ours), ETCD: shlex.split(options.etcd)}
    for command in servers.values():
        session.needs(command[0], "build etcd35")
    session.prepare()
    generator = options.generator or session.built_generator(ROOT, "store_load")
    bench = StoreBench(ROOT, servers, generator, TOOLS, options.disk, options.quick, session.pins(options, SHARED))
    facts = {"benchmark": "store", "servers": {name: session.version(command) for name, command in servers.items()},
             "pinned": bench.client_cpus is not None}
    return session.run(bench, SCENARIOS, names, facts, options.strict)


if __name__ == "__main__":
    sys.exit(main())
