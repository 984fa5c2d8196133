"""`mgmt run` of a hello graph: from the start of the process until its file is there."""

import os
import time
from statistics import median

from harness.agent import Agent
from harness.processes import Failed
from harness.report import at_most

HELLO = """graph: hello
resources:
  noop:
  - name: first
  file:
  - name: hello
    path: {path}
    content: "hello\\n"
    state: exists
edges:
- name: e1
  from: {{kind: noop, name: first}}
  to: {{kind: file, name: hello}}
"""


def run(bench):
    """Under 15 ms."""
    target = bench.folder("hello")
    path, graph = os.path.join(target, "hello"), os.path.join(target, "hello.yaml")
    with open(graph, "w", encoding="ascii") as out:
        out.write(HELLO.format(path=path))
    took = [_once(bench, graph, path) for _ in range(bench.rounds * 4)]
    bench.drop(target)
    return [at_most("hello graph, process start to applied", median(took) * 1e3, 15, "ms", digits=1, strict=True, took_s=took)]


def _once(bench, graph, path):
    if os.path.exists(path):
        os.remove(path)
    agent = Agent(bench, graph)
    start = time.perf_counter()
    with agent:
        while not _is_hello(path):
            if time.perf_counter() - start > 10:
                raise Failed("the hello file did not appear in 10 s")
            agent.alive()
        took = time.perf_counter() - start
        agent.interrupt()
    return took


def _is_hello(path):
    try:
        with open(path, "rb") as file:
            return file.read() == b"hello\n"
    except FileNotFoundError:
        return False
