"""A service that the graph stops is started by hand: until systemd is at the stop job."""

import json
from statistics import median

from harness.machine import Machine
from harness.processes import Failed
from harness.report import at_most

from . import many

ROUNDS = 20
UNIT = """[Unit]
StartLimitIntervalSec=0
[Service]
ExecStart=sleep infinity
"""
# What systemd writes when a unit has started, and when it begins to stop (sd-messages.h).
STARTED, STOPPING = "39f53479d3a045ac8e11786248231fbf", "de5b426a63be47a7b6ac3eaac82e2f6f"


def run(bench):
    """Each round begins when the service has been stopped again; nothing polls meanwhile."""
    rounds = 5 if bench.quick else ROUNDS
    with Machine(bench) as machine:
        machine.write("/etc/systemd/system/unwanted.service", UNIT)
        machine.sh("systemctl daemon-reload")
        machine.agent(many.graph({"svc": [("unwanted", ["state: stopped"])]}))
        for _ in range(rounds):
            machine.sh("systemctl start --wait unwanted")
        samples = _from_start_to_stop(machine)
    if len(samples) != rounds:
        raise Failed(f"the journal has {len(samples)} of {rounds} rounds")
    return [at_most("a service that the graph stops, started by hand: until its stop job, at worst", max(samples) * 1e3, 100, "ms",
                    note=f"median {median(samples) * 1e3:.1f} ms of {rounds}", samples_s=samples)]


def _from_start_to_stop(machine):
    """In seconds, by the times at which systemd sent its messages."""
    printed = machine.sh("journalctl --sync; journalctl -u unwanted -o json")
    samples, started = [], None
    for entry in map(json.loads, printed.splitlines()):
        if entry.get("MESSAGE_ID") == STARTED:
            started = _sent(entry)
        elif entry.get("MESSAGE_ID") == STOPPING and started is not None:
            samples.append(_sent(entry) - started)
            started = None
    return samples


def _sent(entry):
    return int(entry["_SOURCE_REALTIME_TIMESTAMP"]) / 1e6
