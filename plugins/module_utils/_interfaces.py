# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""The master's addresses on its dedicated networks, for interfaces(5) and systemd.network(5). Pure."""

from __future__ import annotations

import ipaddress

from ._fleet import Fleet, Network


def ifupdown(fleet: Fleet) -> dict[str, str]:
    """One drop-in with a stanza a network."""
    return {"/etc/network/interfaces.d/bootyard": "\n".join(_stanza(network) for network in fleet.networks.values())}


def networkd(fleet: Fleet) -> dict[str, str]:
    """One file a network."""
    return {f"/etc/systemd/network/20-bootyard-{network.name}.network": _unit(network) for network in fleet.networks.values()}


def _stanza(network: Network) -> str:
    cidr = ipaddress.IPv4Network(network.cidr)
    rows = [
        f"auto {network.interface}",
        f"iface {network.interface} inet static",
        f"    address {network.address}",
        f"    netmask {cidr.netmask}",
        f"    network {cidr.network_address}",
        f"    broadcast {cidr.broadcast_address}",
        *([f"    mtu {network.mtu}"] if network.mtu else []),
    ]
    return "\n".join(rows) + "\n"


def _unit(network: Network) -> str:
    length = ipaddress.IPv4Network(network.cidr).prefixlen
    link = f"[Link]\nMTUBytes={network.mtu}\n\n" if network.mtu else ""
    # Without IPv6 on the machine, waiting for an IPv6 address would hold up the boot.
    return f"[Match]\nName={network.interface}\n\n{link}[Network]\nAddress={network.address}/{length}\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n"


#: How each manager of interfaces wants them.
MANAGERS = {"ifupdown": ifupdown, "networkd": networkd}
