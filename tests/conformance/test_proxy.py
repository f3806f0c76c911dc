"""Beside the site's own DHCP server, dnsmasq says what to boot, and only to those whom the table says something."""

from __future__ import annotations

import contextlib
import socket
from dataclasses import replace

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _dhcp_wire
from ansible_collections.bootyard.netboot.plugins.module_utils._bootchain import decide
from dhcp_fleet import CARDS, NETWORKS, NODES, made
from dhcp_questions import Difference, ask, disagreements, of_machine
from dhcp_servers import SERVERS

PROXY = {"cidr": "10.0.33.0/24", "address": "10.0.33.1", "interface": "eth1", "mode": "proxy"}
#: What makes a BIOS take the file that it was told: discovery control and a prompt that waits for nobody.
PROMPT = b"\x06\x01\x08\x0a\x05\x00boot\xff"


def fleet_with(unknown):
    # Its channel cannot be told there.
    stable = {**NODES["stable"], "netboot_profile": "http"}
    return made({**NETWORKS, "lab": {**PROXY, "unknown": unknown}}, {**NODES, "stable": stable})


def asked():
    """What PXE and HTTP clients ask with; others never get an answer of a proxy."""
    for mac in CARDS["lab"]:
        for question in of_machine("lab", mac):
            if question.request.vendor_class.startswith(("PXEClient", "HTTPClient")) and question.request.architectures:
                yield question


def seen(answer):
    if answer is None:
        return None
    booting = {code: data for code, data in answer.options.items() if code not in (53, 54) and data != PROMPT}
    return answer.address, answer.next_server, answer.file, booting


def right(fleet, question):
    told = decide(fleet, question.request)
    if told is None or question.kind != _dhcp_wire.DISCOVER:
        return None
    # It repeats the class that was sent, also to an iPXE with an odd one, and leaves no room for other options.
    return "0.0.0.0", told.next_server, told.file, {60: question.request.vendor_class.split(":")[0].encode()}


@pytest.mark.parametrize("unknown", ["address", "boot"])
def test_a_proxy_adds_what_to_boot_and_disturbs_nobody(machine, unknown, count):
    fleet = fleet_with(unknown)
    SERVERS["dnsmasq"].serve(machine, fleet)
    questions = list(asked())
    expected = [right(fleet, question) for question in questions]
    heard = ask(fleet, questions, [bool(answer) for answer in expected])
    wrong = [
        Difference(question, wanted, seen(answer))
        for question, wanted, answer in zip(questions, expected, heard, strict=True)
        if seen(answer) != wanted
    ]
    count(f"dnsmasq on {machine.suite} beside another server, unknown: {unknown}", len(questions), wrong)
    # On its other networks it now adds the marks of a PXE server, which tell a client to take the file that it was told.
    own = [q for network in ("offices", "closed") for mac in CARDS[network] for q in of_machine(network, mac)]
    count(f"dnsmasq on {machine.suite}, other networks, unknown: {unknown}", len(own), disagreements(fleet, own, added=[43, 60]))


def test_firmware_that_asks_again_on_the_other_port_is_told_the_same(machine):
    fleet = fleet_with("address")
    SERVERS["dnsmasq"].serve(machine, fleet)
    questions = [
        replace(question, kind=_dhcp_wire.REQUEST) for question in asked() if question.kind == _dhcp_wire.DISCOVER and not question.relayed
    ]
    heard = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0.2)
        sock.bind(("10.0.33.250", 0))
        for start in range(0, len(questions), 64):
            for xid in range(start, min(start + 64, len(questions))):
                sock.sendto(questions[xid].message(xid, "0.0.0.0"), ("10.0.33.1", 4011))
            with contextlib.suppress(TimeoutError):
                while data := sock.recv(2048):
                    xid = int.from_bytes(data[4:8], "big")
                    heard[xid] = _dhcp_wire.parse(data, xid)
    for xid, question in enumerate(questions):
        assert seen(heard.get(xid)) == right(fleet, replace(question, kind=_dhcp_wire.DISCOVER)), question
