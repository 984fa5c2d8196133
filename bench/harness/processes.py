"""Starting, measuring and ending processes; only those that were started here, by their id."""

import json
import os
import select
import signal
import subprocess
import time
from dataclasses import dataclass


class Failed(Exception):
    """A scenario cannot give its figure; the message says why."""


@dataclass
class Cost:
    """What one command cost, from its start to its end."""

    seconds: float
    peak_kb: int
    cpu_seconds: float
    code: int


def wait(process, limit_s):
    """Waits for the end of a process without polling (`Popen.wait(timeout)` polls); False when the limit passed."""
    handle = os.pidfd_open(process.pid)
    try:
        ended, _, _ = select.select([handle], [], [], limit_s)
    finally:
        os.close(handle)
    if not ended:
        return False
    process.wait()
    return True


def end(process, grace_s=5.0):
    """Ends a process that leads its own session, politely first."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            pass
        if wait(process, grace_s):
            return


def tail(path, lines=12):
    """The last lines of a log, for a message."""
    try:
        with open(path, "rb") as log:
            log.seek(max(0, os.path.getsize(path) - 8192))
            return b"\n".join(log.read().splitlines()[-lines:]).decode("utf-8", "replace")
    except OSError:
        return ""


def run_timed(timed, command, scratch, limit_s, env=None):
    """Runs a command to its end under the small launcher `timed`; output goes to a log that only an error shows."""
    result, log_path = os.path.join(scratch, "timed.json"), os.path.join(scratch, "output.log")
    with open(log_path, "wb") as log:
        process = subprocess.Popen([timed, result, *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                   start_new_session=True, env=env, cwd=scratch)
    if not wait(process, limit_s):
        end(process)
        raise Failed(f"{command[0]} did not end in {limit_s:g} s\n{tail(log_path)}")
    with open(result, encoding="ascii") as file:
        cost = json.load(file)
    return Cost(cost["ns"] / 1e9, cost["maxrss_kb"], (cost["user_us"] + cost["system_us"]) / 1e6, cost["exit"])


def expect_success(cost, command_name, scratch):
    """Raises with the end of the output unless the command succeeded."""
    if cost.code != 0:
        raise Failed(f"{command_name} ended with {cost.code}\n{tail(os.path.join(scratch, 'output.log'))}")
    return cost


def until(condition, limit_s, what, pause_s=0.005):
    """Waits for a condition; returns the time that it took."""
    start = time.monotonic()
    while not condition():
        if time.monotonic() - start > limit_s:
            raise Failed(f"after {limit_s:g} s still not: {what}")
        time.sleep(pause_s)
    return time.monotonic() - start
