# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""What to write into a DHCP server that is somebody else's, so that it tells machines the same as ours would. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from . import _dnsmasq, _isc, _kea
from ._bootchain import Plan, answers
from ._dhcp import IPXE_CLASSES, networks, reservations
from ._fleet import Fleet, Network


def snippet(fleet: Fleet, server: str) -> str:
    """The text for one of C(SERVERS)."""
    return "\n".join(SERVERS[server](fleet)) + "\n"


def _isc_dhcpd(fleet: Fleet) -> Iterator[str]:
    yield "# For dhcpd.conf, below what is there."
    yield from _isc.definitions()
    yield from _isc.groups(fleet)


def _kea_dhcp4(fleet: Fleet) -> Iterator[str]:
    yield "// For kea-dhcp4.conf: these belong to Dhcp4,"
    yield f'"match-client-id": false, "client-classes": {_kea.dump(_kea.classes(fleet)).rstrip()}'
    for network in networks(fleet):
        yield f"// and these to the subnet {network.cidr}:"
        yield f'"reservations": {_kea.dump(_kea.reserved(fleet, network)).rstrip()}'


def _dnsmasq_conf(fleet: Fleet) -> Iterator[str]:
    yield "# For a file that dnsmasq reads, such as one in /etc/dnsmasq.d."
    yield "dhcp-ignore-clid"
    for network in networks(fleet):
        yield from _dnsmasq.hosts(fleet, network)
    yield from _dnsmasq.snippet(fleet)


def _mikrotik(fleet: Fleet) -> Iterator[str]:
    """RouterOS 7.16: a matcher looks at one option. Its text of option 60 has the vendor and the architecture.

    It cannot tell nodes from other machines by what it says; whom they meet next is iPXE's script, which can.
    """
    for network in networks(fleet):
        yield f"# {network.name}: set the names of its DHCP server and pool on RouterOS in the next two lines."
        yield "# Every machine on the network is told what to boot. iPXE's script then tells nodes from others."
        yield "{"
        yield f':local server "{network.name}"'
        yield f':local pool "{network.name}"'
        for card in reservations(fleet, network):
            yield f"/ip dhcp-server lease add server=$server mac-address={card.mac.upper()} address={card.ip} comment={card.name}"
        for client, answer in answers(fleet, _everybody(network)):
            name = f"bootyard-{network.name}-{client.name}"
            said = {66: answer.next_server.encode(), 67: answer.file.encode(), **answer.options}
            for number, value in said.items():
                if value:
                    yield f"/ip dhcp-server option add name={name}-{number} code={number} value=0x{value.hex()} force=yes"
            sent = ",".join(f"{name}-{number}" for number, value in said.items() if value)
            yield f"/ip dhcp-server option sets add name={name} options={sent}"
            if client.name == "ipxe-bios":
                continue
            matches = [(60, f"{client.vendor}:Arch:{code:05d}") for code in client.codes]
            for code, text in matches or [(77, IPXE_CLASSES[0].decode())]:
                yield f'/ip dhcp-server matcher add name="{name}-{text}" server=$server address-pool=$pool code={code} value="{text}" ' + (
                    f"matching-type=substring option-set={name}"
                )
        yield f"/ip dhcp-server network set [find address={network.cidr}] next-server={network.address}"
        yield "}"


#: The fields of OPNsense's plugin for ISC's server, and the client whose file goes there.
_OPNSENSE_ISC = {
    "Default BIOS file name": "bios",
    "x86 UEFI (32-bit) file name": "uefi-ia32",
    "x64 UEFI/EBC (64-bit) file name": "uefi",
    "ARM 64-bit UEFI file name": "uefi-arm64",
    "iPXE boot file name": "ipxe",
}


def _opnsense(fleet: Fleet) -> Iterator[str]:
    yield "# OPNsense with Dnsmasq: put this into /usr/local/etc/dnsmasq.conf.d/bootyard.conf"
    yield from _dnsmasq_conf(fleet)
    yield "# OPNsense with Kea: its forms know one boot file for all. Choose the manual configuration, and edit kea-dhcp4.conf:"
    yield from _kea_dhcp4(fleet)
    for network in networks(fleet):
        files = {client.name: answer.file for client, answer in answers(fleet, _everybody(network))}
        yield f"# OPNsense with ISC DHCPv4: Services, ISC DHCPv4, the interface of {network.cidr}, Network booting"
        yield f"Next-server IP: {network.address}"
        yield from (f"{title}: {files[name]}" for title, name in _OPNSENSE_ISC.items() if name in files)


def _everybody(network: Network) -> Plan:
    return Plan(network.name, network.name, "unknown", "ipxe")


SERVERS: dict[str, Callable[[Fleet], Iterator[str]]] = {
    "isc": _isc_dhcpd,
    "kea": _kea_dhcp4,
    "dnsmasq": _dnsmasq_conf,
    "mikrotik": _mikrotik,
    "opnsense": _opnsense,
}
