# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""Who was seen on the networks: read from what DHCP servers and the HTTP server write anyway. Pure.

A line that says nothing, is half written or is none of these formats is passed over: other programs own these files.
What a machine says of itself is kept only where it looks like what it should be.
"""

from __future__ import annotations

import csv
import ipaddress
import json
import re
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ._fleet import Fleet, canonical_mac

_MESSAGE = re.compile(r"\b(?:DHCP[A-Z]+|PXE)\((?P<interface>\S+)\) (?:(?P<ip>[0-9.]+) )?(?P<mac>[0-9a-f:]{17})\b")
_REQUEST = re.compile(r"/(?:boot|default|by-mac/(?P<mac>[0-9a-f-]+)|by-uuid/(?P<uuid>[0-9a-f-]+))\.ipxe")
_TEXT = re.compile(r"(?=.*\w)[ -~]{1,64}")
_WORD = re.compile(r"\w{1,16}", re.ASCII)
#: What a machine says of itself, and how it must look: all of it comes from a stranger.
DETAILS = {
    "name": _TEXT,
    "uuid": re.compile(r"(?!0{8}|f{8})[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "serial": _TEXT,
    "manufacturer": _TEXT,
    "product": _TEXT,
    "arch": _WORD,
    "platform": _WORD,
}


@dataclass(frozen=True, slots=True)
class Sighting:
    """A machine was seen with these cards, the one that it used first, at C(seen) in seconds since 1970.

    C(details) is what it said of itself: C(name), C(uuid), C(serial), C(manufacturer), C(product), C(arch), C(platform).
    """

    macs: tuple[str, ...]
    seen: int
    source: str
    ip: str = ""
    interface: str = ""
    details: dict[str, str] = field(default_factory=dict)


def kea(text: str) -> Iterator[Sighting]:
    """The file of Kea's C(memfile) back end, whose first line names the columns."""
    for row in csv.DictReader(text.splitlines()):
        try:
            seen = int(row["expire"]) - int(row["valid_lifetime"])
            yield _leased("Kea", row["hwaddr"], seen, row["address"], row["hostname"])
        except (KeyError, TypeError, ValueError):
            continue


def dnsmasq(text: str, fleet: Fleet) -> Iterator[Sighting]:
    """dnsmasq's file of leases: end, MAC, address, name. How long a lease is, the file does not say, but the fleet does."""
    times = [(ipaddress.ip_network(network.cidr), network.lease_time) for network in fleet.networks.values()]
    for line in text.splitlines():
        try:
            end, mac, ip, name = line.split()[:4]
            length = next((time for cidr, time in times if ipaddress.ip_address(ip) in cidr), 0)
            yield _leased("dnsmasq", mac, int(end) - length, ip, name)
        except ValueError:
            continue


def isc(text: str) -> Iterator[Sighting]:
    """ISC's file of leases (dhcpd.leases(5)), whose times are in UTC."""
    for ip, body in re.findall(r"^lease ([0-9.]+) \{\n(.*?)^\}", text, re.MULTILINE | re.DOTALL):
        said = dict(re.findall(r"^\s*(cltt|starts|hardware ethernet|client-hostname) (.*);", body, re.MULTILINE))
        try:
            seen = _isc_time(said.get("cltt") or said["starts"])
            yield _leased("ISC DHCP", said["hardware ethernet"], seen, ip, said.get("client-hostname", "").strip('"'))
        except (KeyError, ValueError):
            continue


def journal(text: str) -> Iterator[Sighting]:
    """dnsmasq's messages as C(journalctl --output=json) prints them: it may keep no leases, and tells here whom it gave none."""
    for entry in _objects(text.splitlines()):
        found = _MESSAGE.search(str(entry.get("MESSAGE")))
        try:
            macs = (canonical_mac(found["mac"]),)
            yield Sighting(macs, int(entry["__REALTIME_TIMESTAMP"]) // 10**6, "dnsmasq", _address(found["ip"]), found["interface"])
        except (KeyError, TypeError, ValueError):
            continue


def access_log(lines: Iterable[str]) -> Iterator[Sighting]:
    """The HTTP server's log, in which iPXE asks for a script by each of its cards, by its UUID, and then for anybody's.

    Cards that one address asks by, one after the other, are in one machine.
    """
    asked: dict[str, dict[str, None]] = {}
    for entry in _objects(lines):
        try:
            ip, seen = _address(entry["address"]), int(datetime.fromisoformat(entry["time"]).timestamp())
            path, _mark, query = entry["uri"].partition("?")
            request = _REQUEST.fullmatch(path)
            said = {key: values[-1] for key, values in urllib.parse.parse_qs(query).items()}
            mac = canonical_mac(said.get("mac") or request["mac"]) if "mac" in said or request["mac"] else ""
        except (AttributeError, KeyError, TypeError, ValueError):
            continue
        if path == "/boot.ipxe":
            asked.pop(ip, None)
            continue
        cards = asked.setdefault(ip, {})
        cards |= {mac: None} if mac else {}
        if cards:
            # A report names the card that it used.
            macs = dict.fromkeys([mac, *cards]) if "mac" in said else cards
            yield Sighting(tuple(macs), seen, "iPXE", ip, details=_details({"uuid": request["uuid"], **said}))


def _leased(source: str, mac: str, seen: int, ip: str, name: str) -> Sighting:
    return Sighting((canonical_mac(mac),), seen, source, _address(ip), details=_details({"name": name}))


def _isc_time(text: str) -> int:
    """Either C(epoch SECONDS) or a weekday, a date and a time."""
    word, *rest = text.split()
    return int(rest[0]) if word == "epoch" else int(datetime.strptime(" ".join(rest), "%Y/%m/%d %H:%M:%S").replace(tzinfo=UTC).timestamp())


def _address(text: str | None) -> str:
    return str(ipaddress.IPv4Address(text)) if text else ""


def _details(said: Mapping[str, str | None]) -> dict[str, str]:
    return {key: said[key] for key, form in DETAILS.items() if form.fullmatch(said.get(key) or "")}


def _objects(lines: Iterable[str]) -> Iterator[dict]:
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            yield entry
