"""Requests a second for a node's configuration: nginx as cloud_config sets it up beside a server that reads its files for each request.

Both run in turn on the same machine, and the same wrk asks them over the same cable: on a connection for each request, as a machine that boots
asks, and on connections that it would keep, which only nginx does. wrk computes on the same processors, so what a server's own CPU time
allows is told as well. The figures go to build/endpoint.json.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / ".ansible/collections"), str(ROOT / "tests/helpers")]

import daemons
from ansible_collections.bootyard.netboot.plugins.module_utils import _cloud_nginx, _fleet
from ansible_collections.bootyard.netboot.plugins.plugin_utils import _cloud

REPORT = ROOT / "build/endpoint.json"
MASTER, HERE = "10.0.33.1", "10.0.33.250"
#: Hosts in the table, all of which the reader reads each time.
SIZES = (10, 1000)
ROUNDS, SECONDS = 5, 2
MODES = {"closed": ["-H", "Connection: close"], "kept": []}
#: Else wrk runs out of ports after 28,000 connections to a server that ends them, and looks for one instead of asking.
PORTS = {"/proc/sys/net/ipv4/tcp_tw_reuse": "1", "/proc/sys/net/ipv4/ip_local_port_range": "1024 65535"}
NGINX = "user www-data; worker_processes auto; events {} http { sendfile on; include /etc/nginx/conf.d/*.conf; }"
TEMPLATE = "#cloud-config\nhostname: $hostname\nwrite_files:\n" + "".join(
    f"  - path: /etc/file{number}\n    content: $private_ipv4 $public_ipv4 $public_ipv4_gw $public_ipv4_dns1 $public_ipv4_dns2\n"
    for number in range(16)
)


def main() -> None:
    os.nice(-15)  # both servers and who asks them: other work on this machine is not to be measured
    rows = [measure(hosts) for hosts in SIZES]
    REPORT.write_text(json.dumps({"cpus": os.cpu_count(), "load": os.getloadavg()[0], "rows": rows}, indent=2) + "\n")
    print(f"written to {REPORT.relative_to(ROOT)}")


def measure(hosts: int) -> dict:
    """Ask both servers in turn; medians of requests a second and of the server's CPU time for one."""
    with tempfile.TemporaryDirectory() as scratch, daemons.machine("bookworm", Path(scratch)) as machine:
        for path, value in PORTS.items():
            Path(path).write_text(value)
        publish(machine, hosts)
        servers = {
            "nginx": (8080, machine.start("/usr/sbin/nginx", "-g", "daemon off;")),
            "reader": (8081, machine.start("/usr/bin/python3", "/srv/reader.py", MASTER, "8081", "/srv/reader")),
        }
        for port, _server in servers.values():
            assert daemons.eventually(10, lambda port=port: machine.run("/usr/bin/wrk", "-d1", f"http://{MASTER}:{port}/").returncode == 0)
        found = {mode: {name: [] for name in servers} for mode in MODES}
        for _round in range(ROUNDS):
            for mode, header in MODES.items():
                for name, (port, server) in servers.items():
                    found[mode][name].append(ask(machine, port, server, header))
    row = {"hosts": hosts, **{mode: compared(found[mode]) for mode in MODES}}
    for mode in MODES:
        shown = "  ".join(f"{name} {row[mode][name]['requests_per_second']:8.0f}/s {row[mode][name]['cpu_us']:7.0f} us" for name in servers)
        print(f"{hosts:5d} hosts, {mode:6s}  {shown}  ratio {row[mode]['ratio']:.1f}, of CPU {row[mode]['cpu_ratio']:.1f}", flush=True)
    return row


def compared(found: dict[str, list[tuple[float, float]]]) -> dict:
    """Medians of both servers, and how many times nginx is the other."""
    row = {
        name: {
            "requests_per_second": statistics.median(pair[0] for pair in pairs),
            "cpu_us": statistics.median(pair[1] for pair in pairs),
        }
        for name, pairs in found.items()
    }
    ratio = statistics.median(ours[0] / theirs[0] for ours, theirs in zip(found["nginx"], found["reader"], strict=True))
    return {**row, "ratio": ratio, "cpu_ratio": row["reader"]["cpu_us"] / row["nginx"]["cpu_us"]}


def publish(machine: daemons.Machine, hosts: int) -> None:
    """The same fleet in both forms: the asker is one of its nodes."""
    addresses = [HERE] + [f"10.0.{34 + number // 250}.{number % 250 + 1}" for number in range(1, hosts)]
    names = {f"node{number}": address for number, address in enumerate(addresses, 1)}
    common = {"public_ipv4_gw": "10.100.10.5", "public_ipv4_dns1": "10.100.10.9", "public_ipv4_dns2": "10.100.10.9"}
    network = {"cidr": "10.0.0.0/16", "address": MASTER, "interface": "eth1"}
    variables = {
        "head": {
            "netboot_networks": {"lab": network},
            "netboot_profiles": {"p": {"boot": "local", "config": "coreos", "template": "default.yaml"}},
        }
    }
    for number, (name, address) in enumerate(names.items()):
        variables[name] = {
            "netboot_ip": address,
            "netboot_mac": f"52:54:00:00:{number >> 8:02x}:{number & 255:02x}",
            "netboot_profile": "p",
            "netboot_vars_common": common,
            "netboot_vars": {"public_ipv4": f"10.100.{number >> 8}.{number & 255}"},
        }
    machine.write("/srv/reader/default.yaml", TEMPLATE)
    fleet = _fleet.parse(variables, list(names), "head")
    begun = time.process_time()
    made = _cloud.render(fleet, variables, [str(machine.root / "srv/reader")])
    print(f"{hosts:5d} hosts  rendered and checked in {time.process_time() - begun:.2f} s of CPU", flush=True)
    table = {
        address: {
            "macaddr": variables[name]["netboot_mac"],
            "$hostname": name,
            "channel": "stable",
            "template": "default.yaml",
            "$public_ipv4": variables[name]["netboot_vars"]["public_ipv4"],
        }
        for name, address in names.items()
    }
    machine.write(
        "/srv/reader/pxe_hosts.json", json.dumps({"common": {f"${name}": value for name, value in common.items()}, "hosts": table})
    )
    machine.write("/srv/reader.py", (Path(__file__).parent / "reader.py").read_text())
    for name, config in made.items():
        machine.write(f"/srv/cloud/{name}/config", config.files["config"])
    machine.write("/etc/nginx/nginx.conf", NGINX)
    machine.write(_cloud_nginx.MAPS, _cloud_nginx.files(fleet, "/srv/cloud", [f"{MASTER}:8080"])[_cloud_nginx.MAPS])


def ask(machine: daemons.Machine, port: int, server: daemons.Daemon, header: list[str]) -> tuple[float, float]:
    """Requests a second, and microseconds of the server's CPU for one."""
    before = cpu(server.pid)
    wrk = ["chroot", machine.root, "/usr/bin/wrk", "-t2", "-c16", f"-d{SECONDS}", *header, f"http://{MASTER}:{port}/"]
    said = subprocess.run(wrk, check=True, capture_output=True, text=True).stdout
    assert not re.search("Non-2xx|Socket errors", said), said
    requests = int(re.search(r"(\d+) requests in", said)[1])
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])
    return rate, (cpu(server.pid) - before) / requests * 1e6


def cpu(pid: int) -> float:
    """Seconds that a process and its children have computed."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    ticks = sum(sum(map(int, Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()[11:13])) for one in (pid, *children))
    return ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
