"""The second run over 10,000 files that are right already, beside CFEngine's."""

from statistics import median

from harness import peers
from harness.report import seconds, times_faster

COUNT = 10_000


def run(bench):
    """At least 5x faster than cf-agent."""
    target, prefix = bench.folder("again"), bench.folder("prefix")
    graph = bench.files_graph(target, COUNT)
    bench.apply(graph, prefix=prefix)
    bench.expect_files(target, COUNT, "mgmt")
    command = peers.cf_agent(bench, target, COUNT)
    if command:
        bench.run(command)
    ours, peer = [], []
    for _ in range(bench.rounds):
        ours.append(bench.apply(graph, prefix=prefix).seconds)
        if command:
            peer.append(bench.run(command).seconds)
    bench.expect_files(target, COUNT, "mgmt")
    bench.drop(target, prefix)
    return [times_faster("10,000 files again, nothing to change", median(ours), median(peer) if peer else None, 5, "cf-agent",
                         seconds, agent_s=ours, cf_agent_s=peer)]
