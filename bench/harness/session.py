"""What the benchmarks' programs have in common: from the names of scenarios to the table and the exit code."""

import json
import os
import signal
import subprocess
import sys
import time

from . import report
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
