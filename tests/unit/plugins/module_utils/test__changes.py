"""What an inventory takes from nodes that run, and which of them only got another name."""

from __future__ import annotations

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _changes, _records


def record(name, ip, state="ready"):
    return _records.Record(name, ip, "debian-12", "0001-0", "overlay", f"/srv/nfs/{name}", 1, state)


def test_a_node_loses_its_root_in_four_ways(inventory):
    made = inventory().node("node1").node("node2", netboot_ip="10.0.33.99").node("node3", netboot_profile="debian-ram")
    fleet = made.node("node4", netboot_state="absent").node("node7", netboot_renamed_from="node6").parse()
    names = [f"node{number}" for number in (1, 2, 3, 4, 5, 6)]
    records = {name: record(name, f"10.0.33.1{number}") for number, name in enumerate(names, 1)}
    assert _changes.losses(records, fleet) == {
        "node2": "changes its address to 10.0.33.99",
        "node3": "has the profile debian-ram now, which boots no root of its own",
        "node4": "left the inventory",
        "node5": "left the inventory",
        "node6": "becomes node7",
    }


@pytest.mark.parametrize("state", ["kept", "building"])
def test_a_root_that_is_not_served_is_lost_to_nobody(inventory, state):
    fleet = inventory().node("node1", netboot_profile="debian-ram").parse()
    assert _changes.losses({"node1": record("node1", "10.0.33.11", state)}, fleet) == {}


KNOWN = {"node1": {"52:54:00:00:00:aa", "52:54:00:00:00:bb"}}


@pytest.mark.parametrize(
    ("variables", "retired", "said"),
    [
        ({"netboot_mac": "52:54:00:00:00:bb"}, [], True),
        ({"netboot_mac": ["52:54:00:00:00:cc", "52-54-00-00-00-AA"]}, [], True),
        ({"netboot_mac": "52:54:00:00:00:cc"}, [], False),
        ({"netboot_mac": "52:54:00:00:00:bb"}, ["node1"], False),
        ({"netboot_mac": "52:54:00:00:00:bb", "netboot_renamed_from": "node1"}, [], False),
        ({"netboot_mac": "52:54:00:00:00:bb", "netboot_state": "absent"}, [], False),
    ],
    ids=["renamed", "by a second card", "another machine", "the old one is gone", "told", "absent"],
)
def test_a_machine_that_comes_back_under_another_name_is_noticed(inventory, variables, retired, said):
    fleet = inventory().node("node7", **variables).node("other").parse()
    found = _changes.renamed(KNOWN, fleet, retired)
    assert len(found) == said
    if said:
        assert found[0].startswith("node1 left the inventory, and its MAC address 52:54:00:00:00:")
        assert "set netboot_renamed_from: node1 on node7" in found[0]
        assert """-e '{"netboot_allow_removal": ["node1"]}'""" in found[0]


def test_a_card_that_moved_between_nodes_that_are_there_is_nobodys_new_name(inventory):
    fleet = inventory().node("node1").node("node7", netboot_mac="52:54:00:00:00:bb").parse()
    assert _changes.renamed(KNOWN, fleet, []) == []
    fleet = inventory().node("node1", netboot_state="absent").node("node7", netboot_mac="52:54:00:00:00:bb").parse()
    assert _changes.renamed(KNOWN, fleet, []) == []
