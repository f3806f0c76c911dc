"""A machine that speaks for others, or for thousands, takes no node's address away, on each real DHCP server.

Whoever is on the wire can send any frame: these tests do, with MACs of nodes and with MACs that nobody has.
"""

from __future__ import annotations

import dataclasses
import ipaddress

import daemons
import dhcp_load
import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _dhcp_wire
from dhcp_fleet import made
from dhcp_servers import PREPARE, SERVERS

DECLINE = 4
NODES = {node.macs[0]: node.ip for node in made().present if node.network == "lab"}


def decline(mac, address, server="10.0.33.1"):
    """What a client says that found its address in use: anybody can say it with anybody's MAC."""
    said = {50: ipaddress.IPv4Address(address).packed, 54: ipaddress.IPv4Address(server).packed}
    assert _dhcp_wire.ask("eth1", mac, DECLINE, said, timeout=0.3) is None


def lease(mac, timeout=3.0):
    answer = _dhcp_wire.lease("eth1", mac, _dhcp_wire.pxe_options(), timeout)
    return answer and answer.address


@pytest.mark.parametrize("name", SERVERS)
def test_a_decline_in_a_node_s_name_takes_nothing_from_it(machine, name):
    fleet, server = made(), SERVERS[name]
    daemon = server.serve(machine, fleet)
    for mac, address in NODES.items():
        assert lease(mac) == address
        decline(mac, address)
        # Kea rests it for a second, and has no other one for the node meanwhile.
        assert lease(mac, 0.5) in (None, address)
        assert daemons.eventually(4, lambda mac=mac: lease(mac, 1)) == address
    daemon.stop()
    machine.run("sh", "-euc", PREPARE)
    machine.start(*server.start)
    assert daemons.eventually(20, lambda: lease(next(iter(NODES)), 1) == next(iter(NODES.values())))
    assert [lease(mac) for mac in NODES] == list(NODES.values())


@pytest.mark.parametrize("name", SERVERS)
def test_addresses_of_the_pool_that_were_declined_come_back_within_seconds(machine, name):
    lab = {"cidr": "10.0.33.0/24", "address": "10.0.33.1", "interface": "eth1", "pool": "10.0.33.20-10.0.33.22"}
    fleet = made({"lab": lab}, {"node1": {"netboot_mac": "52:54:00:00:00:01", "netboot_ip": "10.0.33.101"}})
    SERVERS[name].serve(machine, fleet)
    for number in range(6):
        mac = f"02:00:00:00:00:{number:02x}"
        if address := lease(mac, 5):
            decline(mac, address)
    assert daemons.eventually(30, lambda: lease("02:00:00:00:01:00", 5))
    assert lease("52:54:00:00:00:01") == "10.0.33.101"


CROWD, POOL = 1200, 1000


@pytest.mark.parametrize("name", SERVERS)
def test_false_macs_that_take_every_address_of_the_pool_take_none_of_a_node(machine, name):
    fleet = crowd()
    dhcp_load.plug(machine)
    daemon = SERVERS[name].serve(machine, fleet)
    false = dhcp_load.load(machine, 3000, 400, 7, first="06:00:00:00:00:00")
    assert false.begun > false.done > POOL // 2
    assert daemon.alive
    first, *others = (node for node in fleet.nodes[::50])
    assert daemons.eventually(30, lambda: lease(first.macs[0]) == first.ip)
    assert {node.name: lease(node.macs[0]) for node in others} == {node.name: node.ip for node in others}


def crowd():
    """More nodes than dnsmasq's own thousand leases, beside a pool for others."""
    fleet = dhcp_load.fleet(CROWD)
    [(name, network)] = fleet.networks.items()
    last = str(ipaddress.IPv4Address("10.99.128.0") + POOL - 1)
    return dataclasses.replace(fleet, networks={name: dataclasses.replace(network, pool=("10.99.128.0", last))})
