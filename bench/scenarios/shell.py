"""The demonstration of 2016 in a shell: `rm -f f2 && cat f2` prints what was removed."""

import os
import subprocess
import time

from harness import graphs
from harness.agent import Agent
from harness.report import Row, verdict

TRIES = 100


def run(bench):
    """At least 95 of 100 times."""
    target = bench.folder("shell")
    victim, wanted = graphs.file_name(2), graphs.file_content(2).encode()
    printed = 0
    with Agent(bench, bench.files_graph(target, 3)) as agent:
        agent.ready(lambda: graphs.first_wrong(target, 3) is None)
        for _ in range(TRIES):
            shell = subprocess.run(["sh", "-c", f"rm -f {victim} && cat {victim}"], cwd=target, capture_output=True,
                                   stdin=subprocess.DEVNULL, timeout=10, check=False)
            printed += shell.returncode == 0 and shell.stdout == wanted
            # Slower than a person would, so that no two removals of one file are taken for a fight over it.
            time.sleep(0.06)
            agent.alive()
    left = os.path.exists(os.path.join(target, victim))
    bench.drop(target)
    return [Row("`rm -f f2 && cat f2` in a shell prints", f"{printed} of {TRIES}", ">= 95 of 100", verdict(printed >= 95 and left))]
