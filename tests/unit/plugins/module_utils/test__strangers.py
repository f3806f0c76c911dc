"""Machines that nobody knows, and the inventory that has them."""

from __future__ import annotations

import ipaddress

import pytest
import yaml
from ansible_collections.bootyard.netboot.plugins.module_utils._sightings import Sighting
from ansible_collections.bootyard.netboot.plugins.module_utils._strangers import inventory as written
from ansible_collections.bootyard.netboot.plugins.module_utils._strangers import strangers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

NEW, OTHER = "52:54:00:00:99:01", "52:54:00:00:99:02"
UUID = "4c4c4544-0042-4a10-8056-b4c04f395931"
printable = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=64)


def seen(*macs: str, at: int = 100, by: str = "Kea", ip: str = "10.0.33.20", **more) -> Sighting:
    return Sighting(macs, at, by, ip, **more)


def test_the_latest_word_counts(fleet):
    sightings = [
        seen(NEW, at=300, by="iPXE", details={"uuid": UUID}),
        seen(NEW, at=100, details={"name": "pc7"}),
        seen(NEW, at=200, ip="10.0.33.21", details={"name": "pc8"}),
    ]
    [machine] = strangers(fleet, sightings)
    assert machine == {
        "macs": [NEW],
        "network": "lab",
        "ip": "10.0.33.3",
        "at": "10.0.33.20",
        "seen": 300,
        "by": ["Kea", "iPXE"],
        "name": "pc8",
        "uuid": UUID,
    }


def test_nobody_is_given_the_address_that_another_has(fleet):
    found = strangers(fleet, [seen(NEW, ip="10.0.33.20"), seen(OTHER, ip="10.0.33.3")])
    assert [machine["ip"] for machine in found] == ["10.0.33.4", "10.0.33.5"]


def test_cards_of_one_machine_are_joined_in_whatever_order_they_are_seen(fleet):
    sightings = [seen(NEW), seen(OTHER, at=101), seen(OTHER, NEW, at=102, by="iPXE")]
    for order in (sightings, sightings[::-1]):
        assert [machine["macs"] for machine in strangers(fleet, order)] == [[OTHER, NEW]]


@pytest.mark.parametrize("card", ["52:54:00:00:00:01", "52:54:00:00:0a:02"])
def test_a_machine_with_a_card_that_is_known_is_known(fleet, card):
    assert strangers(fleet, [seen(card), seen(NEW, card)]) == []


def test_the_master_and_absent_nodes_are_known(inventory):
    fleet = inventory(netboot_mac=None).node("node1", netboot_state="absent").parse()
    assert strangers(fleet, [seen("52:54:00:00:00:01")]) == []
    inventory = inventory()
    inventory.hosts["head"]["netboot_mac"] = NEW
    assert strangers(inventory.parse(), [seen(NEW)]) == []


def test_addresses_are_free_and_differ(inventory):
    fleet = (
        inventory({"cidr": "10.0.33.0/29", "pool": "10.0.33.3-10.0.33.4", "dns": "10.0.33.2"}).node("node1", netboot_ip="10.0.33.5").parse()
    )
    machines = strangers(fleet, [seen(mac, ip="10.0.33.3") for mac in (OTHER, NEW)])
    assert [(machine["macs"], machine["ip"]) for machine in machines] == [([NEW], "10.0.33.6"), ([OTHER], "")]


def test_the_network_is_that_of_the_address_or_of_the_interface(fleet):
    found = [seen(NEW, ip="", interface="eth1"), seen(OTHER, ip="192.0.2.7")]
    assert [(machine["macs"], machine["network"]) for machine in strangers(fleet, found)] == [([OTHER], ""), ([NEW], "lab")]


def test_nobody_is_no_inventory():
    assert written([]) == ""


def test_what_is_written_says_who_it_may_be(fleet):
    details = {"name": "pc7", "product": "R640", "serial": "AB1", "arch": "x86_64", "uuid": UUID}
    machines = strangers(fleet, [seen(OTHER, NEW, at=1795348800, by="iPXE", details=details), seen("52:54:00:00:99:03", ip="192.0.2.7")])
    assert (
        written(machines)
        == f"""\
slaves:
  hosts:
    # Last seen 1970-01-01 00:01 UTC at 192.0.2.7 by Kea
    node-525400009903:
      netboot_mac: "52:54:00:00:99:03"
      # netboot_ip: it is on no network of the master, or no address is free
    # Last seen 2026-11-22 12:00 UTC at 10.0.33.20 by iPXE
    # It says: name pc7, product R640, serial AB1, arch x86_64
    node-525400009902:
      netboot_mac: ["{OTHER}", "{NEW}"]
      netboot_ip: "10.0.33.3"
      netboot_uuid: "{UUID}"
"""
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=st.lists(st.tuples(st.integers(0, 9), printable), max_size=5))
def test_what_is_written_is_an_inventory_that_the_fleet_takes(inventory, said):
    sightings = [seen(f"52:54:00:00:99:{number:02x}", details=dict.fromkeys(("name", "serial"), text)) for number, text in said]
    found = inventory().node("node1")
    hosts = (yaml.safe_load(written(strangers(found.parse(), sightings))) or {"slaves": {"hosts": {}}})["slaves"]["hosts"]
    assert len(hosts) == len({number for number, _text in said})
    found.hosts |= hosts
    assert all(ipaddress.ip_address(node.ip) for node in found.parse().nodes)
