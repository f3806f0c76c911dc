# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""What every DHCP server is to do for the fleet, in whatever language it is told so: addresses, options, who is who. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ._bootchain import Request, decide, plan_of
from ._fleet import Fleet, Network, natural
from ._loaders import CLIENTS, PXE, Client

#: Machines that list several architectures in option 93 name the one that counts among the first.
ARCHITECTURES = 4

#: How option 77 of an iPXE begins, with or without the length that RFC 3004 wants; and the option that only iPXE sends.
IPXE_CLASSES, IPXE_OPTION = (b"iPXE", b"\x04iPXE"), 175

#: Seconds for which an address rests that a machine declined. Anybody on the wire can decline one in the name of another.
DECLINED_FOR = 1


@dataclass(frozen=True, slots=True)
class Reservation:
    """The address and name of a card, and the name of the plan that it follows; none for the master's own cards."""

    mac: str
    ip: str
    name: str
    plan: str = ""


def networks(fleet: Fleet) -> list[Network]:
    """The networks in the order in which they are printed."""
    return sorted(fleet.networks.values(), key=lambda network: natural(network.name))


def reservations(fleet: Fleet, network: Network) -> Iterator[Reservation]:
    """The cards with an address of their own on a network."""
    for mac in fleet.master_macs:
        yield Reservation(mac, network.address, fleet.master)
    for node in fleet.present:
        if node.network == network.name:
            # One address cannot be reserved twice, so a node's other cards find no address of their own here.
            yield Reservation(node.macs[0], node.ip, node.name, plan_of(fleet, node).name)


def options(network: Network) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    """What goes with an address: number, name as ISC and Kea know it (RFC 2132), and values, if there are any."""
    broadcast = str(ipaddress.IPv4Network(network.cidr).broadcast_address)
    for number, name, values in (
        (3, "routers", (network.gateway,)),
        (28, "broadcast-address", (broadcast,)),
        (15, "domain-name", (network.domain,)),
        (6, "domain-name-servers", network.dns),
        (42, "ntp-servers", network.ntp),
        (26, "interface-mtu", (network.mtu,)),
    ):
        if any(values):
            yield number, name, tuple(map(str, values))


def most_leases(fleet: Fleet) -> int:
    """How many leases there can be at once: one for each reservation and each address of a pool, so that neither takes room from the other."""
    pools = [network.pool for network in networks(fleet) if network.pool and answers_strangers(network)]
    sizes = [int(ipaddress.IPv4Address(last)) - int(ipaddress.IPv4Address(first)) + 1 for first, last in pools]
    return sum(sizes) + sum(1 for network in networks(fleet) for _card in reservations(fleet, network))


def answers_strangers(network: Network) -> bool:
    """Whether a machine that is not in the inventory gets any answer."""
    return network.unknown != "ignore" and (network.mode == "proxy" or bool(network.pool))


def rivals(client: Client) -> list[Client]:
    """The clients that go before this one where a machine could be either."""
    before = CLIENTS[: CLIENTS.index(client)]
    return [other for other in before if other.is_ipxe == client.is_ipxe and other.vendor == client.vendor]


def probe(fleet: Fleet) -> dict[str, Any]:
    """Questions to the running server and their right answers: a BIOS in place of each network's first and last node.

    The last one finds out whether the server read all of its reservations. One right answer proves that the server serves.
    """
    questions = []
    for network in networks(fleet):
        here = [node for node in fleet.present if node.network == network.name]
        for node in {node.name: node for node in (*here[:1], *here[-1:])}.values():
            told = decide(fleet, Request(network.name, node.macs[0], (0,), PXE))
            if told is not None:
                address = "0.0.0.0" if network.mode == "proxy" else node.ip
                answer = {"address": address, "next_server": told.next_server or "0.0.0.0", "file": told.file}
                questions.append({"node": node.name, "interface": network.interface, "mac": node.macs[0], **answer})
    return {"dhcp": {"questions": questions}} if questions else {}
