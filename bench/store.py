#!/usr/bin/env python3
"""The store's benchmark behind `make bench-store`: our etcd server and the real one, under the same load.

Servers take turns, each run with a fresh one; figures are medians. The servers have all CPUs but the last, the
generator (`benches/store_load`) has the last, unless --no-pin. Data is on disk, for a put waits for it.
"""

import argparse
import os
import shlex
import shutil
import sys

sys.dont_write_bytecode = True  # nothing appears in the source tree but results

from harness import session  # noqa: E402  (after the line above)
from harness.store_bench import ETCD, OURS, StoreBench  # noqa: E402
from store_scenarios import SCENARIOS  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOOLS = os.path.join(ROOT, "target", "etcd35", "usr", "bin")


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="NAME,…", help="only these scenarios: " + ", ".join(SCENARIOS))
    parser.add_argument("--quick", action="store_true", help="one round, 3 s each, a tenth of the keys and watchers: to try a change, not to quote")
    parser.add_argument("--ours", default=os.path.join(ROOT, "target", "release", "mgmt") + " etcd", metavar="COMMAND", help="our server")
    parser.add_argument("--etcd", default=os.path.join(TOOLS, "etcd"), metavar="COMMAND", help="the server that it is compared with")
    parser.add_argument("--generator", metavar="FILE", help="the generator of load (default: as cargo builds it)")
    parser.add_argument("--disk", default=os.path.join(ROOT, "target", "bench"), metavar="DIR", help="where the servers keep data (default: target/bench)")
    parser.add_argument("--no-pin", action="store_true", help="let servers and generator share all CPUs")
    parser.add_argument("--strict", action="store_true", help="exit 1 when a target is missed")
    return parser.parse_args()


def main():
    """Measures, prints, writes; the exit code tells whether everything could be measured."""
    options = arguments()
    names = session.chosen(options.only, SCENARIOS)
    servers = {OURS: shlex.split(options.ours), ETCD: shlex.split(options.etcd)}
    for command in servers.values():
        if shutil.which(command[0]) is None:
            sys.exit(f"bench: no {os.path.relpath(command[0])}; get it with: make build etcd35")
    if shutil.which("taskset") is None:
        options.no_pin = True
        session.say("bench: no taskset (util-linux), so servers and generator share all CPUs")
    session.prepare()
    generator = options.generator or session.built_generator(ROOT, "store_load")
    bench = StoreBench(ROOT, servers, generator, TOOLS, options.disk, options.quick, not options.no_pin)
    facts = {"benchmark": "store", "servers": {name: session.version(command) for name, command in servers.items()},
             "pinned": bench.client_cpus is not None}
    return session.run(bench, SCENARIOS, names, facts, options.strict)


if __name__ == "__main__":
    sys.exit(main())
