# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""The fleet as dnsmasq wants it (dnsmasq(8)). Pure.

Reservations are no file of their own, although dnsmasq would read that again on SIGHUP: 2.90 frees the tags of those that
it has used together with tags of its own, and dies of it. What it tests is then also all that it reads.

What a machine says and who it is are tags. Those made here hold a slash, which no name of an interface does: dnsmasq sets
that one by itself, and C(known) for a machine with a reservation.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from ._bootchain import answers, plans
from ._dhcp import IPXE_CLASSES, IPXE_OPTION, answers_strangers, most_leases, networks, options, reservations, rivals
from ._fleet import Fleet, Network
from ._loaders import CLIENTS, HTTP, PXE, Client

_HEAD = "# Written by bootyard.netboot, changes are lost."


def config(fleet: Fleet, tftp_root: str = "") -> str:
    """The text of dnsmasq.conf, with one line a reservation; C(tftp_root) is a directory to serve by TFTP."""
    lines = [
        _HEAD,
        "# No DNS.",
        "port=0",
        "user=dnsmasq",
        # The interface may come up after the service.
        "bind-dynamic",
        *(f"interface={network.interface}" for network in networks(fleet)),
        # The lease file would be written anew and synced for every answer: with 1,000 nodes dnsmasq could not keep up.
        # After a restart a renewal is granted as asked (authoritative).
        "leasefile-ro",
        "dhcp-authoritative",
        # While it waits three seconds for the echo of an address of the pool, it answers no node.
        "no-ping",
        # By default a thousand; from then on nobody gets an address, whoever has those that are given away.
        f"dhcp-lease-max={most_leases(fleet)}",
        # ROM, boot loader and initramfs of one machine send three client identifiers; its MAC is who it is.
        "dhcp-ignore-clid",
        # By default it names itself as boot server to everybody.
        "dhcp-option=option:server-ip-address,0.0.0.0",
        *(["enable-tftp", f"tftp-root={tftp_root}"] if tftp_root else []),
        # Beside a site's server it would leave out UEFI over HTTP.
        *([f"dhcp-pxe-vendor={PXE},{HTTP}"] if any(network.mode == "proxy" for network in networks(fleet)) else []),
        *(line for network in networks(fleet) for line in _network(network)),
        *snippet(fleet),
        *(line for network in networks(fleet) for line in hosts(fleet, network)),
    ]
    return "\n".join(lines) + "\n"


def hosts(fleet: Fleet, network: Network) -> Iterator[str]:
    """The reservations on a network."""
    for card in reservations(fleet, network):
        # A node's address is the node's, whoever declines it in the node's name: it would be nobody's for ten minutes.
        # It never gives away its own address, and would take the master for a stranger.
        # The dot keeps a name like 12, 2h or ignore from being read as something else; it is not sent.
        yield "dhcp-host=" + (f"{card.mac},tag:!says/decline,set:{card.plan},{card.ip},{card.name}." if card.plan else f"{card.mac},ignore")


def _network(network: Network) -> Iterator[str]:
    cidr, tag = ipaddress.IPv4Network(network.cidr), f"tag:{network.interface}"
    yield f"# {network.name}"
    if network.mode == "proxy":
        yield f"dhcp-range={cidr.network_address},proxy,{cidr.netmask}"
        # Without a prompt there is no answer at all.
        yield f'pxe-prompt={tag},"boot",0'
        yield f"dhcp-ignore={tag},tag:!told/something"
        return
    first, last = network.pool if network.pool and answers_strangers(network) else (cidr.network_address, "static")
    yield f"dhcp-range={first},{last},{cidr.netmask},{cidr.broadcast_address},{network.lease_time}"
    if not answers_strangers(network):
        yield f"dhcp-ignore={tag},tag:!known"
    said = {number: values for number, _name, values in options(network)}
    # An option without a value is not sent; otherwise dnsmasq would name itself as router.
    for number, values in ({3: ()} | said).items():
        yield ",".join([f"dhcp-option={tag}", str(number), *values])


def snippet(fleet: Fleet) -> Iterator[str]:
    """How machines are recognised, and what each is told to boot."""
    yield "# What machines say"
    yield "dhcp-match=set:says/decline,53,4b"
    for name in IPXE_CLASSES:
        yield f"dhcp-match=set:says/iPXE,77,{name.hex(':')}"
    yield f"dhcp-match=set:says/iPXE,{IPXE_OPTION}"
    for vendor in (PXE, HTTP):
        yield f"dhcp-match=set:says/{vendor},60,{vendor.encode().hex(':')}"
    for client in CLIENTS:
        for code in client.codes:
            yield f"dhcp-match=set:arch/{client.name},option:client-arch,{code}"
    for client in CLIENTS:
        yield f"tag-if=set:client/{client.name},{','.join(_recognised(client))}"
    for plan in plans(fleet):
        yield f"# {plan.name}"
        if plan.boot == "unknown":
            yield f"tag-if=set:{plan.name},tag:{fleet.networks[plan.network].interface},tag:!known"
        for client, answer in answers(fleet, plan):
            who = f"tag:{plan.name},tag:client/{client.name}"
            yield f"tag-if=set:told/something,{who}"
            yield f"dhcp-boot={who},{answer.file},,{answer.next_server}"
            for number, value in answer.options.items():
                yield f"dhcp-option-force={who},{number},{value.hex(':')}"


def _recognised(client: Client) -> Iterator[str]:
    yield "tag:says/iPXE" if client.is_ipxe else "tag:!says/iPXE"
    if client.vendor:
        yield f"tag:says/{client.vendor}"
    if client.codes:
        yield f"tag:arch/{client.name}"
    for rival in rivals(client):
        yield f"tag:!client/{rival.name}"
