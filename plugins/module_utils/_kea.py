# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""The fleet as Kea's DHCPv4 server wants it (Kea Administrator Reference Manual, "The DHCPv4 Server"). Pure."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable
from typing import Any

from ._fleet import Fleet, Network, natural


def config(fleet: Fleet, boot_file: str) -> str:
    """The text of kea-dhcp4.conf, with one line a reservation so that a diff shows what happened to which node."""
    networks = sorted(fleet.networks.values(), key=lambda network: natural(network.name))
    data: dict[str, Any] = {
        "interfaces-config": {
            "interfaces": [f"{network.interface}/{network.address}" for network in networks],
            "dhcp-socket-type": "raw",
            # The interface may come up after the service.
            "service-sockets-max-retries": 60,
            "service-sockets-retry-wait-time": 1000,
        },
        "control-socket": {"socket-type": "unix", "socket-name": "/run/kea/kea4-ctrl-socket"},
        "lease-database": {"type": "memfile", "persist": True, "lfc-interval": 3600},
        "authoritative": True,
        # ROM, boot loader and initramfs of one machine send three client identifiers; its MAC is who it is.
        "match-client-id": False,
        "host-reservation-identifiers": ["hw-address"],
        "reservations-in-subnet": True,
        "reservations-out-of-pool": True,
        # Only reservations name these classes, so an unknown machine is never told what to boot.
        "client-classes": [
            {"name": boot_class(network), "next-server": network.address, "boot-file-name": boot_file} for network in networks
        ],
        "loggers": [{"name": "kea-dhcp4", "severity": "INFO", "output_options": [{"output": "stdout"}]}],
        "subnet4": [_subnet(fleet, network, number) for number, network in enumerate(networks, 1)],
    }
    return _dump({"Dhcp4": data})


def probe(fleet: Fleet, boot_file: str) -> dict[str, dict[str, str]]:
    """A question to the running server and its right answer, for any node; nothing to ask when there is none."""
    for node in fleet.present[:1]:
        network = fleet.networks[node.network]
        answer = {"address": node.ip, "next_server": network.address, "file": boot_file}
        return {"dhcp": {"interface": network.interface, "mac": node.macs[0], **answer}}
    return {}


def boot_class(network: Network) -> str:
    """The name of the class whose members are told what to boot on a network."""
    return f"boot-{network.name}"


def _subnet(fleet: Fleet, network: Network, number: int) -> dict[str, Any]:
    subnet: dict[str, Any] = {
        "id": number,
        "subnet": network.cidr,
        "interface": network.interface,
        "valid-lifetime": network.lease_time,
        "option-data": [{"name": name, "data": data} for name, data in _options(network) if data],
        "pools": [],
    }
    if network.pool and network.unknown == "address":
        subnet["pools"] = [{"pool": " - ".join(network.pool)}]
    subnet["reservations"] = list(_reservations(fleet, network))
    return subnet


def _options(network: Network) -> Iterable[tuple[str, str]]:
    yield "routers", network.gateway or ""
    yield "broadcast-address", str(ipaddress.IPv4Network(network.cidr).broadcast_address)
    yield "domain-name", network.domain or ""
    yield "domain-name-servers", ", ".join(network.dns)
    yield "ntp-servers", ", ".join(network.ntp)
    yield "interface-mtu", str(network.mtu or "")


def _reservations(fleet: Fleet, network: Network) -> Iterable[dict[str, Any]]:
    for mac in fleet.master_macs:
        yield {"hw-address": mac, "ip-address": network.address, "hostname": fleet.master}
    for node in fleet.present:
        if node.network == network.name:
            # One address cannot be reserved twice, so a node's other cards find no address of their own here.
            yield {
                "hw-address": node.macs[0],
                "ip-address": node.ip,
                "hostname": node.name,
                "client-classes": [boot_class(network)],
            }


def _dump(data: Any, indent: int = 0) -> str:
    """JSON in which only mappings and lists that hold other ones are broken into lines."""
    nested = [value for value in (data.values() if isinstance(data, dict) else data) if isinstance(value, (dict, list))]
    if not nested or all(isinstance(value, list) and not any(isinstance(item, (dict, list)) for item in value) for value in nested):
        return json.dumps(data)
    pad, step = " " * (indent + 2), indent + 2
    if isinstance(data, dict):
        rows = [f"{json.dumps(key)}: {_value(value, step)}" for key, value in data.items()]
        opening, closing = "{", "}"
    else:
        rows = [_value(value, step) for value in data]
        opening, closing = "[", "]"
    return f"{opening}\n" + ",\n".join(pad + row for row in rows) + f"\n{' ' * indent}{closing}" + ("\n" if indent == 0 else "")


def _value(value: Any, indent: int) -> str:
    return _dump(value, indent) if isinstance(value, (dict, list)) else json.dumps(value)
