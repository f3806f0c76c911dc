"""Every name has its real address."""

from __future__ import annotations

from ansible_collections.bootyard.netboot.plugins.module_utils import _names


def test_the_master_and_every_node(fleet):
    assert _names.hosts(fleet).splitlines() == [
        "10.0.33.1 head.cluster head",
        "10.0.33.11 node1.cluster node1",
        "10.0.33.12 node2.cluster node2",
    ]


def test_names_without_a_domain_and_absent_nodes(inventory):
    fleet = inventory().node("node1", netboot_state="absent").node("node2").parse()
    assert _names.hosts(fleet) == "10.0.33.1 head\n10.0.33.12 node2\n"


def test_host_keys_by_every_name(fleet, roots):
    del roots["node2"]
    assert _names.known_hosts(fleet, roots) == "node1,node1.cluster,10.0.33.11 ssh-ed25519 AAAA1\n"
