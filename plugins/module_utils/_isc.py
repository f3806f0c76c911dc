# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""The fleet as ISC's dhcpd wants it (dhcpd.conf(5), dhcp-eval(5)). Pure.

Who follows one plan is in one group, and strangers are in their pool; both hold the same kind of chain, in which the
first condition that a machine meets decides.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator

from ._bootchain import Plan, answer, plans
from ._dhcp import ARCHITECTURES, DECLINED_FOR, IPXE_CLASSES, IPXE_OPTION, Reservation, answers_strangers, networks, options, reservations
from ._fleet import Fleet, Network
from ._loaders import CLIENTS, Client

#: Names of the options that go with an answer.
_NAMES = {60: "vendor-class-identifier", 43: "vendor-encapsulated-options", 209: "loader-configfile", 210: "loader-pathprefix"}


def config(fleet: Fleet) -> str:
    """The text of dhcpd.conf, with one line a host."""
    lines = [
        "# Written by bootyard.netboot, changes are lost.",
        "authoritative;",
        "ddns-update-style none;",
        # ROM, boot loader and initramfs of one machine send three client identifiers; its MAC is who it is.
        "ignore-client-uids true;",
        # Who asks again soon is told the whole lease time, not what is left of it.
        "dhcp-cache-threshold 0;",
        # An address with a reservation is no lease, and cannot be declined.
        f"abandon-lease-time {DECLINED_FOR};",
        *definitions(),
        *(line for network in networks(fleet) for line in _subnet(fleet, network)),
        *groups(fleet),
    ]
    return "\n".join(lines) + "\n"


def groups(fleet: Fleet) -> Iterator[str]:
    """All hosts, those of each plan with what they are told."""
    cards = [card for network in networks(fleet) for card in reservations(fleet, network)]
    yield from _hosts(card for card in cards if not card.plan)
    for plan in plans(fleet):
        if mine := [card for card in cards if card.plan == plan.name]:
            yield f"# {plan.name}"
            yield "group {"
            yield from _indented([*told(fleet, plan), *_hosts(mine)])
            yield "}"


def definitions() -> list[str]:
    """Options that dhcpd does not know, or knows as a single number."""
    return ["option architectures code 93 = array of unsigned integer 16;", f"option ipxe code {IPXE_OPTION} = string;"]


def told(fleet: Fleet, plan: Plan) -> Iterator[str]:
    """The chain of conditions that tells every kind of client what to boot; a client that is told nothing ends it, too."""
    word = "if"
    for client in CLIENTS:
        said = answer(fleet, plan, client)
        yield f"{word} ({_recognised(client)}) {{"
        if said:
            yield f"  next-server {said.next_server};"
            yield from [f'  filename "{said.file}";'] if said.file else []
            yield from (f"  option {_NAMES[number]} = {value.hex(':')};" for number, value in said.options.items())
            # It sends no option that it is not asked for.
            wanted = ":".join(f"{number:02x}" for number in said.options)
            if wanted:
                yield f"  option dhcp-parameter-request-list = concat(option dhcp-parameter-request-list, {wanted});"
        word = "} elsif"
    yield "}"


def _recognised(client: Client) -> str:
    ipxe = [_begins("user-class", name) for name in IPXE_CLASSES] + ["exists ipxe"]
    tests = [_any(ipxe) if client.is_ipxe else f"not {_any(ipxe)}"]
    if client.vendor:
        tests.append(_begins("vendor-class-identifier", client.vendor.encode()))
    if client.codes:
        said = [f"substring(option architectures, {2 * element}, 2)" for element in range(ARCHITECTURES)]
        tests.append(_any([f"{element} = {code.to_bytes(2, 'big').hex(':')}" for code in client.codes for element in said]))
    return " and ".join(tests)


def _begins(option: str, text: bytes) -> str:
    return f"substring(option {option}, 0, {len(text)}) = {text.hex(':')}"


def _any(tests: list[str]) -> str:
    return f"({' or '.join(tests)})"


def _subnet(fleet: Fleet, network: Network) -> Iterator[str]:
    cidr = ipaddress.IPv4Network(network.cidr)
    yield f"# {network.name}"
    yield f"subnet {cidr.network_address} netmask {cidr.netmask} {{"
    yield f"  default-lease-time {network.lease_time};"
    yield f"  max-lease-time {network.lease_time};"
    for _number, name, values in options(network):
        text = f'"{values[0]}"' if name == "domain-name" else ", ".join(values)
        yield f"  option {name} {text};"
    if network.pool and answers_strangers(network):
        strangers = [plan for plan in plans(fleet) if plan.network == network.name and plan.boot == "unknown"]
        yield "  pool {"
        yield f"    range {network.pool[0]} {network.pool[1]};"
        yield from _indented((line for plan in strangers for line in told(fleet, plan)), 4)
        yield "  }"
    yield "}"


def _hosts(cards: Iterable[Reservation]) -> Iterator[str]:
    for card in cards:
        # The names of these blocks must differ, and the master has one on each network.
        block = card.name if card.plan else f"{card.ip}-{card.mac.replace(':', '-')}"
        yield f'host {block} {{ hardware ethernet {card.mac}; fixed-address {card.ip}; option host-name "{card.name}"; }}'


def _indented(lines: Iterable[str], width: int = 2) -> Iterator[str]:
    return (f"{' ' * width}{line}" for line in lines)
