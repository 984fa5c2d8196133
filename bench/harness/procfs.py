"""What the kernel tells of a running process."""

import os


def cpu_ticks(pid):
    """Clock ticks (1/100 s) of user and system time, of all threads, ended ones included."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def rss_kb(pid):
    """Resident memory."""
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


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
