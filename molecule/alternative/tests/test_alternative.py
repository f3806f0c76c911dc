"""The opt-in parts: the master's own addresses, IPv6 off, a way out for nodes, roots that are full copies."""

from __future__ import annotations

import json
import subprocess

import pytest
import testinfra
from clients import is_served, machine
from masters import inventory
from plays import play

BRIDGE, SERVER = "by-mol13", "10.77.13.13"
THIN1, THICK1 = ("52:54:00:13:00:01", "10.77.13.1"), ("52:54:00:13:00:03", "10.77.13.3")
ARGUMENTS = ("--inventory=molecule/shared/inventory", inventory("alternative"), "--limit=master13")


@pytest.fixture(scope="module")
def host():
    """The master with every choice taken the other way."""
    done = play("site.yml", *ARGUMENTS)
    assert done.code == 0, done.messages
    return testinfra.get_host("docker://bootyard-mol-master13")


def test_old_and_new_nodes_are_served(host):
    assert is_served(BRIDGE, SERVER, *THIN1)
    assert is_served(BRIDGE, SERVER, *THICK1)


def test_networkd_holds_the_masters_address(host):
    unit = host.file("/etc/systemd/network/20-bootyard-cluster.network").content_string
    assert "Address=10.77.13.13/28" in unit
    status = json.loads(host.check_output("networkctl --json=short status eth1"))
    assert (status["AdministrativeState"], status["NetworkFile"]) == ("configured", "/etc/systemd/network/20-bootyard-cluster.network")


def test_ipv6_is_off(host):
    assert host.check_output("cat /proc/sys/net/ipv6/conf/all/disable_ipv6") == "1"
    assert host.check_output("ip -6 address show") == ""


def test_nodes_reach_the_outside_with_the_masters_address(host):
    outside = host.check_output("ip -json route show default | python3 -c 'import json, sys; print(json.load(sys.stdin)[0][\"gateway\"])'")
    own = host.check_output(f"ip -json route get {outside} | python3 -c 'import json, sys; print(json.load(sys.stdin)[0][\"prefsrc\"])'")
    echo = "import socket; s = socket.create_server(('{}', 7777)); s.settimeout(20); print(s.accept()[1][0])"
    with machine(BRIDGE, THIN1[1], 28, THIN1[0]) as node:
        assert node.run("ip", "route", "add", "default", "via", SERVER).returncode == 0
        server = subprocess.Popen(["python3", "-c", echo.format(outside)], stdout=subprocess.PIPE, text=True)
        assert (
            node.run("python3", "-c", f"import socket, time; time.sleep(1); socket.create_connection(('{outside}', 7777), 10)").returncode
            == 0
        )
        assert server.communicate(timeout=20)[0].strip() == own


def test_a_copy_is_a_root_of_its_own(host):
    assert host.check_output("findmnt --noheadings --output FSTYPE /srv/nfs/thick1") == "ext4"
    assert host.file("/srv/nfs/thick1/etc/hostname").content_string == "thick1\n"
    host.check_output("echo mine >> /srv/nfs/thick1/etc/issue")
    assert "mine" not in host.file("/srv/netboot/images/debian-13/current/root/etc/issue").content_string
    with machine(BRIDGE, THICK1[1], 28, THICK1[0]) as node:
        assert node.mounts(SERVER, "/srv/nfs/thick1")
        assert not node.mounts(SERVER, "/srv/nfs/thin1")


def test_nothing_is_left_to_do(host):
    again = play("site.yml", *ARGUMENTS)
    assert (again.code, again.changed) == (0, ())
