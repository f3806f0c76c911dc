"""Each DHCP server, the real one, tells every kind of machine what the table says, and nothing else."""

from __future__ import annotations

import dataclasses
import functools
import ipaddress
import time

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _dhcp, _fleet, _services
from dhcp_fleet import CARDS, MASTER, NETWORKS, PROFILES, STRANGER, made
from dhcp_questions import disagreements, of_machine
from dhcp_servers import SERVERS
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st


def questions(name, cards=None):
    """What all cards ask. dnsmasq gives away no address of its own machine, so the master's card hears nothing of it."""
    for network, macs in (CARDS if cards is None else cards).items():
        for mac in macs:
            if (mac, name) != (MASTER, "dnsmasq"):
                yield from of_machine(network, mac)


@pytest.mark.parametrize("name", SERVERS)
def test_every_kind_of_machine_is_told_what_the_table_says(machine, name, count):
    fleet = made()
    SERVERS[name].serve(machine, fleet)
    asked = list(questions(name))
    count(f"{name} on {machine.suite}", len(asked), disagreements(fleet, asked))


@pytest.mark.parametrize("name", SERVERS)
def test_a_stranger_who_asks_again_is_told_the_whole_lease_time(machine, name):
    fleet = made()
    SERVERS[name].serve(machine, fleet)
    asked = list(of_machine("offices", STRANGER))
    assert not disagreements(fleet, asked)
    time.sleep(2)
    assert not disagreements(fleet, asked)


@pytest.mark.parametrize("name", SERVERS)
def test_the_master_itself_can_ask_what_its_nodes_are_told(machine, name):
    fleet = made()
    SERVERS[name].serve(machine, fleet)
    assert len(_dhcp.probe(fleet)["dhcp"]["questions"]) == 4
    assert machine.inside(lambda: _services.probe(_dhcp.probe(fleet))) == 0
    other = dataclasses.replace(fleet, nodes=(*fleet.nodes, dataclasses.replace(fleet.nodes[-1], name="lost", macs=("52:54:00:00:00:09",))))
    assert machine.inside(lambda: _services.PROBES["dhcp"](**_dhcp.probe(other)["dhcp"]) or 1 / 0) == 0


# --- the comparison itself -------------------------------------------------------------------------------------------

#: What may go wrong in a printer, as changes of its text: each is spelt out for Kea, dnsmasq and ISC.
MUTATIONS = {
    "the files of two kinds are swapped": [("/snponly.efi", "@"), ("/undionly.kpxe", "/snponly.efi"), ("@", "/undionly.kpxe")],
    "option 175 is overlooked": [("option[175]", "option[176]"), ("iPXE,175", "iPXE,176"), ("code 175", "code 176")],
    "iPXE's class without a length is overlooked": [
        ("0x69505845", "0x79505845"),
        (",69:50:58:45", ",79:50:58:45"),
        ("= 69:50:58:45", "= 79:50"),
    ],
    "UEFI over HTTP hears another class": [
        ('"485454504', '"595454504'),
        ("uefi-http,60,48", "uefi-http,60,59"),
        ("identifier = 48:54:54:50:43:6c:69:65:6e:74;", "identifier = 59;"),
    ],
    "an architecture is another": [("0x0009", "0x0008"), ("client-arch,9", "client-arch,8"), ("= 00:09", "= 00:08")],
    "a node has another address": [("10.0.33.103", "10.0.33.113")],
    "the router is another": [("10.0.33.254", "10.0.33.253")],
}


@pytest.mark.parametrize("name", SERVERS)
def test_a_wrong_printer_is_found_out(machine, name):
    fleet, server = made(), SERVERS[name]
    cards = {"lab": ["52:54:00:00:00:01", "52:54:00:00:00:03"]}
    asked = list(questions(name, cards))
    for mutation, changes in MUTATIONS.items():
        server.serve(
            machine, fleet, lambda text, changes=changes: functools.reduce(lambda text, change: text.replace(*change), changes, text)
        )
        assert disagreements(fleet, asked), mutation
        machine.stop()


# --- any fleet -------------------------------------------------------------------------------------------------------

profiles = st.sampled_from(["debian-nfs", "local", *PROFILES])
kinds = st.fixed_dictionaries(
    {"unknown": st.sampled_from(_fleet.UNKNOWN_POLICIES), "lease_time": st.integers(120, 2**31 - 1)},
    optional={
        "gateway": st.just("10.0.33.254"),
        "domain": st.sampled_from(["a", "cluster.example", "0-0.xn--bcher-kva"]),
        "dns": st.lists(st.integers(1, 19).map("10.0.33.{}".format), max_size=3),
        "mtu": st.integers(576, 9000),
    },
)
labels = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9-]{0,20}[A-Za-z0-9])?", fullmatch=True)


@st.composite
def fleets(draw):
    """One network with any settings, and nodes with any names and profiles on it."""
    names = draw(st.lists(labels, min_size=1, max_size=6, unique_by=str.lower))
    nodes = {
        name: {
            "netboot_mac": f"52:54:00:00:01:{number:02x}",
            "netboot_ip": str(ipaddress.IPv4Address("10.0.33.100") + number),
            "netboot_profile": draw(profiles),
        }
        for number, name in enumerate(names)
    }
    nodes.pop("head", None)
    nodes["always"] = {"netboot_mac": "52:54:00:00:00:01", "netboot_ip": "10.0.33.99"}
    return made({"lab": {**NETWORKS["lab"], **draw(kinds)}}, nodes)


@pytest.mark.parametrize("name", SERVERS)
def test_any_fleet_is_accepted_and_served(machine, name):
    @settings(
        max_examples=8,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(fleets(), st.data())
    def served(fleet, data):
        machine.stop()
        SERVERS[name].serve(machine, fleet)
        everything = list(questions(name, {"lab": [node.macs[0] for node in fleet.nodes] + ["52:54:00:00:00:fe"]}))
        picked = data.draw(st.lists(st.sampled_from(everything), min_size=40, max_size=40))
        wrong = disagreements(fleet, picked)
        assert not wrong, "\n".join(map(str, wrong[:3]))

    served()
