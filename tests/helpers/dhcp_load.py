"""Many nodes that boot at once, made by perfdhcp(8) on this end of a cable."""

from __future__ import annotations

import ipaddress
import re
import subprocess
import time
from dataclasses import dataclass

import daemons
from ansible_collections.bootyard.netboot.plugins.module_utils import _dhcp_wire, _fleet

NETWORK = ipaddress.IPv4Network("10.99.0.0/16")
SERVER, CLIENT = str(NETWORK[1]), str(NETWORK[-6])


def fleet(count: int) -> _fleet.Fleet:
    """A fleet of so many nodes, with MACs in a row as perfdhcp counts them."""
    nodes = {
        f"node{number}": {"netboot_mac": f"02:00:00:00:{number >> 8:02x}:{number & 255:02x}", "netboot_ip": str(NETWORK[256 + number])}
        for number in range(count)
    }
    network = {"cidr": str(NETWORK), "address": SERVER, "interface": "eth1"}
    return _fleet.parse({"head": {"netboot_networks": {"bench": network}}, **nodes}, nodes, "head")


def plug(machine: daemons.Machine) -> None:
    """Give both ends of the cable an address in the fleet's network."""
    machine.run("ip", "address", "add", f"{SERVER}/16", "dev", "eth1")
    subprocess.run(["ip", "address", "add", f"{CLIENT}/16", "dev", "eth1"], check=True)


@dataclass(frozen=True)
class Load:
    """Exchanges that were begun in some seconds, and those of them that ended with an ACK."""

    begun: int
    done: int

    @property
    def drop(self) -> float:
        """The part that got no lease."""
        return 1 - self.done / self.begun


def load(machine: daemons.Machine, nodes: int, rate: int, seconds: int, first: str = "02:00:00:00:00:00") -> Load:
    """Let that many nodes ask for a lease, over and over, C(rate) of them a second; C(first) is the first one's MAC."""
    command = ["perfdhcp", "-4", "-r", str(rate), "-R", str(nodes), "-b", f"mac={first}", "-p", str(seconds), "-l", CLIENT, SERVER]
    said = subprocess.run(["chroot", machine.root, *command], capture_output=True, text=True, check=False).stdout
    counts = [int(count) for count in re.findall(r"(?:sent|received) packets: (\d+)", said)]
    assert len(counts) == 4, said
    return Load(begun=counts[0], done=counts[3])


def silence(mac: str, patience: float = 30) -> float:
    """Seconds until a node is answered."""
    begun = time.monotonic()
    assert daemons.eventually(patience, lambda: _dhcp_wire.ask("eth1", mac, options=_dhcp_wire.pxe_options(), timeout=0.5))
    return time.monotonic() - begun
