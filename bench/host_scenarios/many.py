"""Graphs of many services and packages, and the host on which they are right."""

COUNT = 300

UNIT = """[Service]
ExecStart=/bin/sleep infinity
[Install]
WantedBy=multi-user.target
"""


def services():
    """The services' names."""
    return [f"bench-{number}" for number in range(COUNT)]


def packages(machine):
    """Names of packages that are installed on the host."""
    names = machine.sh("dpkg-query -W -f '${db:Status-Abbrev} ${Package}\\n'").splitlines()
    return sorted({line.split()[1] for line in names if line.startswith("ii")})[:COUNT]


def prepare(machine):
    """Makes, enables and starts the services."""
    for name in services():
        machine.write(f"/etc/systemd/system/{name}.service", UNIT)
    units = " ".join(f"{name}.service" for name in services())
    machine.sh(f"systemctl daemon-reload; systemctl enable -q --now {units}")


def graph(kinds):
    """A graph file of resources: kind, then a name and lines of parameters each."""
    lines = ["graph: bench", "resources:"]
    for kind, resources in kinds.items():
        lines.append(f"  {kind}:")
        for name, params in resources:
            lines += [f"  - name: {name}", *(f"    {param}" for param in params)]
    return "\n".join(lines) + "\n"


def right(machine):
    """Services and packages as `prepare` leaves them."""
    return {
        "svc": [(name, ["state: running", "startup: enabled"]) for name in services()],
        "pkg": [(name, ["state: installed"]) for name in packages(machine)],
    }
