# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""What a machine is told at each hop, and why: the one decision that DHCP servers, scripts and explain all print. Pure.

A machine is recognised as a L(Client) by what it says, and follows the L(Plan) of who it is; both together decide.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ._fleet import Fleet, Node
from ._loaders import CLIENTS, LOADERS_OF, OVER_HTTP, PXE, SCRIPT, Client

#: Options that PXELINUX takes its configuration's name and the prefix of all paths from (RFC 5071).
CONFIG_FILE, PATH_PREFIX = 209, 210


@dataclass(frozen=True, slots=True)
class Request:
    """What a machine says in DHCP on C(network): options 93, 60 and 77, and whether it sends iPXE's option 175."""

    network: str
    mac: str
    architectures: tuple[int, ...] = ()
    vendor_class: str = ""
    user_class: bytes = b""
    ipxe_options: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What it is told: C(file) is a path for TFTP, a URL, or nothing; C(options) are raw DHCP options by number."""

    reason: str
    file: str = ""
    next_server: str = ""
    options: Mapping[int, bytes] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether there is anything to tell about booting."""
        return bool(self.next_server)


@dataclass(frozen=True, slots=True)
class Plan:
    """How some machines of a network boot: whoever follows one plan gets the same answers.

    C(boot) is a kind of profile, or C(unknown) for machines that are not in the inventory.
    """

    name: str
    network: str
    boot: str
    loader: str
    options: Mapping[int, bytes] = field(default_factory=dict)


def plan_of(fleet: Fleet, node: Node) -> Plan:
    """The plan that a node follows, which it shares with all nodes of its network, profile and loader."""
    profile, loader = fleet.profiles[node.profile], fleet.loader_of(node)
    options = {CONFIG_FILE: profile.pxelinux_config, PATH_PREFIX: profile.pxelinux_prefix}
    raw = {number: text.encode() for number, text in options.items() if text}
    return Plan(f"{node.network}/{profile.name}/{loader}", node.network, profile.boot, loader, raw)


def unknown_plan(fleet: Fleet, network: str) -> Plan | None:
    """The plan of machines that are not in the inventory, where those shall boot at all."""
    if fleet.networks[network].unknown == "boot":
        return Plan(f"{network}/unknown", network, "unknown", "ipxe")
    return None


def plans(fleet: Fleet) -> list[Plan]:
    """Every plan that somebody may follow, in the order of their names."""
    found = {plan.name: plan for node in fleet.present for plan in [plan_of(fleet, node)]}
    found |= {plan.name: plan for network in fleet.networks for plan in [unknown_plan(fleet, network)] if plan}
    return [found[name] for name in sorted(found)]


def answers(fleet: Fleet, plan: Plan) -> Iterator[tuple[Client, Answer]]:
    """The plan's answer to every kind of client that it has something to tell."""
    for client in CLIENTS:
        if told := answer(fleet, plan, client):
            yield client, told


def answer(fleet: Fleet, plan: Plan, client: Client) -> Answer:
    """What a client of that kind is told if it follows that plan."""
    network = fleet.networks[plan.network]
    if plan.boot == "local":
        return Answer(f"{client.title}: its profile boots the local disk")
    if client.name == "rpi" and network.mode == "own":
        return Answer(f"{client.title}: it asks the TFTP server for files of its own", "", network.address, client.options)
    able = LOADERS_OF.get(plan.boot, ("ipxe",))
    runs = {loader: _binary(plan, file) for loader, file in client.files.items() if loader in able}
    there = {loader: file for loader, file in runs.items() if file == SCRIPT or file in fleet.binaries}
    if not there:
        missing = f"the master has no {' or '.join(runs.values())}" if runs else f"no loader for it boots {plan.boot}"
        return Answer(f"{client.title}: {missing}")
    loader = plan.loader if plan.loader in there else next(iter(there))
    why = f"{client.title}: loader {loader}"
    if plan.loader not in (loader, "auto"):
        why += f", as there is no {plan.loader} for it"
    file = there[loader]
    path = f"http://{network.address}/{file}" if file == SCRIPT or client.over_http else f"/{file}"
    options = {**client.options, **(plan.options if loader == "pxelinux" else {})}
    if network.mode == "proxy":
        # Clients tell a boot server by its class (PXE 2.1, "Proxy DHCP"), and dnsmasq has no room for more.
        options = {60: (client.vendor or PXE).encode()}
    return Answer(why, path, network.address, options)


def decide(fleet: Fleet, request: Request) -> Answer | None:
    """What the machine is told; None means that it gets no answer at all."""
    if fleet.networks[request.network].mode == "proxy":
        return _decide(fleet, request) or None
    return _decide(fleet, request)


def _decide(fleet: Fleet, request: Request) -> Answer | None:
    node = fleet.node_of(request.mac)
    if node and node.network == request.network and request.mac == node.macs[0]:
        plan = plan_of(fleet, node)
    elif request.mac in fleet.master_macs:
        return Answer("it is the master itself")
    else:
        network = fleet.networks[request.network]
        if network.unknown == "ignore" or not (network.pool or network.mode == "proxy"):
            return None
        plan = unknown_plan(fleet, request.network)
    if not plan:
        return Answer("it is not in the inventory: an address, and nothing to boot")
    client = recognise(request)
    if not client:
        return Answer("it is no kind of machine that is known here: an address, and nothing to boot")
    return answer(fleet, plan, client)


def recognise(request: Request) -> Client | None:
    """The kind of machine that a request comes from: the first of L(CLIENTS) that it can be."""
    return next((client for client in CLIENTS if _is(client, request)), None)


def is_ipxe(request: Request) -> bool:
    """iPXE sends its user class bare (RFC 3004 wants a length before it), and option 175; own builds add to the class."""
    return request.ipxe_options or request.user_class.startswith((b"iPXE", b"\x04iPXE"))


def _is(client: Client, request: Request) -> bool:
    if client.is_ipxe != is_ipxe(request):
        return False
    said = not client.codes or any(code in client.codes for code in request.architectures)
    return said and request.vendor_class.startswith(client.vendor)


def _binary(plan: Plan, file: str) -> str:
    return OVER_HTTP.get(file, file) if plan.boot == "http" else file
