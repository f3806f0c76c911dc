"""A network that somebody else serves is left alone, and one that is the way out hears nothing (faults 15 and 16)."""

from __future__ import annotations

import subprocess

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _preflight
from ansible_collections.bootyard.netboot.plugins.module_utils._fleet import Network
from daemons import eventually

SITE = "--conf-file=/dev/null --port=0 --interface=eth1 --bind-dynamic --leasefile-ro --log-dhcp --log-facility=- --user=root"


@pytest.fixture
def log(machine):
    """What a site's own DHCP server at the other end of eth1 says and hears."""
    daemon = machine.start("/usr/sbin/dnsmasq", "--keep-in-foreground", *SITE.split(), "--dhcp-range=10.0.33.50,10.0.33.60")
    assert eventually(10, lambda: "DHCP, IP range" in daemon.log.read_text())
    subprocess.run(["mount", "-t", "sysfs", "sysfs", "/sys"], check=True)  # it shows the interfaces that this process has now
    yield daemon.log.read_text
    subprocess.run(["umount", "/sys"], check=True)


def complaints(**more):
    return _preflight.complaints([Network("lab", "10.0.33.0/24", "10.0.33.250", "eth1", **more)], patience=5)


def test_another_server_is_named(log):
    [complaint] = complaints()
    assert complaint.startswith("netboot_networks.lab: 10.0.33.1 serves addresses there already")
    assert "DHCPREQUEST" not in log(), "a lease was taken"


def test_the_master_s_own_server_is_no_other(log):
    own = Network("lab", "10.0.33.0/24", "10.0.33.1", "eth1")
    assert _preflight.complaints([own], patience=5) == []


@pytest.mark.parametrize("allowed", [{"allow_other_dhcp": True}, {"mode": "proxy"}])
def test_it_is_allowed_where_the_inventory_says_so(log, allowed):
    assert complaints(**allowed) == []
    assert "DHCPDISCOVER" not in log()


def test_the_way_out_hears_nothing(log):
    subprocess.run(["ip", "route", "add", "default", "via", "10.0.33.1"], check=True)
    try:
        [complaint] = complaints()
    finally:
        subprocess.run(["ip", "route", "delete", "default"], check=True)
    assert "carries the default route" in complaint
    assert "DHCPDISCOVER" not in log()
