"""What real servers write of a machine is read as what it was."""

from __future__ import annotations

import json
import time
from pathlib import Path

import daemons
import pytest
import yaml
from ansible_collections.bootyard.netboot.plugins.module_utils import _dhcp_wire, _sightings, _strangers
from ansible_collections.bootyard.netboot.plugins.module_utils._fleet import Fleet, Network

MAC, NAME = "52:54:00:00:99:01", "pc7"
LEASE = 600
FLEET = Fleet("head", networks={"lab": Network("lab", "10.0.33.0/24", "10.0.33.1", "eth1", lease_time=LEASE)})

KEA = {
    "Dhcp4": {
        "interfaces-config": {"interfaces": ["eth1"], "service-sockets-max-retries": 9, "service-sockets-retry-wait-time": 500},
        "lease-database": {"type": "memfile", "name": "/var/lib/kea/kea-leases4.csv"},
        "valid-lifetime": LEASE,
        "subnet4": [{"id": 1, "interface": "eth1", "subnet": "10.0.33.0/24", "pools": [{"pool": "10.0.33.20 - 10.0.33.20"}]}],
    }
}
DNSMASQ = f"port=0\nuser=root\ninterface=eth1\nbind-dynamic\ndhcp-range=10.0.33.20,10.0.33.20,{LEASE}\n"
ISC = f"default-lease-time {LEASE};\nsubnet 10.0.33.0 netmask 255.255.255.0 {{ range 10.0.33.20; }}\n"


def kea(machine) -> Path:
    machine.write("/etc/kea/kea-dhcp4.conf", json.dumps(KEA))
    machine.run("mkdir", "-p", "/run/kea", "/var/lib/kea")  # as its unit does
    machine.start("/usr/sbin/kea-dhcp4", "-c", "/etc/kea/kea-dhcp4.conf")
    return machine.root / "var/lib/kea/kea-leases4.csv"


def started_dnsmasq(machine, more: str = "") -> daemons.Daemon:
    machine.write("/etc/dnsmasq.conf", DNSMASQ + more)
    return machine.start("/usr/sbin/dnsmasq", "--keep-in-foreground", "--log-facility=-", "--conf-file=/etc/dnsmasq.conf")


def dnsmasq(machine) -> Path:
    started_dnsmasq(machine)
    return machine.root / "var/lib/misc/dnsmasq.leases"


def isc(machine) -> Path:
    machine.write("/etc/dhcp/dhcpd.conf", ISC)
    machine.write("/var/lib/dhcp/dhcpd.leases", "")
    machine.start("/usr/sbin/dhcpd", "-4", "-f", "--no-pid", "-cf", "/etc/dhcp/dhcpd.conf", "eth1")
    return machine.root / "var/lib/dhcp/dhcpd.leases"


def seen(sightings) -> list[tuple]:
    return [(sighting.macs, sighting.ip, sighting.details, abs(sighting.seen - time.time()) < 60) for sighting in sightings]


READERS = {kea: _sightings.kea, dnsmasq: lambda text: _sightings.dnsmasq(text, FLEET), isc: _sightings.isc}


@pytest.mark.parametrize("server", READERS)
def test_leases(machine, server):
    leases = server(machine)
    assert daemons.eventually(20, lambda: _dhcp_wire.lease("eth1", MAC, {12: NAME.encode()}, timeout=1))
    expected = [((MAC,), "10.0.33.20", {"name": NAME}, True)]
    assert daemons.eventually(5, lambda: leases.exists() and seen(READERS[server](leases.read_text())) == expected), leases.read_text()
    told = _strangers.inventory(_strangers.strangers(FLEET, READERS[server](leases.read_text())))
    assert yaml.safe_load(told) == {"slaves": {"hosts": {"node-525400009901": {"netboot_mac": MAC, "netboot_ip": "10.0.33.2"}}}}


@pytest.mark.parametrize("more", ["leasefile-ro\n", f"leasefile-ro\ndhcp-host={MAC},ignore\n"])
def test_messages(machine, more):
    """Who gets an address without a lease being kept, and who gets none."""
    server = started_dnsmasq(machine, more)
    assert daemons.eventually(20, lambda: _dhcp_wire.lease("eth1", MAC, timeout=0.5) or MAC in server.log.read_text())
    entries = [json.dumps({"MESSAGE": line, "__REALTIME_TIMESTAMP": "1000000"}) for line in server.log.read_text().splitlines()]
    found = list(_sightings.journal("\n".join(entries)))
    assert {(sighting.macs, sighting.interface) for sighting in found} == {((MAC,), "eth1")}
    assert any(sighting.ip == "10.0.33.20" for sighting in found) == ("ignore" not in more)
