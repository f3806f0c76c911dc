"""What machines of all kinds ask a DHCP server, thousands of times, and what the boot chain's table says to each."""

from __future__ import annotations

import ipaddress
import itertools
import select
import socket
import struct
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from ansible_collections.bootyard.netboot.plugins.module_utils import _dhcp_wire
from ansible_collections.bootyard.netboot.plugins.module_utils._bootchain import Request, decide
from ansible_collections.bootyard.netboot.plugins.module_utils._dhcp import options, reservations
from ansible_collections.bootyard.netboot.plugins.module_utils._dhcp_wire import ACK, DISCOVER, OFFER, REQUEST, Answer
from ansible_collections.bootyard.netboot.plugins.module_utils._fleet import Fleet

#: What a ROM wants to know: of what the table may add to an answer, nothing but the boot server and file.
WANTED = bytes([1, 3, 6, 12, 15, 26, 28, 42, 51, 54, 66, 67])
#: Options that are about the network, the lease, or the exchange itself. 66 and 67 repeat fields of BOOTP.
ORDINARY = {1, 51, 53, 54, 58, 59, 66, 67}


def _addresses(data: bytes) -> tuple[str, ...]:
    return tuple(str(ipaddress.IPv4Address(data[i : i + 4])) for i in range(0, len(data), 4))


#: What goes with an address, and how it reads.
READ = {
    **dict.fromkeys((3, 6, 28, 42), _addresses),
    # Names are the same in whatever case; Kea's are in lower.
    **dict.fromkeys((12, 15), lambda data: (data.rstrip(b"\0").decode().lower(),) if data else ()),
    26: lambda data: (str(int.from_bytes(data, "big")),) if data else (),
}
#: How many questions wait for their answers at a time, and for how many seconds.
WINDOW, PATIENCE = 32, 2.0


@dataclass(frozen=True)
class Question:
    """A machine's request as it is sent; C(wanted) is its option 55."""

    request: Request
    kind: int = DISCOVER
    relayed: bool = False
    wanted: bytes = WANTED
    more: Mapping[int, bytes] = field(default_factory=dict)

    def message(self, xid: int, relay: str) -> bytes:
        """The payload of its UDP packet."""
        asks = self.request
        said = {55: self.wanted, 60: asks.vendor_class.encode(), 77: asks.user_class, 175: b"\x13\x01\x01" * asks.ipxe_options}
        said[93] = struct.pack(f"!{len(asks.architectures)}H", *asks.architectures)
        return _dhcp_wire.message(self.kind, asks.mac, xid, {**said, **self.more}, relay if self.relayed else "0.0.0.0")


# --- the questions ---------------------------------------------------------------------------------------------------

CODES = (0, 1, 6, 7, 9, 10, 11, 15, 16, 17, 19, 20, 27, 28, 39, 40, 41, 99, 0x0700)
PAIRED = (0, 7, 11, 16, 19, 99)
LISTS = [(), *((code,) for code in CODES), *itertools.permutations(PAIRED, 2), (99, 1, 2, 7), (1, 2, 16, 6)]
FEW = [(), (0,), (7,), (16,), (7, 0), (0, 7), (99,)]
VENDORS = ("PXEClient", "HTTPClient", "")
USER_CLASSES = (b"", b"iPXE", b"\x04iPXE", b"MyiPXEx", b"iPXE-own", b"\x05iPXE1", b"PXE")


def of_machine(network: str, mac: str) -> Iterator[Question]:
    """All that a card may say on a network, thinned out: few architectures where these are not the point."""
    for said in itertools.product(LISTS, VENDORS):
        yield question(network, mac, *said)
    for said in itertools.product(FEW, (*VENDORS, "xPXEClient"), USER_CLASSES[1:], (False, True)):
        yield question(network, mac, *said)
    for architectures, vendor, user_class, kind, relayed in itertools.product(
        FEW, VENDORS, (b"", b"iPXE"), (DISCOVER, REQUEST), (False, True)
    ):
        asked = question(network, mac, architectures, vendor, user_class)
        yield replace(asked, kind=kind, relayed=relayed, wanted=b"" if architectures == (7,) else WANTED)


def question(network: str, mac: str, architectures=(), vendor="", user_class=b"", ipxe=False) -> Question:
    """A DISCOVER with these marks of a machine."""
    first = architectures[0] if architectures else 0
    said = f"{vendor}:Arch:{first:05d}:UNDI:003016" if vendor else ""
    return Question(Request(network, mac, architectures, said, user_class, ipxe))


# --- the answers -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Difference:
    """A question to which the server has another answer than the table; None is silence."""

    question: Question
    table: dict | None
    server: dict | None

    def __str__(self) -> str:
        return f"{self.question}\n  the table:  {self.table}\n  the server: {self.server}"


def disagreements(fleet: Fleet, questions: Iterable[Question], added: Iterable[int] = ()) -> list[Difference]:
    """Ask them all, and tell where the server and the table differ. It may add the options in C(added)."""
    asked = _addressed(fleet, list(questions))
    right = [_right(fleet, question) for question in asked]
    heard = ask(fleet, asked, [bool(answer) for answer in right])
    found: list[Difference] = []
    for question, wanted, answer in zip(asked, right, heard, strict=True):
        seen = _seen(fleet, question, answer)
        if wanted and seen:
            seen["options"] = {code: data for code, data in seen["options"].items() if code not in added or code in wanted["options"]}
        if wanted != seen:
            found.append(Difference(question, wanted, seen))
    return found


