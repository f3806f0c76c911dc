"""The nodes as the module that makes roots takes them."""

from __future__ import annotations

import pytest
from ansible_collections.bootyard.netboot.plugins.filter.root_nodes import root_nodes
from ansible_collections.bootyard.netboot.plugins.modules.node_roots import SPEC


def test_what_a_root_has_to_know(fleet):
    assert root_nodes(fleet.to_dict())[0] == {
        "name": "node1",
        "ip": "10.0.33.11",
        "macs": ["52:54:00:00:00:01"],
        "image": "debian-12",
        "master": "head",
        "server": "10.0.33.1",
        "quota": 16 << 30,
        "domain": "cluster",
        "dns": ["10.0.33.1"],
        "ntp": ["10.0.33.1", "10.0.33.2"],
    }


def test_the_module_takes_exactly_this(fleet):
    assert set(root_nodes(fleet.to_dict())[0]) == set(SPEC["nodes"]["options"])


@pytest.mark.parametrize(("selected", "names"), [([], ["node1", "node3"]), (["node3"], ["node3"]), (["node2"], [])])
def test_absent_and_unselected_nodes_are_left_out(inventory, selected, names):
    fleet = inventory().node("node1").node("node2", netboot_state="absent").node("node3").parse()
    assert [node["name"] for node in root_nodes(fleet.to_dict(), selected)] == names
