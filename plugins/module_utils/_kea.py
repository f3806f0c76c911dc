# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""The fleet as Kea's DHCPv4 server wants it (Kea Administrator Reference Manual, "The DHCPv4 Server"). Pure.

A machine is in the class of its kind (C(client/…)); its reservation puts it into the class of its plan; who is in both is
told what to boot. A boot file in a reservation would beat all classes.
"""

from __future__ import annotations

import json
from typing import Any

from ._bootchain import Answer, Plan, answers, plans
from ._dhcp import ARCHITECTURES, DECLINED_FOR, IPXE_CLASSES, IPXE_OPTION, answers_strangers, networks, options, reservations, rivals
from ._fleet import Fleet, Network
from ._loaders import CLIENTS, Client

VENDOR_OPTIONS = 43


def config(fleet: Fleet) -> str:
    """The text of kea-dhcp4.conf, with one line a reservation so that a diff shows what happened to which node."""
    data: dict[str, Any] = {
        "interfaces-config": {
            "interfaces": [f"{network.interface}/{network.address}" for network in networks(fleet)],
            "dhcp-socket-type": "raw",
            # The interface may come up after the service.
            "service-sockets-max-retries": 60,
            "service-sockets-retry-wait-time": 1000,
        },
        "control-socket": {"socket-type": "unix", "socket-name": "/run/kea/kea4-ctrl-socket"},
        "lease-database": {"type": "memfile", "persist": True, "lfc-interval": 3600},
        "authoritative": True,
        # By default a day, and for reservations as well.
        "decline-probation-period": DECLINED_FOR,
        # ROM, boot loader and initramfs of one machine send three client identifiers; its MAC is who it is.
        "match-client-id": False,
        "host-reservation-identifiers": ["hw-address"],
        "reservations-in-subnet": True,
        "reservations-out-of-pool": True,
        "client-classes": classes(fleet),
        "loggers": [{"name": "kea-dhcp4", "severity": "INFO", "output_options": [{"output": "stdout"}]}],
        "subnet4": [_subnet(fleet, network, number) for number, network in enumerate(networks(fleet), 1)],
    }
    return dump({"Dhcp4": data})


def classes(fleet: Fleet) -> list[dict[str, Any]]:
    """The kinds of machines, the plans, what each kind in each plan is told, and who is told nothing at all."""
    found: list[dict[str, Any]] = [{"name": f"client/{client.name}", "test": _recognised(client)} for client in CLIENTS]
    for plan in plans(fleet):
        found.append({"name": plan.name, **({"test": _stranger(fleet.networks[plan.network])} if plan.boot == "unknown" else {})})
        found += [_told(plan, client, answer) for client, answer in answers(fleet, plan)]
    if closed := [_stranger(network) for network in networks(fleet) if not answers_strangers(network)]:
        found.append({"name": "DROP", "test": " or ".join(f"({test})" for test in closed)})
    return found


def _recognised(client: Client) -> str:
    ipxe = [f"{_begins(77, name)}" for name in IPXE_CLASSES] + [f"option[{IPXE_OPTION}].exists"]
    tests = [_any(ipxe) if client.is_ipxe else f"not {_any(ipxe)}"]
    if client.vendor:
        tests.append(_begins(60, client.vendor.encode()))
    if client.codes:
        said = [f"substring(option[93].hex, {2 * element}, 2)" for element in range(ARCHITECTURES)]
        tests.append(_any([f"{element} == 0x{code:04x}" for code in client.codes for element in said]))
    return " and ".join([*tests, *(f"not member('client/{rival.name}')" for rival in rivals(client))])


def _begins(option: int, text: bytes) -> str:
    return f"substring(option[{option}].hex, 0, {len(text)}) == 0x{text.hex()}"


def _any(tests: list[str]) -> str:
    return f"({' or '.join(tests)})"


def _stranger(network: Network) -> str:
    return f"member('UNKNOWN') and pkt.iface == '{network.interface}'"


def _told(plan: Plan, client: Client, answer: Answer) -> dict[str, Any]:
    # KNOWN makes Kea look at this after the reservation, which is what says who follows the plan.
    known = "" if plan.boot == "unknown" else "member('KNOWN') and "
    told: dict[str, Any] = {
        "name": f"{plan.name}/{client.name}",
        "test": f"{known}member('{plan.name}') and member('client/{client.name}')",
        "next-server": answer.next_server,
        "boot-file-name": answer.file,
    }
    if answer.options:
        told["option-data"] = [
            {"code": number, "csv-format": False, "data": value.hex(), "always-send": True} for number, value in answer.options.items()
        ]
        if VENDOR_OPTIONS in answer.options:
            # As bytes: Kea would take the options in it apart and drop their end mark.
            told["option-def"] = [{"name": "vendor-encapsulated-options", "code": VENDOR_OPTIONS, "type": "binary"}]
    return told


def _subnet(fleet: Fleet, network: Network, number: int) -> dict[str, Any]:
    return {
        "id": number,
        "subnet": network.cidr,
        "interface": network.interface,
        "valid-lifetime": network.lease_time,
        "option-data": [{"name": name, "data": ", ".join(values)} for _number, name, values in options(network)],
        # A node whose address is not to be had gets none, rather than one that its root is not exported to.
        "pools": [{"pool": " - ".join(network.pool), "client-class": "UNKNOWN"}] if network.pool and answers_strangers(network) else [],
        "reservations": reserved(fleet, network),
    }


def reserved(fleet: Fleet, network: Network) -> list[dict[str, Any]]:
    """The reservations of a subnet."""
    found = []
    for card in reservations(fleet, network):
        follows = {"client-classes": [card.plan]} if card.plan else {}
        found.append({"hw-address": card.mac, "ip-address": card.ip, "hostname": card.name, **follows})
    return found


def dump(data: Any, indent: int = 0) -> str:
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
    return dump(value, indent) if isinstance(value, (dict, list)) else json.dumps(value)
