"""What all DHCP servers have in common. That they understand it is asked of the servers themselves, in tests/conformance."""

from __future__ import annotations

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _dhcp, _dnsmasq, _isc, _kea

PRINTERS = {"kea": _kea.config, "dnsmasq": _dnsmasq.config, "isc": _isc.config}
BIOS = {"next_server": "10.0.33.1", "file": "/undionly.kpxe"}


@pytest.mark.parametrize("name", PRINTERS)
def test_a_node_is_a_line_so_that_a_diff_shows_it(inventory, name):
    few = PRINTERS[name](inventory().node("node1").node("node2").parse()).splitlines()
    more = PRINTERS[name](inventory().node("node1").node("node2").node("node3").parse()).splitlines()
    assert len(more) == len(few) + 1
    assert len([line for line in more if "node3" in line]) == 1


@pytest.mark.parametrize(("root", "lines"), [("", []), ("/srv/tftp", ["enable-tftp", "tftp-root=/srv/tftp"])])
def test_dnsmasq_serves_files_where_it_shall(fleet, root, lines):
    assert [line for line in _dnsmasq.config(fleet, root).splitlines() if "tftp" in line] == lines


def test_the_probe_asks_for_what_the_first_and_the_last_node_must_get(inventory):
    fleet = inventory().node("node1", netboot_state="absent").node("node2").node("node3").node("node4").parse()
    assert _dhcp.probe(fleet)["dhcp"]["questions"] == [
        {"node": "node2", "interface": "eth1", "mac": "52:54:00:00:00:02", "address": "10.0.33.12", **BIOS},
        {"node": "node4", "interface": "eth1", "mac": "52:54:00:00:00:04", "address": "10.0.33.14", **BIOS},
    ]


def test_the_probe_of_a_node_that_boots_its_disk_wants_an_address_and_nothing_else(inventory):
    [question] = _dhcp.probe(inventory().node("node1", netboot_profile="local").parse())["dhcp"]["questions"]
    assert (question["address"], question["next_server"], question["file"]) == ("10.0.33.11", "0.0.0.0", "")


def test_beside_the_site_s_server_the_probe_wants_no_address(inventory):
    fleet = inventory({"mode": "proxy", "pool": None}).node("node1", netboot_profile="local").node("node2").parse()
    [question] = _dhcp.probe(fleet)["dhcp"]["questions"]
    assert question == {"node": "node2", "interface": "eth1", "mac": "52:54:00:00:00:02", "address": "0.0.0.0", **BIOS}


def test_without_nodes_there_is_nothing_to_ask(inventory):
    assert _dhcp.probe(inventory().parse()) == {}
