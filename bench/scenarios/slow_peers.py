"""Time a file beside `puppet apply` (1,000 files) and `ansible-playbook` (100), which run once."""

from statistics import median

from harness import peers
from harness.report import seconds, times_faster


def run(bench):
    """At least 15x and 200x faster a file, each at the same number of files."""
    return [
        _row(bench, "puppet apply", 1000, 15, lambda target, count: (peers.puppet(bench, target, count), None)),
        _row(bench, "ansible-playbook", 100, 200, lambda target, count: peers.ansible(bench, target, count) or (None, None)),
    ]


def _row(bench, name, count, bound, command_for):
    ours = []
    for _ in range(bench.rounds):
        target = bench.folder("ours")
        ours.append(bench.apply(bench.files_graph(target, count)).seconds / count)
        bench.expect_files(target, count, "mgmt")
        bench.drop(target)
    target = bench.folder("peer")
    command, env = command_for(target, count)
    peer = None
    if command:
        peer = bench.run(command, 300, env).seconds / count
        bench.expect_files(target, count, name)
    bench.drop(target)
    return times_faster(f"{count:,} files, each, by {name}", median(ours), peer, bound, name, seconds,
                        agent_s_per_file=ours, peer_s_per_file=peer)
