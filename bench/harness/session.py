"""What the benchmarks' programs have in common: from the names of scenarios to the table and the exit code."""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time

from . import report
from .bench import Bench
from .processes import Failed


def say(text):
    """Progress, beside the table on standard output."""
    print(text, file=sys.stderr, flush=True)


def chosen(only, scenarios):
    """The scenarios asked for; an unknown name ends the run."""
    names = [name.strip() for name in only.split(",") if name.strip()] if only else list(scenarios)
    unknown = [name for name in names if name not in scenarios]
    if unknown:
        sys.exit(f"bench: no scenario named {', '.join(unknown)}; there are {', '.join(scenarios)}")
    return names


def parser(doc, scenarios, root, quick, alone):
    """The command line that all have: what --quick leaves out, and who shares a CPU with --no-pin."""
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--only", metavar="NAME,…", help="only these scenarios: " + ", ".join(scenarios))
    made.add_argument("--quick", action="store_true", help=f"{quick}: to try a change, not to quote")
    made.add_argument("--disk", default=os.path.join(root, "target", "bench"), metavar="DIR", help="scratch on a disk (default: target/bench)")
    made.add_argument("--no-pin", action="store_true", help=f"do not pin: {alone}")
    made.add_argument("--strict", action="store_true", help="exit 1 when a target is missed")
    return made


def takes_agent(made, root):
    """The command line of a benchmark of the agent."""
    made.add_argument("--binary", default=os.path.join(root, "target", "release", "mgmt"), help="the agent (default: the release build)")


def takes_generator(made):
    """The command line of a benchmark with a generator of load."""
    made.add_argument("--generator", metavar="FILE", help="the generator of load (default: as cargo builds it)")


def needs(program, targets):
    """Ends the run if a program is not there; `targets` of make get it."""
    if shutil.which(program) is None:
        sys.exit(f"bench: no {os.path.relpath(program)}; get it with: make {targets}")


def pins(options, alone):
    """Whether CPUs are dealt out; if they cannot be, says who shares one."""
    if not options.no_pin and shutil.which("taskset") is None:
        say(f"bench: no taskset (util-linux), so {alone}")
        return False
    return not options.no_pin


def prepare():
    """Before the first measurement: a polite end cleans up, and a machine that is busy is told of."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    load = os.getloadavg()[0]
    if load > 0.3 * os.cpu_count():
        say(f"bench: others use this machine (load {load:.1f}); figures will be worse than they are")


def built_generator(root, name):
    """The path of a generator of load, as cargo tells it; builds what is not built."""
    command = ["cargo", "build", "--release", "--locked", "--bench", name, "--message-format=json-render-diagnostics"]
    built = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL, check=False)
    if built.returncode != 0:
        sys.exit(f"bench: cargo could not build the generator of load, {name}")
    artifacts = [json.loads(line) for line in built.stdout.splitlines()]
    return next(a["executable"] for a in artifacts if a.get("executable") and a["target"]["name"] == name)


def of_agent(doc, root, scenarios, quick, alone, pin=True, check=lambda: None, **facts):
    """The whole of a benchmark of the agent, from its command line to the exit code. `pin`: whether CPUs may be dealt out;
    `check` ends the run where it cannot be made."""
    made = parser(doc, scenarios, root, quick=quick, alone=alone)
    takes_agent(made, root)
    options = made.parse_args()
    names = chosen(options.only, scenarios)
    needs(options.binary, "build")
    check()
    prepare()
    bench = Bench(root, os.path.abspath(options.binary), options.disk, options.quick, pin and pins(options, alone))
    return run(bench, scenarios, names, {**facts, "version": version([options.binary])}, options.strict)


def version(command):
    """What a program says of itself, first line."""
    ran = subprocess.run([*command, "--version"], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    return ran.stdout.partition("\n")[0]


def run(bench, scenarios, names, facts, strict):
    """Measures, prints, writes; the exit code tells whether everything could be measured."""
    facts = {**facts, "quick": bench.quick, "machine": report.machine()}
    start, rows = time.monotonic(), []
    try:
        for number, name in enumerate(names, 1):
            say(f"[{number}/{len(names)}] {name}")
            begun = time.monotonic()
            rows += _measure(bench, scenarios, name)
            say(f"  {time.monotonic() - begun:.0f} s")
    except KeyboardInterrupt:
        say("bench: stopped; what was measured so far:")
    finally:
        bench.close()
    facts["took_s"] = round(time.monotonic() - start, 1)
    print(report.table(rows))
    path = report.write_json(os.path.join(bench.root, "bench", "results"), rows, facts)
    print(f"\n{facts['took_s']:.0f} s in total; all samples in {os.path.relpath(path)}")
    verdicts = {row.verdict for row in rows}
    return 2 if report.ERROR in verdicts else 1 if strict and report.MISSED in verdicts else 0


def _measure(bench, scenarios, name):
    """The rows of one scenario; one that fails is a row too, and the others go on."""
    try:
        return scenarios[name](bench)
    except (Failed, subprocess.SubprocessError, OSError) as error:
        say(f"  {name}: {error}")
        return [report.Row(name, "-", "", report.ERROR, note=str(error).partition("\n")[0])]
