"""Ansible's variables and facts in, plain data out."""

from __future__ import annotations

import json

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.bootyard.netboot.plugins.filter import fleet as filter_fleet
from ansible_collections.bootyard.netboot.plugins.module_utils._fleet import Fleet

# As Ansible 2.19 gathers them: dashes in names become underscores, dots stay, a label has a fact without a device.
FACTS = {
    "interfaces": ["lo", "eth0.33", "br-lab", "eth0_1", "down"],
    "lo": {"device": "lo", "ipv4": {"address": "127.0.0.1", "prefix": "8"}},
    "eth0.33": {
        "device": "eth0.33",
        "ipv4": {"address": "10.0.33.1", "prefix": "24"},
        "ipv4_secondaries": [{"address": "10.0.44.1", "prefix": "24"}],
    },
    "br_lab": {"device": "br-lab", "ipv4": {"address": "192.0.2.1", "prefix": "28"}},
    "eth0_1": {"ipv4_secondaries": [{"address": "10.0.44.1", "prefix": "24"}]},
    "down": {"device": "down"},
}


def test_facts_become_interfaces():
    assert filter_fleet.interface_addresses(FACTS) == {
        "lo": ["127.0.0.1/8"],
        "eth0.33": ["10.0.33.1/24", "10.0.44.1/24"],
        "br-lab": ["192.0.2.1/28"],
        "down": [],
    }


def test_the_fleet_is_plain_data(inventory):
    hosts = inventory({"interface": None}).node("node1").hosts
    found = filter_fleet.FilterModule().filters()["fleet"](hosts, ["node1"], "head", FACTS)
    assert json.loads(json.dumps(found)) == found
    assert Fleet.from_dict(found).networks["lab"].interface == "eth0.33"


@pytest.mark.parametrize("interface", ["eth7", ""])
def test_the_interface_may_come_from_the_environment(inventory, interface):
    hosts = inventory({"interface": None}).hosts
    if interface:
        assert filter_fleet.fleet(hosts, [], "head", None, interface)["networks"]["lab"]["interface"] == interface
    else:
        with pytest.raises(AnsibleFilterError, match="NETBOOT_INTERFACE"):
            filter_fleet.fleet(hosts, [], "head", None, interface)


def test_all_faults_reach_the_operator(inventory):
    hosts = inventory().node("node1").node("node2", netboot_mac="525400000001", netboot_ip="10.0.33.25").hosts
    with pytest.raises(AnsibleFilterError, match=r"(?s)2 faults; nothing was changed:.*10\.0\.33\.25.*node1's too"):
        filter_fleet.fleet(hosts, ["node1", "node2"], "head")


def test_a_node_named_absent_is_absent(inventory):
    hosts = inventory().node("node1").node("node2").hosts
    found = filter_fleet.fleet(hosts, ["node1", "node2"], "head", absent=["node2"])
    assert (found["present"], found["absent"]) == (["node1"], ["node2"])
