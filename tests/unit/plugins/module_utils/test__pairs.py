"""Which pairs of addresses and cards the rules know; what they do to frames is tested in tests/conformance."""

from __future__ import annotations

import re

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _pairs

NETWORKS = {
    "lab": {"cidr": "10.0.33.0/24", "address": "10.0.33.1", "interface": "eth1"},
    "site": {"cidr": "10.0.34.0/24", "address": "10.0.34.1", "interface": "eth2", "mode": "proxy"},
}


@pytest.fixture
def fleet(inventory):
    cluster = inventory(netboot_networks=NETWORKS)
    cluster.hosts["head"]["netboot_networks"] = NETWORKS
    cluster.node("node1").node("node2", netboot_mac=["52:54:00:00:00:02", "52-54-00-00-0A-02"]).node("node3", netboot_state="absent")
    return cluster.node("there", netboot_ip="10.0.34.14").parse(interfaces={"eth1": ["10.0.33.1/24"], "eth2": ["10.0.34.1/24"]})


def defined(text, name):
    body = re.search(rf"^define {name} = {{\n(.*?)\n}}", text, re.MULTILINE | re.DOTALL)
    return [line.strip().rstrip(",") for line in body[1].splitlines()] if body else []


def test_each_card_of_a_node_is_bound_to_its_address_and_interface(fleet):
    text = _pairs.rules(fleet, ["lab"])
    assert defined(text, "addresses") == ["10.0.33.11", "10.0.33.12"]
    assert defined(text, "pairs") == [
        '"eth1" . 52:54:00:00:00:01 . 10.0.33.11',
        '"eth1" . 52:54:00:00:00:02 . 10.0.33.12',
        '"eth1" . 52:54:00:00:0a:02 . 10.0.33.12',
    ]
    assert defined(_pairs.rules(fleet, ["lab", "site"]), "pairs")[-1] == '"eth2" . 52:54:00:00:00:04 . 10.0.34.14'


@pytest.mark.parametrize("networks", [[], ["lab"]])
def test_without_nodes_the_tables_only_go(inventory, networks):
    text = _pairs.rules(inventory().parse(), networks)
    assert [line for line in text.splitlines() if not line.startswith("#")] == [
        f"{word} {family} bootyard_pairs" for family in ("ip", "arp") for word in ("table", "delete table")
    ]
    assert _pairs.probe(inventory().parse(), networks) == {}


def test_every_change_changes_what_the_probe_wants(fleet, inventory):
    fleets = [(fleet, ["lab"]), (fleet, ["lab", "site"]), (inventory().node("node1").parse(), ["lab"])]
    wanted = [_pairs.probe(*each)["nftables"]["text"] for each in fleets]
    assert len(set(wanted)) == 3
    for text, each in zip(wanted, fleets, strict=True):
        assert f'comment "{text}"' in _pairs.rules(*each)


def test_a_network_that_is_none_is_named(fleet):
    with pytest.raises(
        ValueError, match=r"network_pair_filter = \['lob'\]: is not a network; expected names of netboot_networks: lab, site"
    ):
        _pairs.rules(fleet, ["lob"])
