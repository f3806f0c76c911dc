"""The master's address as its network manager wants it, everything derived from the network."""

from __future__ import annotations

import configparser

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _interfaces


@pytest.mark.parametrize(
    ("network", "netmask", "broadcast"),
    [
        ({}, "255.255.255.0", "10.0.33.255"),
        ({"cidr": "10.0.33.0/28", "address": "10.0.33.14", "gateway": None, "pool": None}, "255.255.255.240", "10.0.33.15"),
    ],
)
def test_ifupdown(inventory, network, netmask, broadcast):
    [(path, text)] = _interfaces.ifupdown(inventory(network).parse()).items()
    assert path == "/etc/network/interfaces.d/bootyard"
    assert [line.split() for line in text.splitlines()] == [
        ["auto", "eth1"],
        ["iface", "eth1", "inet", "static"],
        ["address", network.get("address", "10.0.33.1")],
        ["netmask", netmask],
        ["network", "10.0.33.0"],
        ["broadcast", broadcast],
    ]


def test_networkd(fleet):
    [(path, text)] = _interfaces.networkd(fleet).items()
    unit = configparser.ConfigParser()
    unit.optionxform = str
    unit.read_string(text)
    assert path == "/etc/systemd/network/20-bootyard-lab.network"
    assert {name: dict(unit[name]) for name in unit.sections()} == {
        "Match": {"Name": "eth1"},
        "Link": {"MTUBytes": "1400"},
        "Network": {"Address": "10.0.33.1/24", "LinkLocalAddressing": "no", "IPv6AcceptRA": "no"},
    }


def test_an_mtu_only_where_one_is_given(inventory, fleet):
    assert "mtu 1400" in str(_interfaces.ifupdown(fleet))
    assert "mtu" not in str(_interfaces.MANAGERS["ifupdown"](inventory().parse())).lower()
    assert "mtu" not in str(_interfaces.MANAGERS["networkd"](inventory().parse())).lower()
