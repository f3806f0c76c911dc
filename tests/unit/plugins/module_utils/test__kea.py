"""Kea's configuration says what the beowulf manual wants; what Kea makes of it is asked of Kea, in tests/conformance."""

from __future__ import annotations

import json

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _kea


def parsed(fleet):
    return json.loads(_kea.config(fleet))["Dhcp4"]


def told(config):
    """The classes that are told something about booting."""
    return {item["name"]: item for item in config["client-classes"] if "next-server" in item}


def test_the_cluster_of_the_manual(fleet):
    [subnet] = parsed(fleet)["subnet4"]
    assert subnet["subnet"] == "10.0.33.0/24"
    assert subnet["pools"] == [{"pool": "10.0.33.20 - 10.0.33.30", "client-class": "UNKNOWN"}]
    assert subnet["valid-lifetime"] == 600
    assert {option["name"]: option["data"] for option in subnet["option-data"]} == {
        "routers": "10.0.33.1",
        "broadcast-address": "10.0.33.255",
        "domain-name": "cluster",
        "domain-name-servers": "10.0.33.1",
        "ntp-servers": "10.0.33.1, 10.0.33.2",
        "interface-mtu": "1400",
    }
    assert [(item["hostname"], item["hw-address"], item["ip-address"]) for item in subnet["reservations"]] == [
        ("node1", "52:54:00:00:00:01", "10.0.33.11"),
        ("node2", "52:54:00:00:00:02", "10.0.33.12"),
    ]


def test_only_nodes_are_told_what_to_boot(fleet):
    config = parsed(fleet)
    assert told(config)["lab/debian-nfs/auto/bios"]["boot-file-name"] == "/undionly.kpxe"
    for name, item in told(config).items():
        assert "member('KNOWN') and member('lab/debian-nfs/auto')" in item["test"], name
    assert all(item["client-classes"] == ["lab/debian-nfs/auto"] for item in config["subnet4"][0]["reservations"])
    rest = {key: value for key, value in config.items() if key != "client-classes"}
    assert "boot-file-name" not in str(rest)
    assert "next-server" not in str(rest)


def test_kea_listens_on_the_dedicated_interface_alone(fleet):
    assert parsed(fleet)["interfaces-config"]["interfaces"] == ["eth1/10.0.33.1"]


def test_nothing_to_say_is_not_said(inventory):
    network = parsed(inventory({"gateway": None}).node("node1").parse())["subnet4"][0]
    assert [option["name"] for option in network["option-data"]] == ["broadcast-address"]


@pytest.mark.parametrize("network", [{"unknown": "ignore"}, {"pool": None}])
def test_unknown_machines_get_nothing_where_they_shall_not(inventory, network):
    config = parsed(inventory(network).node("node1").parse())
    assert config["subnet4"][0]["pools"] == []
    assert config["client-classes"][-1] == {"name": "DROP", "test": "(member('UNKNOWN') and pkt.iface == 'eth1')"}


@pytest.mark.parametrize(
    ("network", "ip", "broadcast"),
    [
        ({"cidr": "10.0.33.0/28", "address": "10.0.33.14", "gateway": None, "pool": "10.0.33.6-10.0.33.10"}, "10.0.33.2", "10.0.33.15"),
        ({"cidr": "10.0.32.0/23", "address": "10.0.33.1"}, "10.0.32.255", "10.0.33.255"),
    ],
    ids=["/28", "/23"],
)
def test_everything_derives_from_the_network(inventory, network, ip, broadcast):
    config = parsed(inventory(network).node("node1", netboot_ip=ip).parse())
    assert {"name": "broadcast-address", "data": broadcast} in config["subnet4"][0]["option-data"]
    assert {item["next-server"] for item in told(config).values()} == {network["address"]}


def test_the_masters_own_card_and_absent_nodes(inventory):
    fleet = inventory().node("node1", netboot_state="absent").node("node2")
    fleet.hosts["head"]["netboot_mac"] = "52:54:00:00:aa:aa"
    reservations = parsed(fleet.parse())["subnet4"][0]["reservations"]
    assert [item["hostname"] for item in reservations] == ["head", "node2"]
    assert "client-classes" not in reservations[0]


def test_no_nodes_at_all(inventory):
    config = parsed(inventory().parse())
    assert config["subnet4"][0]["reservations"] == []
    assert told(config) == {}
