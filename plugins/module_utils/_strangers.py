# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""Machines that were seen and are in no inventory, and an inventory that has them. Pure; nothing here adopts a machine."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from ._fleet import Fleet, Network
from ._sightings import Sighting


def strangers(fleet: Fleet, sightings: Iterable[Sighting]) -> list[dict[str, Any]]:
    """The unknown machines, sorted by network and MAC, each with an address that is free and no other stranger's.

    C(macs), the first being the card that boots; C(network) and C(ip), empty where there is none; C(seen), C(at), C(by); and what it
    said of itself.
    """
    known = {mac for node in fleet.nodes for mac in node.macs} | set(fleet.master_macs)
    machines = [machine for machine in _machines(sightings) if not known & set(machine["macs"])]
    for machine in machines:
        network = _network(fleet, machine)
        machine["network"] = network.name if network else ""
    machines.sort(key=lambda machine: (machine["network"], machine["macs"]))
    free = {name: _free(fleet, network) for name, network in fleet.networks.items()}
    # What a stranger has, whoever gave it, is not free.
    taken = {machine["at"] for machine in machines if "at" in machine}
    for machine in machines:
        machine["ip"] = next((ip for ip in free.get(machine["network"], ()) if ip not in taken), "")
        taken.add(machine["ip"])
    return machines


def inventory(machines: Iterable[Mapping[str, Any]], group: str = "slaves") -> str:
    """The machines as a YAML inventory, with what is known of each in a comment; nothing when there are none."""
    lines = [line for machine in machines for line in _host(machine)]
    return "\n".join([f"{group}:", "  hosts:", *lines]) + "\n" if lines else ""


def _machines(sightings: Iterable[Sighting]) -> list[dict[str, Any]]:
    """What was seen by machine: those that share a card are one, and the latest word counts."""
    of: dict[str, dict[str, Any]] = {}
    for sighting in sorted(sightings, key=lambda sighting: sighting.seen):
        old = {id(of[mac]): of[mac] for mac in sighting.macs if mac in of}.values()
        machine: dict[str, Any] = {"by": []}
        for earlier in old:
            machine |= earlier | {"by": machine["by"] + earlier["by"]}
        macs = [*sighting.macs, *(mac for earlier in old for mac in earlier["macs"])]
        said = {key: value for key, value in {"at": sighting.ip, "interface": sighting.interface}.items() if value}
        machine |= {**said, **sighting.details, "seen": sighting.seen, "macs": list(dict.fromkeys(macs))}
        machine["by"] = list(dict.fromkeys([*machine["by"], sighting.source]))
        of |= dict.fromkeys(machine["macs"], machine)
    return list({id(machine): machine for machine in of.values()}.values())


def _network(fleet: Fleet, machine: Mapping[str, Any]) -> Network | None:
    for network in fleet.networks.values():
        if "at" in machine and ipaddress.ip_address(machine["at"]) in ipaddress.ip_network(network.cidr):
            return network
    return next((network for network in fleet.networks.values() if network.interface == machine.get("interface")), None)


def _free(fleet: Fleet, network: Network) -> Iterator[str]:
    first, last = map(ipaddress.ip_address, network.pool or ("0.0.0.0", "0.0.0.0"))
    taken = {node.ip for node in fleet.nodes} | {network.address, network.gateway, *network.dns, *network.ntp}
    return (str(ip) for ip in ipaddress.ip_network(network.cidr).hosts() if not first <= ip <= last and str(ip) not in taken)


def _host(machine: Mapping[str, Any]) -> Iterator[str]:
    seen = datetime.fromtimestamp(machine["seen"], UTC).strftime("%Y-%m-%d %H:%M UTC")
    where = f" at {machine['at']}" if "at" in machine else ""
    yield f"    # Last seen {seen}{where} by {', '.join(machine['by'])}"
    if said := [f"{key} {machine[key]}" for key in ("name", "manufacturer", "product", "serial", "arch", "platform") if key in machine]:
        yield f"    # It says: {', '.join(said)}"
    yield f"    node-{machine['macs'][0].replace(':', '')}:"
    macs = machine["macs"]
    # JSON is YAML, in which nothing that a machine says can get out of its quotes.
    yield f"      netboot_mac: {json.dumps(macs[0] if len(macs) == 1 else macs)}"
    yield (
        f"      netboot_ip: {json.dumps(machine['ip'])}"
        if machine["ip"]
        else "      # netboot_ip: it is on no network of the master, or no address is free"
    )
    if "uuid" in machine:
        yield f"      netboot_uuid: {json.dumps(machine['uuid'])}"
