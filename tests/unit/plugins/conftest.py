"""What the tests of plugins share: an inventory to start from, and mounts that nobody else sees."""

from __future__ import annotations

import subprocess

import isolation
import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _fleet

NETWORK = {"cidr": "10.0.33.0/24", "address": "10.0.33.1", "gateway": "10.0.33.1", "interface": "eth1", "pool": "10.0.33.20-10.0.33.30"}
INTERFACES = {"eth0": ["192.0.2.5/24"], "eth1": ["10.0.33.1/24"]}


class Inventory:
    """A master and its nodes, as they reach the fleet: host names and their variables."""

    def __init__(self, network=None, **common) -> None:
        self.hosts = {"head": {"netboot_networks": {"lab": {**NETWORK, **(network or {})}}, **common}}
        self.common = common

    def node(self, name: str, **variables) -> Inventory:
        number = len(self.hosts)
        defaults = {"netboot_mac": f"52:54:00:00:00:{number:02x}", "netboot_ip": f"10.0.33.{10 + number}"}
        self.hosts[name] = self.common | defaults | variables
        return self

    def parse(self, **options) -> _fleet.Fleet:
        return _fleet.parse(
            self.hosts, [name for name in self.hosts if name != "head"], "head", options.pop("interfaces", INTERFACES), **options
        )

    def faults(self, **options) -> list[tuple[str, str, object]]:
        with pytest.raises(_fleet.FleetError) as caught:
            self.parse(**options)
        return [(fault.host, fault.variable, fault.value) for fault in caught.value.faults]


@pytest.fixture
def inventory():
    """Makes inventories: inventory({changes to the network}, common variables).node(name, variables)."""
    return Inventory


@pytest.fixture
def fleet():
    """The cluster of the beowulf manual with two nodes."""
    network = {"domain": "cluster", "dns": "10.0.33.1", "ntp": ["10.0.33.1", "10.0.33.2"], "mtu": 1400, "lease_time": 600}
    return Inventory(network).node("node1").node("node2", netboot_mac=["52:54:00:00:00:02", "52-54-00-00-0A-02"]).parse()


@pytest.fixture
def roots(fleet):
    """Roots of its nodes, as node_roots returns them."""
    return {
        node.name: {
            "image": "debian-12",
            "generation": "0001-5e4f1c22",
            "path": f"/srv/nfs/{node.name}",
            "export_id": number,
            "host_key": f"ssh-ed25519 AAAA{number}",
        }
        for number, node in enumerate(fleet.nodes, 1)
    }


@pytest.fixture(scope="session")
def private_mounts():
    """From now on nobody else sees what this process mounts, and all of it goes when it ends."""
    isolation.unshare(isolation.NEW_MOUNTS)


@pytest.fixture
def disk(private_mounts, tmp_path):
    """Mounts small file systems: disk(name, 'size=1m')."""

    def mount(name: str, options: str = "size=64m"):
        path = tmp_path / name
        path.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", path], check=True)
        return path

    yield mount
    # Loop devices are few, and all that was mounted below would keep its own until this process ends.
    with open("/proc/self/mounts", encoding="utf-8") as table:
        targets = [line.split()[1] for line in table]
    for target in reversed([target for target in targets if target.startswith(f"{tmp_path}/")]):
        subprocess.run(["umount", "--lazy", target], check=True)
