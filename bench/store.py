#!/usr/bin/env python3
"""The store's benchmark behind `make bench-store`: our etcd server and the real one, under the same load.

Servers take turns, each run with a fresh one; figures are medians. The servers have all CPUs but the last, the
generator (`benches/store_load`) has the last, unless --no-pin. Data is on disk, for a put waits for it.
"""

import argparse
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True  # nothing appears in the source tree but results

from harness import report  # noqa: E402  (after the line above)
from harness.processes import Failed  # noqa: E402
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


def say(text):
    """Progress, beside the table on standard output."""
    print(text, file=sys.stderr, flush=True)


def chosen(only):
    """The scenarios asked for; an unknown name ends the run."""
    names = [name.strip() for name in only.split(",") if name.strip()] if only else list(SCENARIOS)
    unknown = [name for name in names if name not in SCENARIOS]
    if unknown:
        sys.exit(f"bench: no scenario named {', '.join(unknown)}; there are {', '.join(SCENARIOS)}")
    return names


def built_generator():
    """The path of the generator, as cargo tells it; builds what is not built."""
    command = ["cargo", "build", "--release", "--locked", "--bench", "store_load", "--message-format=json-render-diagnostics"]
    built = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL, check=False)
    if built.returncode != 0:
        sys.exit("bench: cargo could not build the generator of load")
    artifacts = [json.loads(line) for line in built.stdout.splitlines()]
    return next(a["executable"] for a in artifacts if a.get("executable") and a["target"]["name"] == "store_load")


def version(command):
    """What a server says of itself, first line."""
    ran = subprocess.run([*command, "--version"], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    return ran.stdout.partition("\n")[0]


def measure(bench, name):
    """The rows of one scenario; one that fails is a row too, and the others go on."""
    try:
        return SCENARIOS[name](bench)
    except (Failed, subprocess.SubprocessError, OSError) as error:
        say(f"  {name}: {error}")
        return [report.Row(name, "-", "", report.ERROR, note=str(error).partition("\n")[0])]


def main():
    """Measures, prints, writes; the exit code tells whether everything could be measured."""
    options = arguments()
    names = chosen(options.only)
    servers = {OURS: shlex.split(options.ours), ETCD: shlex.split(options.etcd)}
    for command in servers.values():
        if shutil.which(command[0]) is None:
            sys.exit(f"bench: no {os.path.relpath(command[0])}; get it with: make build etcd35")
    if shutil.which("taskset") is None:
        options.no_pin = True
        say("bench: no taskset (util-linux), so servers and generator share all CPUs")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    load = os.getloadavg()[0]
    if load > 0.3 * os.cpu_count():
        say(f"bench: others use this machine (load {load:.1f}); figures will be worse than they are")
    generator = options.generator or built_generator()
    bench = StoreBench(ROOT, servers, generator, TOOLS, options.disk, options.quick, not options.no_pin)
    facts = {"benchmark": "store", "servers": {name: version(command) for name, command in servers.items()}, "quick": options.quick,
             "pinned": bench.client_cpus is not None, "machine": report.machine()}
    start, rows = time.monotonic(), []
    try:
        for number, name in enumerate(names, 1):
            say(f"[{number}/{len(names)}] {name}")
            begun = time.monotonic()
            rows += measure(bench, name)
            say(f"  {time.monotonic() - begun:.0f} s")
    except KeyboardInterrupt:
        say("bench: stopped; what was measured so far:")
    finally:
        bench.close()
    facts["took_s"] = round(time.monotonic() - start, 1)
    print(report.table(rows))
    path = report.write_json(os.path.join(ROOT, "bench", "results"), rows, facts)
    print(f"\n{facts['took_s']:.0f} s in total; all samples in {os.path.relpath(path)}")
    verdicts = {row.verdict for row in rows}
    return 2 if report.ERROR in verdicts else 1 if options.strict and report.MISSED in verdicts else 0


if __name__ == "__main__":
    sys.exit(main())
