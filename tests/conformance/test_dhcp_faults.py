"""Broken configurations that pass a checker are found out by the probe and taken back (faults 12 to 14), on real servers.

What systemd would do, start and reload, is done by hand here; the files, the checkers and the probe are the module's own.
"""

from __future__ import annotations

import json

import daemons
import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _dhcp, _dhcp_wire, _reconcile, _services
from dhcp_fleet import NETWORKS, STRANGER, made
from dhcp_servers import SERVERS

CONF = "/etc/kea/kea-dhcp4.conf"


def change(files, fleet, reload):
    """What service_files does with new files, up to the end or back."""

    def activate():
        reload()
        return _services.probe(_dhcp.probe(fleet))

    known = _reconcile.FileSet("/var/lib/bootyard", "dhcp")
    changes = known.plan(files, 0o644, prune=True)
    return known.apply(changes, 0o644, None, activate, reload, kept=files)


def refused(files, fleet, reload):
    _services.PATIENCE = 2
    with pytest.raises(_reconcile.ReconcileError, match=r"The previous configuration is back\.$"):
        change(files, fleet, reload)


def serves(mac, address):
    answer = _dhcp_wire.lease("eth1", mac, _dhcp_wire.pxe_options(), timeout=5)
    return bool(answer) and answer.address == address


def test_a_kea_that_went_mute_gets_its_configuration_back(machine):
    fleet, server = made(), SERVERS["kea"]
    server.serve(machine, fleet)
    broken = json.loads(server.files(fleet)[CONF])
    broken["Dhcp4"]["subnet4"][0]["reservations"] *= 2
    files = {CONF: json.dumps(broken)}
    machine.write("/tmp/broken.conf", files[CONF])
    assert machine.run("kea-dhcp4", "-t", "/tmp/broken.conf").returncode != 0, "its checker catches it, and is passed over here"
    assert machine.inside(lambda: refused(files, fleet, lambda: _services.RELOADERS["kea"](""))) == 0
    assert serves("52:54:00:00:00:01", "10.0.33.101")


def test_a_node_whose_address_another_machine_holds_is_named_and_takes_no_change_back(machine):
    server, alone = SERVERS["kea"], {"node1": {"netboot_mac": "52:54:00:00:00:01", "netboot_ip": "10.0.33.101"}}
    server.serve(machine, made(nodes=alone))
    taken = _dhcp_wire.lease("eth1", STRANGER, _dhcp_wire.pxe_options(), timeout=5).address
    smaller = {"lab": {**NETWORKS["lab"], "pool": "10.0.33.80-10.0.33.90"}}
    late = {"netboot_mac": "52:54:00:00:00:02", "netboot_ip": "10.0.33.102"}
    fleet = made(smaller, {**alone, "late": late, "node9": {"netboot_mac": "52:54:00:00:00:09", "netboot_ip": taken}})

    def changed():
        _services.PATIENCE = 1
        for _run in range(2):
            [refused] = change(server.files(fleet), fleet, lambda: _services.RELOADERS["kea"](""))
            assert refused.startswith(f"node9: 52:54:00:00:00:09 on eth1 is offered nothing instead of {taken}; ")
            assert _reconcile.FileSet("/var/lib/bootyard", "dhcp").pending, "the next run asks again"

    assert machine.inside(changed) == 0
    assert serves("52:54:00:00:00:02", "10.0.33.102")
    assert not serves("52:54:00:00:00:09", taken)


@pytest.mark.parametrize("lost", [1, 5], ids=["the last node", "all but the first"])
def test_reservations_that_a_server_never_read_are_missed(machine, lost):
    fleet, server = made(), SERVERS["dnsmasq"]
    [(path, text)] = server.files(fleet).items()
    cut = [line for line in text.splitlines() if line.startswith("dhcp-host=") and "10.0.33." in line][-lost:]
    machine.write(path, "\n".join(line for line in text.splitlines() if line not in cut))
    daemon = machine.start(*server.start)
    assert daemons.eventually(10, lambda: serves("52:54:00:00:00:01", "10.0.33.101"))
    assert machine.inside(lambda: _services.PROBES["dhcp"](**_dhcp.probe(fleet)["dhcp"]) or 1 / 0) == 0
    assert daemon.alive


@pytest.mark.parametrize("name", SERVERS)
def test_a_broken_configuration_does_not_pass_its_checker(machine, name):
    server = SERVERS[name]
    for path, text in server.files(made()).items():
        machine.write(path, text[: len(text) // 2 - 3] + "\nbro{ken=\n")
        command = server.checks[path]
        assert machine.run(*(path if word == "%s" else word for word in command)).returncode != 0, path
