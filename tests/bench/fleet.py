"""Inventories of any size, in the form that is cheapest to read: INI, one line a node."""

from __future__ import annotations

import ipaddress
import json
from dataclasses import dataclass
from pathlib import Path

NETWORK = ipaddress.IPv4Network("10.99.0.0/16")
GATEWAY = NETWORK[-2]
IMAGE = "bench"
GENERATION = "0001-bench"

HOSTS = """\
[master]
bench ansible_connection=community.docker.docker ansible_host={container}

[slaves]
{nodes}
"""

VARIABLES = """\
netboot_networks: {{bench: {{cidr: {network}, address: {address}, pool: [{pool[0]}, {pool[99]}]}}}}
netboot_images: {{{image}: {{suite: bookworm}}}}
netboot_profiles: {{debian-nfs: {{boot: nfs, image: {image}}}}}
"""


@dataclass(frozen=True)
class Node:
    number: int

    @property
    def name(self) -> str:
        return f"node{self.number}"

    @property
    def ip(self) -> str:
        return str(NETWORK[256 + self.number])

    @property
    def mac(self) -> str:
        return f"02:00:00:00:{self.number >> 8:02x}:{self.number & 255:02x}"

    @property
    def root(self) -> dict:
        """What the module that makes roots would tell of this node's."""
        key = f"ssh-ed25519 {'A' * 63}{self.number:05d}"
        path = f"/srv/nfs/{self.name}"
        return {"image": IMAGE, "generation": GENERATION, "path": path, "export_id": self.number, "host_key": key}


def nodes(count: int) -> list[Node]:
    return [Node(number) for number in range(1, count + 1)]


def write(directory: Path, count: int, container: str, address: str) -> None:
    """Write the inventory of a fleet, and the roots that it is to be taken to have."""
    pool = ipaddress.IPv4Network("10.99.100.0/24")
    group = directory / "inventory/group_vars"
    group.mkdir(parents=True, exist_ok=True)
    lines = "\n".join(f"{node.name} netboot_mac={node.mac} netboot_ip={node.ip}" for node in nodes(count))
    (directory / "inventory/hosts.ini").write_text(HOSTS.format(container=container, nodes=lines))
    (group / "master.yml").write_text(VARIABLES.format(network=NETWORK, address=address, pool=pool, image=IMAGE))
    roots = {node.name: node.root for node in nodes(count)}
    (directory / "roots.json").write_text(json.dumps({"nfs_root_made": {"roots": roots}}))
