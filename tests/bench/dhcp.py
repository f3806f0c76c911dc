"""DHCP servers with a thousand reservations: what they drop, how soon they recover, and what a node more costs."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / ".ansible/collections"), str(ROOT / "tests/helpers")]

import daemons
import dhcp_load
from dhcp_servers import SERVERS

REPORT = ROOT / "build/bench-dhcp.json"
NODES, RATE = 1000, 300


def main(seconds: int = 60) -> None:
    """Measure all servers, print a table and keep it."""
    rows = []
    print(f"\n{NODES} reservations        at {RATE}/s    at {3 * RATE}/s   until it   checker   a node more")
    print(" server             dropped     dropped    answers   seconds   takes effect in")
    for name in SERVERS:
        with tempfile.TemporaryDirectory() as directory, daemons.machine("bookworm", Path(directory)) as machine:
            rows.append(measure(machine, name, seconds))
        row = rows[-1]
        print(
            f" {name:18s}{row['drop']:8.2%}{row['overload_drop']:12.2%}{row['recovery']:10.2f}{row['check']:10.2f}{row['reload']:14.2f}",
            flush=True,
        )
    REPORT.write_text(json.dumps({"cpus": os.cpu_count(), "load": os.getloadavg()[0], "servers": rows}, indent=2) + "\n")
    print(f"\nwritten to {REPORT.relative_to(ROOT)}")


def measure(machine: daemons.Machine, name: str, seconds: int) -> dict:
    """All figures of one server."""
    fleet, more = dhcp_load.fleet(NODES), dhcp_load.fleet(NODES + 1)
    dhcp_load.plug(machine)
    server = SERVERS[name]
    daemon = server.serve(machine, fleet)
    normal = dhcp_load.load(machine, NODES, RATE, seconds // 4)
    overload = dhcp_load.load(machine, NODES, 3 * RATE, seconds)
    assert daemon.alive, daemon.log.read_text()[-2000:]
    row = {"server": name, "drop": normal.drop, "overload_drop": overload.drop, "recovery": dhcp_load.silence(fleet.nodes[-1].macs[0])}
    begun = time.monotonic()
    server.configure(machine, more)
    row["check"] = time.monotonic() - begun
    begun = time.monotonic()
    server.renew(machine, daemon)
    dhcp_load.silence(more.nodes[-1].macs[0])
    return {**row, "reload": time.monotonic() - begun}


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
