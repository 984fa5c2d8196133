#!/usr/bin/env python3
"""The speed benchmark behind `make bench`: every figure beside its target, in one run.

Runs the scenarios one after the other on an otherwise quiet machine, prints a table and writes the same
with all samples to `bench/results/`. Python's standard library and a C compiler are all it needs.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True  # nothing appears in the source tree but results

from harness import report  # noqa: E402  (after the line above)
from harness.bench import Bench  # noqa: E402
from harness.processes import Failed  # noqa: E402
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


def chosen(only):
    """The scenarios asked for; an unknown name ends the run."""
    names = [name.strip() for name in only.split(",") if name.strip()] if only else list(SCENARIOS)
    unknown = [name for name in names if name not in SCENARIOS]
    if unknown:
        sys.exit(f"bench: no scenario named {', '.join(unknown)}; there are {', '.join(SCENARIOS)}")
    return names


def say(text):
    """Progress, beside the table on standard output."""
    print(text, file=sys.stderr, flush=True)


def measure(bench, name):
    """The rows of one scenario; one that fails is a row too, and the others go on."""
    try:
        return SCENARIOS[name](bench)
    except (Failed, subprocess.SubprocessError, OSError) as error:
        say(f"  {name}: {error}")
        return [report.Row(name, "-", "", report.ERROR, note=str(error).splitlines()[0])]


def main():
    """Measures, prints, writes; the exit code tells whether everything could be measured."""
    options = arguments()
    names = chosen(options.only)
    if not os.access(options.binary, os.X_OK):
        sys.exit(f"bench: no {os.path.relpath(options.binary)}; build it with: make build")
    if shutil.which("taskset") is None:
        options.no_pin = True
        say("bench: no taskset (util-linux), so the measuring client shares its CPU")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    load = os.getloadavg()[0]
    if load > 0.3 * os.cpu_count():
        say(f"bench: others use this machine (load {load:.1f}); figures will be worse than they are")
    version = subprocess.run([options.binary, "--version"], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    facts = {"version": version.stdout.strip(), "quick": options.quick, "machine": report.machine()}
    start, rows = time.monotonic(), []
    bench = Bench(ROOT, options.binary, options.disk, options.quick, not options.no_pin)
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
