"""Puts and gets: throughput, latency, and the server's processor time for each."""

from .compared import beside

GET_KEYS = 100_000


def rate(value):
    """Operations a second."""
    return f"{value:,.0f}/s"


def milliseconds(value):
    """From microseconds."""
    return f"{value / 1e3:.2f} ms"


def microseconds(value):
    """Processor time of one operation."""
    return f"{value:.1f} us"


def rows(title, results, throughput, cpu=None, p99=None):
    """The figures of one kind of load."""
    return [
        beside(title, results, "per_second", rate, at_least=throughput),
        beside(f"{title}: p50", results, "p50_us", milliseconds),
        beside(f"{title}: p99", results, "p99_us", milliseconds, at_most=p99),
        beside(f"{title}: server CPU each", results, "server_cpu_us_per_operation", microseconds, at_most=cpu),
        beside(f"{title}: generator CPU each", results, "client_cpu_us_per_operation", microseconds),
    ]


def puts(bench, clients, members=1):
    """256 bytes each, random keys of 8 to 16 bytes behind a prefix, on disk."""
    def measure(servers):
        return bench.load("puts", "--clients", clients, "--seconds", bench.seconds, servers=servers)
    return bench.take_turns(measure, members)


def puts_100(bench):
    """100 clients, a connection each."""
    return rows("puts, 100 clients, 256 B", puts(bench, 100), throughput=1.15, p99=1, cpu=0.65)


def puts_1000(bench):
    """1,000 clients on 100 connections."""
    return rows("puts, 1,000 clients, 256 B", puts(bench, 1000), throughput=1.15, p99=1, cpu=0.65)


def three_members(bench):
    """1,000 clients on 100 connections, dealt out among three members."""
    return rows("puts, 3 members, 1,000 clients, 256 B", puts(bench, 1000, members=3), throughput=1.15)


def gets(bench):
    """Linearizable, one key each."""
    def measure(servers):
        bench.load("fill", "--count", GET_KEYS, servers=servers)
        return bench.load("gets", "--keys", GET_KEYS, "--seconds", bench.seconds, servers=servers)
    return rows("linearizable gets, 100 clients", bench.take_turns(measure), throughput=1.5)
