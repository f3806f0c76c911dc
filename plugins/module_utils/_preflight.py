# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""Whether a network can be served without harm: the link is there, it is not the way out, and nobody else serves it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address

from . import _dhcp_wire
from ._fleet import Network


def complaints(networks: list[Network], patience: float) -> list[str]:
    """What speaks against serving each network; another server gets C(patience) seconds to show itself."""
    if not networks:
        return []
    with ThreadPoolExecutor(len(networks)) as pool:
        return [complaint for found in pool.map(lambda network: list(_complaints(network, patience)), networks) for complaint in found]


def _complaints(network: Network, patience: float) -> Iterator[str]:
    where = f"netboot_networks.{network.name}"
    if not has_link(network.interface):
        yield f"{where}.interface = {network.interface!r}: has no link; plug the cable in, or name another interface"
        return
    if not network.allow_default_route and network.interface in default_routes():
        yield (
            f"{where}.interface = {network.interface!r}: carries the default route, so this may be the site's own network; "
            f"name the dedicated interface, or write allow_default_route: true"
        )
        return  # and nothing is sent there
    if network.mode == "own" and not network.allow_other_dhcp:
        for server in sorted(other_servers(network, patience)):
            yield (
                f"{where}: {server} serves addresses there already; switch it off, write mode: proxy to leave the addresses to it, "
                f"or allow_other_dhcp: true"
            )


def has_link(interface: str) -> bool:
    """Whether frames can pass: the interface is up and has a carrier (Linux, Documentation/ABI/testing/sysfs-class-net)."""
    try:
        with open(f"/sys/class/net/{interface}/carrier", encoding="ascii") as stream:
            return stream.read().strip() == "1"
    except OSError:  # a missing interface has no file, and one that is down refuses to be read
        return False


def default_routes() -> set[str]:
    """The interfaces with an IPv4 default route (proc_net(5)): destination and mask are zero."""
    with open("/proc/net/route", encoding="ascii") as stream:
        rows = [line.split() for line in stream.readlines()[1:]]
    return {row[0] for row in rows if int(row[1], 16) == 0 and int(row[7], 16) == 0}


def other_servers(network: Network, patience: float) -> set[str]:
    """The identifiers of DHCP servers besides the master that offer a machine an address which nobody has heard of."""
    stranger = b"\x02" + os.urandom(5)  # locally administered
    offers = _dhcp_wire.answers(network.interface, stranger.hex(":"), timeout=patience)
    return {str(IPv4Address(offer.options[54])) for offer in offers if len(offer.options.get(54, b"")) == 4} - {network.address}
