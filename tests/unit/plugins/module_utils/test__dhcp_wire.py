"""DHCP as a client speaks it, with scapy as the second opinion and real packets on a cable of its own."""

from __future__ import annotations

import socket
import subprocess
import threading

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _dhcp_wire
from hypothesis import given
from hypothesis import strategies as st
from isolation import NEW_NETWORK, in_child, unshare
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

MAC = "52:54:00:12:34:56"
xids = st.integers(0, 2**32 - 1)
addresses = st.ip_addresses(v=4).map(str)


def answer(xid, kind=_dhcp_wire.OFFER, address="10.0.33.11", server="10.0.33.1", file=b"pxelinux.0", options=b""):
    """A server's answer, byte by byte as RFC 2131 lays it out."""
    head = bytes([2, 1, 6, 0]) + xid.to_bytes(4, "big") + bytes(8)
    fields = socket.inet_aton(address) + socket.inet_aton(server) + bytes(4) + bytes(16) + bytes(64) + file.ljust(128, b"\0")
    return head + fields + b"\x63\x82\x53\x63" + bytes([53, 1, kind]) + options + b"\xff"


# --- what is sent ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arch", [0, 7, 11])
def test_a_request_is_what_a_pxe_rom_sends(arch):
    packet = Ether(_dhcp_wire.frame(_dhcp_wire.message(_dhcp_wire.DISCOVER, MAC, 0x12345678, _dhcp_wire.pxe_options(arch))))
    assert (packet.dst, packet[IP].dst, packet[UDP].sport, packet[UDP].dport) == ("ff:ff:ff:ff:ff:ff", "255.255.255.255", 68, 67)
    bootp = packet[BOOTP]
    assert (bootp.op, bootp.xid, bootp.chaddr[:6], int(bootp.flags)) == (1, 0x12345678, bytes.fromhex(MAC.replace(":", "")), 0x8000)
    options = dict(option[:2] for option in packet[DHCP].options if isinstance(option, tuple))
    assert options["message-type"] == 1
    assert options["vendor_class_id"] == b"PXEClient:Arch:%05d:UNDI:002001" % arch
    assert {1, 3, 66, 67} <= set(options["param_req_list"])
    assert len(packet[BOOTP]) >= 300
    checked = IP(bytes(packet[IP]))
    del checked.chksum
    assert IP(bytes(checked)).chksum == packet[IP].chksum


# --- what is heard ---------------------------------------------------------------------------------------------------


@given(
    xids,
    st.sampled_from([2, 5, 6]),
    addresses,
    addresses,
    st.text("abc./", min_size=1, max_size=128),
    st.lists(addresses, min_size=1, max_size=9),
)
def test_an_answer_is_understood(xid, kind, address, server, file, routers):
    option = bytes([3, 4 * len(routers)]) + b"".join(map(socket.inet_aton, routers))
    heard = _dhcp_wire.parse(answer(xid, kind, address, server, file.encode(), option), xid)
    assert (heard.kind, heard.address, heard.next_server, heard.file) == (kind, address, server, file)
    assert heard.addresses(3) == routers
    assert heard.addresses(6) == []


def test_the_boot_server_may_be_in_options():
    heard = _dhcp_wire.parse(answer(7, server="0.0.0.0", file=b"", options=b"\x42\x0910.0.33.1\x43\x05a.efi"), 7)
    assert (heard.next_server, heard.file) == ("10.0.33.1", "a.efi")


def test_the_field_goes_before_the_option():
    heard = _dhcp_wire.parse(answer(7, options=b"\x42\x0810.0.0.9\x43\x05a.efi"), 7)
    assert (heard.next_server, heard.file) == ("10.0.33.1", "pxelinux.0")


def test_an_option_in_two_parts_is_one():
    heard = _dhcp_wire.parse(answer(7, options=b"\x0c\x03nod\0\0\x0c\x02e1"), 7)
    assert heard.options[12] == b"node1"


