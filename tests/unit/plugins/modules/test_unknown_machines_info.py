"""The module on a master with files of all servers, or with none of them."""

from __future__ import annotations

import pytest
import yaml

LEASE = "address,hwaddr,valid_lifetime,expire,hostname\n10.0.33.20,52:54:00:00:99:01,600,1795349400,pc7\n"
KNOWN = "10.0.33.11,52:54:00:00:00:01,600,1795349400,node1\n"
LOG = '{"time": "2026-11-22T12:01:00+00:00", "address": "10.0.33.20", "uri": "/default.ipxe?mac=52-54-00-00-99-01&serial=AB1"}\n'


@pytest.fixture
def look(module, fleet, tmp_path):
    """Runs the module on files below a directory: look({name: text})."""

    def run(files, **options):
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        sources = {option: [str(tmp_path / option)] for option in ("kea_leases", "dnsmasq_leases", "isc_leases", "access_logs")}
        return module("unknown_machines_info", fleet=fleet.to_dict(), **({"dnsmasq_units": ["bootyard-nothing"]} | sources | options))

    return run


def test_a_master_without_any_of_them(look):
    assert look({}) == {"machines": [], "inventory": ""}


def test_all_of_them_are_asked(look):
    files = {
        "kea_leases": LEASE + KNOWN,
        "access_logs": LOG,
        "dnsmasq_leases": "1795349400 52:54:00:00:99:02 10.0.33.21 * *\n",
        "isc_leases": "lease 10.0.33.22 {\n  cltt 0 2026/11/22 12:00:00;\n  hardware ethernet 52:54:00:00:99:03;\n}\n\udcff".encode(
            errors="ignore"
        ).decode(),
    }
    found = look(files, group="pcs")
    assert [(machine["macs"][0][-2:], machine["by"]) for machine in found["machines"]] == [
        ("01", ["Kea", "iPXE"]),
        ("02", ["dnsmasq"]),
        ("03", ["ISC DHCP"]),
    ]
    assert found["machines"][0]["serial"] == "AB1"
    assert yaml.safe_load(found["inventory"])["pcs"]["hosts"]["node-525400009901"] == {
        "netboot_mac": "52:54:00:00:99:01",
        "netboot_ip": "10.0.33.3",
    }


def test_a_file_that_a_log_rotation_cut_is_read_as_far_as_it_goes(look, tmp_path):
    (tmp_path / "1").write_bytes(LOG.encode()[:-30] + b"\xff\x00")
    (tmp_path / "2").write_text(LOG)
    found = look({}, access_logs=[str(tmp_path / "1"), str(tmp_path / "2")])
    assert len(found["machines"]) == 1
