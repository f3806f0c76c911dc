"""What another DHCP server is to be told is accepted by that server, where it is one that can be asked."""

from __future__ import annotations

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils._snippets import snippet
from dhcp_fleet import CARDS, made
from dhcp_questions import disagreements, of_machine
from dhcp_servers import SERVERS, Server

SUBNETS = {"10.0.33.0": "eth1", "10.0.34.0": "eth2", "10.0.35.0": "eth3"}


def dhcpd(text):
    networks = "\n".join(f"subnet {address} netmask 255.255.255.0 {{}}" for address in SUBNETS)
    return {"/etc/dhcp/dhcpd.conf": f"{networks}\n{text}"}


def dnsmasq(text):
    mine = "\n".join(f"dhcp-range={address},static\ninterface={interface}" for address, interface in SUBNETS.items())
    return {"/etc/bootyard/dnsmasq.conf": f"port=0\nleasefile-ro\n{mine}\n{text}"}


def kea(text):
    """The parts of the snippet go where it says."""
    head, *rest = text.split("// and these to the subnet ")
    subnets = []
    for number, part in enumerate(rest, 1):
        cidr, reservations = part.split(":\n", 1)
        own = f'"id": {number}, "subnet": "{cidr}", "interface": "{SUBNETS[cidr.removesuffix("/24")]}"'
        subnets.append(f"{{{own}, {reservations}}}")
    interfaces = '"interfaces-config": {"interfaces": ["eth1", "eth2", "eth3"]}, "lease-database": {"type": "memfile", "persist": false}'
    return {"/etc/kea/kea-dhcp4.conf": f'{{"Dhcp4": {{{interfaces}, {head}, "subnet4": [{", ".join(subnets)}]}}}}'}


@pytest.mark.parametrize(("name", "around"), [("isc", dhcpd), ("dnsmasq", dnsmasq), ("kea", kea)])
def test_another_server_with_the_snippet_tells_nodes_what_the_table_says(machine, name, around):
    fleet, server = made(), SERVERS[name]
    checks = {path: command for path, command in server.checks.items() if path.endswith(".conf")}
    Server(name, lambda fleet: around(snippet(fleet, name)), checks, server.start).serve(machine, fleet)
    asked = [question for mac in CARDS["lab"][:6] for question in of_machine("lab", mac)]
    differ = [found for found in disagreements(fleet, asked) if booting(found.table) != booting(found.server)]
    assert not differ, "\n".join([f"{len(differ)} of {len(asked)}", *map(str, differ[:5])])


def booting(answer):
    """What an answer says about booting; the rest is the other server's own business."""
    # dnsmasq names itself as boot server to everybody, with nothing to boot.
    return answer and (answer["file"], answer["next_server"] if answer["file"] else "", answer["options"])
