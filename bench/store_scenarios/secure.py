"""Puts and gets with certificates on both sides: ours beside etcd's, and beside ours without TLS in the same turns."""

from harness.store_bench import ETCD_TLS, OURS, OURS_TLS

from .compared import beside
from .unary import GET_KEYS, microseconds, milliseconds, rate

# Ours without TLS first, so that whatever warms up does so for neither of those that are compared with etcd.
NAMES = (OURS, OURS_TLS, ETCD_TLS)
PEERS, PLAIN = (OURS_TLS, ETCD_TLS), (OURS_TLS, OURS)


def _rows(title, results):
    return [
        beside(title, results, "per_second", rate, at_least=1.15, of=PEERS),
        beside(f"{title}, beside ours without", results, "per_second", rate, at_least=0.8, of=PLAIN),
        beside(f"{title}: p99", results, "p99_us", milliseconds, of=PEERS),
        beside(f"{title}: server CPU each", results, "server_cpu_us_per_operation", microseconds, of=PEERS),
        beside(f"{title}: server CPU each, beside ours without", results, "server_cpu_us_per_operation", microseconds, of=PLAIN),
        beside(f"{title}: generator CPU each, beside ours without", results, "client_cpu_us_per_operation", microseconds, of=PLAIN),
    ]


def _puts(bench, clients):
    def measure(servers):
        return bench.load("puts", "--clients", clients, "--seconds", bench.seconds, servers=servers)
    return bench.take_turns(measure, names=NAMES)


def puts_100(bench):
    """100 clients, a connection each."""
    return _rows("puts under TLS, 100 clients, 256 B", _puts(bench, 100))


def puts_1000(bench):
    """1,000 clients on 100 connections."""
    return _rows("puts under TLS, 1,000 clients, 256 B", _puts(bench, 1000))


def gets(bench):
    """Linearizable, one key each."""
    def measure(servers):
        bench.load("fill", "--count", GET_KEYS, servers=servers)
        return bench.load("gets", "--keys", GET_KEYS, "--seconds", bench.seconds, servers=servers)
    return _rows("linearizable gets under TLS, 100 clients", bench.take_turns(measure, names=NAMES))
