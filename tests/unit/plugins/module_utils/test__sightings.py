"""Who was seen, in the words of each server."""

from __future__ import annotations

import json

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _sightings
from ansible_collections.bootyard.netboot.plugins.module_utils._sightings import Sighting
from hypothesis import given
from hypothesis import strategies as st

MAC, OTHER = "52:54:00:00:99:01", "52:54:00:00:99:02"
UUID = "4c4c4544-0042-4a10-8056-b4c04f395931"
NOON = 1795348800  # 2026-11-22 12:00:00 UTC

KEA = f"""\
address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context,pool_id
10.0.33.20,{MAC},01:52:54,600,{NOON + 600},1,0,0,pc7,0,,0
10.0.33.21,,,600,{NOON + 600},1,0,0,,1,,0
10.0.33.22,{OTHER},,60
"""
ISC = f"""\
# All times in this file are in UTC (GMT), not your local timezone.
lease 10.0.33.20 {{
  starts 0 2026/11/22 11:59:00;
  ends 0 2026/11/22 12:10:00;
  cltt 0 2026/11/22 12:00:00;
  binding state active;
  hardware ethernet {MAC};
  uid "\\001RT";
  client-hostname "pc7";
}}
lease 10.0.33.21 {{
  starts epoch {NOON}; # Sun Nov 22 12:00:00 2026
  hardware ethernet {OTHER};
}}
lease 10.0.33.22 {{
  starts 0 2026/11/22 11:59:00;
"""
JOURNAL = "\n".join(
    json.dumps({"__REALTIME_TIMESTAMP": f"{NOON}000000", "MESSAGE": message})
    for message in (
        f"Nov 22 12:00:00 dnsmasq-dhcp[7]: DHCPACK(eth1) 10.0.33.20 {MAC} pc7",
        f"DHCPDISCOVER(eth1) {OTHER} ignored",
        "DHCP, static leases only on 10.0.33.0, lease time 1h",
        None,
    )
)


def requests(*uris: str, address: str = "10.0.33.20") -> list[str]:
    return [json.dumps({"time": "2026-11-22T12:00:00+00:00", "address": address, "uri": uri, "status": 404}) for uri in uris]


def test_kea():
    assert list(_sightings.kea(KEA)) == [Sighting((MAC,), NOON, "Kea", "10.0.33.20", details={"name": "pc7"})]


def test_dnsmasq(inventory):
    text = f"{NOON + 600} {MAC} 10.0.33.20 pc7 01:52:54\n{NOON} {OTHER} 192.0.2.1 * *\nduid 00:01\n7 06-{MAC} 10.0.33.22 *\n"
    assert list(_sightings.dnsmasq(text, inventory({"lease_time": 600}).parse())) == [
        Sighting((MAC,), NOON, "dnsmasq", "10.0.33.20", details={"name": "pc7"}),
        Sighting((OTHER,), NOON, "dnsmasq", "192.0.2.1"),
    ]


def test_isc():
    assert list(_sightings.isc(ISC)) == [
        Sighting((MAC,), NOON, "ISC DHCP", "10.0.33.20", details={"name": "pc7"}),
        Sighting((OTHER,), NOON, "ISC DHCP", "10.0.33.21"),
    ]


def test_journal():
    assert list(_sightings.journal(JOURNAL)) == [
        Sighting((MAC,), NOON, "dnsmasq", "10.0.33.20", "eth1"),
        Sighting((OTHER,), NOON, "dnsmasq", "", "eth1"),
    ]


def test_cards_of_one_search_are_in_one_machine():
    lines = requests(
        "/boot.ipxe", f"/by-mac/{MAC.replace(':', '-')}.ipxe", f"/by-mac/{OTHER.replace(':', '-')}.ipxe", f"/by-uuid/{UUID}.ipxe"
    )
    last = list(_sightings.access_log([*lines, *requests("/boot.ipxe", "/images/k", "/default.ipxe")]))[-1]
    assert last == Sighting((MAC, OTHER), NOON, "iPXE", "10.0.33.20", details={"uuid": UUID})


def test_a_report_says_which_card_was_used():
    report = f"/default.ipxe?mac={OTHER}&uuid={UUID}&serial=AB%20%2F1&manufacturer=&product=R640&arch=x86_64&platform=efi"
    last = list(_sightings.access_log(requests(f"/by-mac/{MAC}.ipxe".replace(":", "-"), report)))[-1]
    details = {"uuid": UUID, "serial": "AB /1", "product": "R640", "arch": "x86_64", "platform": "efi"}
    assert last == Sighting((OTHER, MAC), NOON, "iPXE", "10.0.33.20", details=details)


def test_two_addresses_are_two_machines():
    lines = requests(f"/by-mac/{MAC}.ipxe".replace(":", "-")) + requests(f"/by-mac/{OTHER}.ipxe".replace(":", "-"), address="10.0.33.21")
    assert [sighting.macs for sighting in _sightings.access_log(lines)] == [(MAC,), (OTHER,)]


@pytest.mark.parametrize(
    "said",
    [
        "uuid=00000000-0000-0000-0000-000000000000",
        "uuid=../../x",
        "serial=a%0anetboot_mac:",
        "serial=%20",
        f"serial={'x' * 65}",
        "product=%1b[2J",
        "arch=x86-64;",
        "name=%C3%A4%E2%80%A8",
    ],
)
def test_what_cannot_be_is_not_kept(said):
    [sighting] = _sightings.access_log(requests(f"/default.ipxe?mac={MAC}&{said}"))
    assert sighting.details == {}


@given(st.text(max_size=80))
def test_whatever_is_in_the_files_is_passed_over(text):
    line = json.dumps({"time": "2026-11-22T12:00:00+00:00", "address": "10.0.33.20", "uri": text, "MESSAGE": text})
    for found in (
        _sightings.kea(text),
        _sightings.isc(text),
        _sightings.journal(text),
        _sightings.journal(line),
        _sightings.access_log([text, line]),
    ):
        assert list(found) == []