def _addressed(fleet: Fleet, questions: list[Question]) -> list[Question]:
    """A REQUEST names the server, and the address that the machine was offered."""
    offers: dict[tuple[str, str], str] = {}
    for request in {
        (question.request.network, question.request.mac): question.request for question in questions if question.kind == REQUEST
    }.values():
        [offer] = ask(fleet, [Question(request)], [decide(fleet, request) is not None])
        network = fleet.networks[request.network]
        offers[request.network, request.mac] = offer.address if offer else str(ipaddress.IPv4Network(network.cidr)[77])

    def addressed(question: Question) -> Question:
        network = fleet.networks[question.request.network]
        chosen = {50: offers[network.name, question.request.mac], 54: network.address}
        return replace(question, more={code: ipaddress.IPv4Address(address).packed for code, address in chosen.items()})

    return [addressed(question) if question.kind == REQUEST else question for question in questions]


def _right(fleet: Fleet, question: Question) -> dict | None:
    told, network = decide(fleet, question.request), fleet.networks[question.request.network]
    if told is None:
        return None
    address = _address(fleet, question.request)
    lease = {"kind": OFFER if question.kind == DISCOVER else ACK, "address": address, 51: network.lease_time}
    said = {number: values for number, _name, values in options(network)}
    said[12] = tuple(card.name.lower() for card in reservations(fleet, network) if card.ip == address)
    # Kea leaves most of these out where nobody asks.
    with_it = {number: said.get(number, ()) for number in READ} if question.wanted else {}
    return {**lease, "file": told.file, "next_server": told.next_server or "0.0.0.0", "options": dict(told.options), **with_it}


def _address(fleet: Fleet, request: Request) -> str:
    network, node = fleet.networks[request.network], fleet.node_of(request.mac)
    if request.mac in fleet.master_macs:
        return network.address
    return node.ip if node and node.network == network.name and node.macs[0] == request.mac else "the pool"


def _seen(fleet: Fleet, question: Question, answer: Answer | None) -> dict | None:
    if answer is None:
        return None
    pool = fleet.networks[question.request.network].pool
    first, last = map(ipaddress.IPv4Address, pool or ("255.255.255.255", "0.0.0.0"))
    address = "the pool" if first <= ipaddress.IPv4Address(answer.address) <= last else answer.address
    lease = {"kind": answer.kind, "address": address, 51: int.from_bytes(answer.options.get(51, b""), "big")}
    extra = {code: data for code, data in answer.options.items() if code not in ORDINARY | READ.keys()}
    with_it = {code: read(answer.options.get(code, b"")) for code, read in READ.items()} if question.wanted else {}
    return {**lease, "file": answer.file, "next_server": answer.next_server, "options": extra, **with_it}


# --- on the wire -----------------------------------------------------------------------------------------------------


def ask(fleet: Fleet, questions: list[Question], expected: list[bool]) -> list[Answer | None]:
    """The answer to each question. One that is expected and stays out is asked for again; silence is believed at the end."""
    heard: dict[int, Answer] = {}
    with ExitStack() as stack:
        wires = {name: stack.enter_context(_Wire(network.interface, network.address)) for name, network in fleet.networks.items()}
        open_: dict[int, float] = {}
        asked: Counter[int] = Counter()
        waiting = list(reversed(range(len(questions))))
        last = time.monotonic()
        while waiting or open_ or time.monotonic() - last < (0.5 if not all(expected) else 0):
            while waiting and len(open_) < WINDOW:
                xid = waiting.pop()
                wires[questions[xid].request.network].send(questions[xid], xid)
                asked[xid] += 1
                last = time.monotonic()
                if expected[xid]:
                    open_[xid] = last + PATIENCE
            ready = select.select([sock for wire in wires.values() for sock in wire.sockets], [], [], 0.05)[0]
            for wire in wires.values():
                for xid, answer in wire.received(ready):
                    heard.setdefault(xid, answer)
                    open_.pop(xid, None)
            for xid in [xid for xid, deadline in open_.items() if deadline < time.monotonic()]:
                del open_[xid]
                if asked[xid] < 4:
                    waiting.append(xid)
    return [heard.get(xid) for xid in range(len(questions))]


class _Wire:
    """This end of a cable: frames of machines, and packets of a relay that has this end's address."""

    def __init__(self, interface: str, server: str) -> None:
        self.raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
        self.raw.bind((interface, 0))
        self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.server, self.relay = server, str(ipaddress.IPv4Network(f"{server}/24", strict=False)[250])
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((self.relay, 67))
        self.sockets = [self.raw, self.udp]

    def __enter__(self) -> _Wire:
        return self

    def __exit__(self, *_error: object) -> None:
        for sock in self.sockets:
            sock.close()

    def send(self, question: Question, xid: int) -> None:
        data = question.message(xid, self.relay)
        if question.relayed:
            self.udp.sendto(data, (self.server, 67))
        else:
            self.raw.send(_dhcp_wire.frame(data))

    def received(self, ready: list[socket.socket]) -> Iterator[tuple[int, Answer]]:
        for sock in self.sockets:
            while sock in ready:
                try:
                    data = sock.recv(65535, socket.MSG_DONTWAIT)
                except BlockingIOError:
                    break
                data = _dhcp_wire.payload(data) if sock is self.raw else data
                xid = int.from_bytes(data[4:8], "big")
                if answer := _dhcp_wire.parse(data, xid):
                    yield xid, answer
