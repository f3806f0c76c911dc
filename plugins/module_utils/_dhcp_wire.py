# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""DHCP and PXE as a client speaks them: frames out, answers in (RFC 2131, RFC 2132, RFC 4578). Standard library only."""

from __future__ import annotations

import ipaddress
import os
import socket
import struct
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

DISCOVER, OFFER, REQUEST, ACK = 1, 2, 3, 5
_COOKIE = b"\x63\x82\x53\x63"
_BOOTP = struct.Struct("!BBBBIHH4s4s4s4s16s64s128s")
_ETH_P_ALL, _ETH_P_IP = 3, b"\x08\x00"
# From <linux/if_packet.h>; the socket module does not have them.
_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, _PACKET_MR_PROMISC = 263, 1, 1
_BROADCAST = b"\xff" * 6
#: Subnet mask, routers, DNS, domain, MTU, broadcast, NTP, lease, server, TFTP server, boot file, vendor and class options.
_WANTED = bytes([1, 3, 6, 12, 15, 26, 28, 42, 51, 54, 60, 66, 67, 209, 210])


@dataclass(frozen=True)
class Answer:
    """A server's answer. C(file) and C(next_server) are the BOOTP fields, or options 67 and 66 where those are empty."""

    kind: int
    address: str
    next_server: str
    file: str
    options: Mapping[int, bytes] = field(default_factory=dict)

    def addresses(self, code: int) -> list[str]:
        """An option that lists IPv4 addresses, such as routers (3)."""
        data = self.options.get(code, b"")
        return [str(ipaddress.IPv4Address(data[i : i + 4])) for i in range(0, len(data) - 3, 4)]


def message(kind: int, mac: str, xid: int, options: Mapping[int, bytes] | None = None, relay: str = "0.0.0.0") -> bytes:
    """A BOOTP request of C(mac) that asks for a broadcast answer, or one that C(relay) passes on.

    C(options) are added to the message type and what is asked for; empty ones are left out.
    """
    chaddr = bytes.fromhex(mac.replace(":", ""))
    zero, giaddr = b"\0" * 4, ipaddress.IPv4Address(relay).packed
    head = _BOOTP.pack(1, 1, 6, int(giaddr != zero), xid, 0, 0x8000, zero, zero, zero, giaddr, chaddr, b"", b"")
    fields = {53: bytes([kind]), 55: _WANTED, **(options or {})}
    body = b"".join(bytes([code, len(data)]) + data for code, data in fields.items() if data)
    return (head + _COOKIE + body + b"\xff").ljust(300, b"\0")


def pxe_options(arch: int = 0) -> dict[int, bytes]:
    """What a PXE ROM adds to its requests (RFC 4578); C(arch) is the client architecture of option 93."""
    return {60: b"PXEClient:Arch:%05d:UNDI:002001" % arch, 93: struct.pack("!H", arch), 94: b"\x01\x02\x01"}


def parse(data: bytes, xid: int) -> Answer | None:
    """The answer in a UDP payload, or None when it is no DHCP answer to C(xid)."""
    if len(data) < _BOOTP.size + 4 or data[_BOOTP.size : _BOOTP.size + 4] != _COOKIE:
        return None
    op, _type, _length, _hops, seen, _secs, _flags, _ci, yiaddr, siaddr, _gi, _hw, _sname, file = _BOOTP.unpack_from(data)
    if op != 2 or seen != xid:
        return None
    options = _options(data[_BOOTP.size + 4 :])
    name = file.rstrip(b"\0") or options.get(67, b"").rstrip(b"\0")
    server = str(ipaddress.IPv4Address(siaddr))
    if server == "0.0.0.0" and 66 in options:
        server = options[66].rstrip(b"\0").decode(errors="replace")
    kind = (options.get(53) or b"\0")[0]
    return Answer(kind, str(ipaddress.IPv4Address(yiaddr)), server, name.decode(errors="replace"), options)


def ask(
    interface: str, mac: str, kind: int = DISCOVER, options: Mapping[int, bytes] | None = None, timeout: float = 3.0, own: bool = False
) -> Answer | None:
    """The first of L(answers), or None after C(timeout) seconds."""
    return next(answers(interface, mac, kind, options, timeout, own), None)


def answers(
    interface: str, mac: str, kind: int = DISCOVER, options: Mapping[int, bytes] | None = None, timeout: float = 3.0, own: bool = False
) -> Iterator[Answer]:
    """Send one request and yield what every server answers to it within C(timeout) seconds. Takes CAP_NET_RAW.

    C(own) reaches a server on this very machine too, whatever kind of socket it listens on.
    """
    xid = int.from_bytes(os.urandom(4), "big")
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL)) as raw:
        raw.bind((interface, 0))
        # Servers answer to the MAC that asks, which is nobody's on this interface.
        everything = struct.pack("iHH8s", socket.if_nametoindex(interface), _PACKET_MR_PROMISC, 0, b"")
        raw.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, everything)
        send = _broadcast if own else _inject
        send(raw, interface, message(kind, mac, xid, options))
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            raw.settimeout(left)
            try:
                answer = parse(payload(raw.recv(65535)), xid)
            except TimeoutError:
                return
            if answer:
                yield answer


def _inject(raw: socket.socket, _interface: str, data: bytes) -> None:
    raw.send(frame(data))


def _broadcast(_raw: socket.socket, interface: str, data: bytes) -> None:
    """Through the kernel's own UDP, which hands a broadcast to the sockets of this machine as well."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        sock.sendto(data, ("255.255.255.255", 67))


def lease(interface: str, mac: str, options: Mapping[int, bytes] | None = None, timeout: float = 3.0) -> Answer | None:
    """A whole DISCOVER, OFFER, REQUEST, ACK exchange; the ACK, or None when the server fell silent."""
    offer = ask(interface, mac, DISCOVER, options, timeout)
    if not offer or offer.kind != OFFER:
        return None
    chosen = {50: ipaddress.IPv4Address(offer.address).packed, 54: offer.options.get(54, b"")}
    answer = ask(interface, mac, REQUEST, {**(options or {}), **chosen}, timeout)
    return answer if answer and answer.kind == ACK else None


def frame(data: bytes) -> bytes:
    """C(data) as a broadcast from port 68 to port 67, from a locally administered address so that no switch is misled."""
    udp = struct.pack("!HHHH", 68, 67, 8 + len(data), 0) + data
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, socket.IPPROTO_UDP, 0, b"\0" * 4, b"\xff" * 4)
    head = head[:10] + struct.pack("!H", _checksum(head)) + head[12:]
    return _BROADCAST + b"\x02\x42\x59\x00\x00\x01" + _ETH_P_IP + head + udp


def payload(packet: bytes) -> bytes:
    """The UDP payload for port 68 in an Ethernet frame, else nothing."""
    if packet[12:14] != _ETH_P_IP or len(packet) < 42 or packet[23] != socket.IPPROTO_UDP:
        return b""
    start = 14 + (packet[14] & 15) * 4
    return packet[start + 8 :] if packet[start + 2 : start + 4] == b"\x00\x44" else b""


def _options(data: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    i = 0
    while i < len(data) and data[i] != 255:
        if data[i] == 0:
            i += 1
            continue
        if i + 1 >= len(data):
            break
        length = data[i + 1]
        found[data[i]] = found.get(data[i], b"") + data[i + 2 : i + 2 + length]
        i += 2 + length
    return found


def _checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF
