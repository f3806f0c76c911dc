"""Nodes of an inventory as a pxe_hosts.json."""

from __future__ import annotations

import json

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.bootyard.netboot.plugins.filter.pxe_hosts import FilterModule

pxe_hosts = FilterModule().filters()["pxe_hosts"]


def test_nodes_become_hosts(inventory):
    found = inventory().node("node10", netboot_mac=["52-54-00-00-00-0A", "52-54-00-00-00-0B"]).node("node2", netboot_profile="flatcar")
    written = json.loads(pxe_hosts(found.node("gone", netboot_state="absent").hosts, ["node10", "node2", "gone"], {"stable": "flatcar"}))
    assert list(written["hosts"].values()) == [
        {"macaddr": "52:54:00:00:00:02", "$hostname": "node2", "channel": "stable"},
        {"macaddr": "52:54:00:00:00:0a", "$hostname": "node10", "channel": "debian-nfs"},
    ]


def test_what_has_no_place_is_named(inventory, monkeypatch):
    warnings = []
    monkeypatch.setattr("ansible.utils.display.Display.warning", lambda _self, message, *_args, **_options: warnings.append(message))
    pxe_hosts(inventory().node("node1", netboot_uuid="", netboot_bmc={"password": "x"}).hosts, ["node1"])
    assert warnings == ["pxe_hosts.json has no place for netboot_bmc, netboot_uuid; left out"]


@pytest.mark.parametrize(
    ("variable", "said"), [("netboot_mac", "node1: netboot_mac = None: is no MAC"), ("netboot_ip", "node1: netboot_ip is missing")]
)
def test_a_node_that_the_file_could_not_name_is_refused(inventory, variable, said):
    hosts = inventory().node("node1").hosts
    del hosts["node1"][variable]
    with pytest.raises(AnsibleFilterError, match=said):
        pxe_hosts(hosts, ["node1"])