@pytest.mark.parametrize("data", [answer(8), b"\1" + answer(7)[1:], answer(7)[:200], answer(7)[:236] + b"\0\0\0\0" + answer(7)[240:], b""])
def test_what_is_no_answer_to_the_question_is_not_heard(data):
    assert _dhcp_wire.parse(data, 7) is None


@given(st.binary(max_size=600))
def test_garbage_is_never_an_error(data):
    _dhcp_wire.parse(data, 0)
    _dhcp_wire.payload(data)


@given(st.binary(max_size=80), st.integers(0, 400))
def test_an_answer_with_garbage_for_options_is_never_an_error(data, length):
    heard = _dhcp_wire.parse((answer(7)[:240] + data)[: 240 + length], 7)
    for code in range(256):
        heard.addresses(code)


@given(st.binary(max_size=600))
def test_a_frame_carries_its_payload(data):
    sent = Ether(_dhcp_wire.frame(data))
    sent[UDP].dport, sent[UDP].sport = 68, 67
    assert _dhcp_wire.payload(bytes(sent)) == data


@pytest.mark.parametrize("layer", [IP() / UDP(dport=69), IP(proto=6) / UDP(dport=68), IP(proto=1)])
def test_other_packets_have_no_payload(layer):
    assert _dhcp_wire.payload(bytes(Ether() / layer / (b"x" * 300))) == b""


# --- on a cable ------------------------------------------------------------------------------------------------------


class Server(threading.Thread):
    """Answers the kinds of request that it knows, and keeps what it was asked."""

    def __init__(self, interface: str, kinds: dict[int, int]) -> None:
        super().__init__(daemon=True)
        self.kinds, self.asked = kinds, []
        self.cable = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.cable.bind((interface, 0))

    def run(self) -> None:
        while True:
            packet = Ether(self.cable.recv(65535))
            if DHCP not in packet or packet[BOOTP].op != 1:
                continue
            options = dict(option[:2] for option in packet[DHCP].options if isinstance(option, tuple))
            self.asked.append(options)
            noise = Ether() / IP(dst="255.255.255.255") / UDP(sport=67, dport=68)
            self.cable.send(bytes(noise / b"garbage"))
            self.cable.send(bytes(noise / answer(packet[BOOTP].xid ^ 1)))
            if reply := self.kinds.get(options["message-type"]):
                self.cable.send(bytes(noise / answer(packet[BOOTP].xid, reply, options=b"\x36\x04" + socket.inet_aton("10.0.33.1"))))


def on_a_cable(action):
    """Run C(action) in a network of its own in which interfaces near and far are the two ends of one cable."""

    def child():
        unshare(NEW_NETWORK)
        subprocess.run(["ip", "link", "add", "near", "type", "veth", "peer", "name", "far"], check=True)
        for end in ("near", "far"):
            subprocess.run(["ip", "link", "set", end, "up"], check=True)
        action()

    assert in_child(child) == 0


def test_a_lease_is_taken():
    def client():
        server = Server("far", {_dhcp_wire.DISCOVER: _dhcp_wire.OFFER, _dhcp_wire.REQUEST: _dhcp_wire.ACK})
        server.start()
        got = _dhcp_wire.lease("near", MAC, _dhcp_wire.pxe_options(), timeout=10)
        assert (got.kind, got.address, got.next_server, got.file) == (_dhcp_wire.ACK, "10.0.33.11", "10.0.33.1", "pxelinux.0")
        discover, request = server.asked
        assert (discover["message-type"], request["message-type"]) == (1, 3)
        assert (request["requested_addr"], request["server_id"]) == ("10.0.33.11", "10.0.33.1")
        assert discover["vendor_class_id"] == request["vendor_class_id"]

    on_a_cable(client)


@pytest.mark.parametrize("kinds", [{}, {1: 2}, {1: 2, 3: 6}], ids=["silent", "silent after its offer", "refuses"])
def test_no_lease_from_a_server_that_does_not_give_one(kinds):
    def client():
        Server("far", kinds).start()
        assert _dhcp_wire.lease("near", MAC, timeout=0.5) is None

    on_a_cable(client)
