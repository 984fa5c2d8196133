"""What the kernel tells of a running process."""

import os


def cpu_ticks(pid):
    """Clock ticks (1/100 s) of user and system time, of all threads, ended ones included."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def rss_kb(pid):
    """Resident memory."""
    return _status_kb(pid, "VmRSS:")


def peak_kb(pid):
    """Most resident memory ever."""
    return _status_kb(pid, "VmHWM:")


def _status_kb(pid, name):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name))


def threads(pid):
    """Thread ids."""
    return [int(tid) for tid in os.listdir(f"/proc/{pid}/task")]


def switches(pid):
    """Context switches, voluntary and involuntary, by thread id."""
    by_thread = {}
    for tid in threads(pid):
        try:
            with open(f"/proc/{pid}/task/{tid}/status", encoding="ascii", errors="replace") as status:
                by_thread[tid] = sum(int(line.split()[1]) for line in status if "ctxt_switches" in line)
        except FileNotFoundError:
            continue
    return by_thread


def switches_between(before, after):
    """Switches from one reading to the next; a thread that ended in between counts as one, for its end."""
    return sum(count - before.get(tid, 0) for tid, count in after.items()) + len(before.keys() - after.keys())


def cpu_ms(pid):
    """Milliseconds on a CPU, of the threads that there are: finer than ticks."""
    spent_ns = 0
    for tid in threads(pid):
        try:
            with open(f"/proc/{pid}/task/{tid}/schedstat", encoding="ascii") as stat:
                spent_ns += int(stat.read().split()[0])
        except FileNotFoundError:
            continue
    return spent_ns / 1e6
