# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""The names of the fleet, for people and machines that look them up in files. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._fleet import Fleet, Node


def hosts(fleet: Fleet) -> str:
    """hosts(5) lines: the master on each of its networks, then every node."""
    rows = [line(network.address, fleet.master, network.domain) for network in fleet.networks.values()]
    rows += [line(node.ip, node.name, fleet.networks[node.network].domain) for node in fleet.present]
    return "".join(f"{row}\n" for row in rows)


def known_hosts(fleet: Fleet, roots: Mapping[str, Mapping[str, Any]]) -> str:
    """ssh_known_hosts lines (sshd(8)) of all nodes that have a host key."""
    return "".join(f"{','.join(_aliases(fleet, node))} {roots[node.name]['host_key']}\n" for node in fleet.present if node.name in roots)


def line(ip: str, name: str, domain: str | None) -> str:
    """One line of hosts(5), the long name first."""
    return f"{ip} {name}.{domain} {name}" if domain else f"{ip} {name}"


def _aliases(fleet: Fleet, node: Node) -> list[str]:
    domain = fleet.networks[node.network].domain
    return [node.name, *([f"{node.name}.{domain}"] if domain else []), node.ip]
