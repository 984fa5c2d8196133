"""A service whose process is killed: until it runs again, beside what systemd itself needs with `Restart=always`."""

import time
from statistics import median

from harness.machine import Machine
from harness.processes import until
from harness.report import at_most

from . import many

ROUNDS = 40
# So long a start is not yet believed (SETTLE in src/resources/svc/repair.rs): a service that dies sooner is given a pause.
SETTLES_S = 0.5
# The program says when it starts: no poll of anybody's is in between.
UNIT = """[Unit]
StartLimitIntervalSec=0
[Service]
ExecStart=/bin/sh -c 'date +%%s%%N >>/run/{name}.started; exec sleep infinity'
{more}
"""


def run(bench):
    """Both are killed in turns, each when the other has come back."""
    rounds = 10 if bench.quick else ROUNDS
    with Machine(bench) as machine:
        machine.write("/etc/systemd/system/ours.service", UNIT.format(name="ours", more=""))
        machine.write("/etc/systemd/system/own.service", UNIT.format(name="own", more="Restart=always\nRestartSec=0"))
        machine.sh("systemctl daemon-reload; systemctl start own")
        machine.agent(many.graph({"svc": [("ours", ["state: running"])]}))
        ours, own = [], []
        for _ in range(rounds):
            time.sleep(SETTLES_S)
            ours.append(_killed(machine, "ours"))
            own.append(_killed(machine, "own"))
    extra = (median(ours) - median(own)) * 1e3
    return [at_most("drift of a service to repaired, beyond systemd's own time", extra, 20, "ms", strict=True,
                    note=f"{median(ours) * 1e3:.1f} ms, with Restart=always {median(own) * 1e3:.1f} ms", ours_s=ours, own_s=own)]


def _killed(machine, name):
    """From the kill to the start of the next process, in seconds."""
    started = machine.path(f"/run/{name}.started")
    before = _lines(started)
    pid = int(machine.sh(f"cat /sys/fs/cgroup/*/system.slice/{name}.service/cgroup.procs | sort -u | head -n 1"))
    machine.sh(f"kill -9 {pid}; date +%s%N >/run/killed")
    until(lambda: len(_lines(started)) > len(before), 30, f"{name} runs again")
    with open(machine.path("/run/killed"), encoding="ascii") as killed:
        return (int(_lines(started)[-1]) - int(killed.read())) / 1e9


def _lines(path):
    with open(path, encoding="ascii") as file:
        return file.read().splitlines()
