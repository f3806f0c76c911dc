"""Three DHCP servers on one master, of which one serves at a time; whoever fails gives the place back."""

from __future__ import annotations

import json

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _dhcp_wire
from clients import boot
from masters import BRIDGE, SERVER, bystander_is_served, converge, everything, host

UNITS = {"kea": "kea-dhcp4-server", "dnsmasq": "bootyard-dnsmasq", "isc": "isc-dhcp-server"}
PROCESSES = {"kea": "kea-dhcp4", "dnsmasq": "dnsmasq", "isc": "dhcpd"}
NODES = [f"52:54:00:12:00:0{i}" for i in (1, 2, 3)]
FIRMWARE = {
    "BIOS": _dhcp_wire.pxe_options(0),
    "UEFI": _dhcp_wire.pxe_options(7),
    "UEFI over HTTP": {**_dhcp_wire.pxe_options(16), 60: b"HTTPClient:Arch:00016:UNDI:003016"},
    "iPXE": {**_dhcp_wire.pxe_options(0), 77: b"iPXE"},
}


@pytest.fixture(scope="module", autouse=True)
def kea_again():
    """The master ends as it was found."""
    yield
    assert converge().code == 0


def choose(backend, *arguments):
    return converge(f"--extra-vars=dhcp_backend={backend}", *arguments)


def told():
    """What every node with every firmware is told, and a stranger."""
    answers = {}
    for mac in [*NODES, "52:54:00:99:99:99"]:
        for name, options in FIRMWARE.items():
            answer = _dhcp_wire.lease(BRIDGE, mac, options, timeout=8)
            address = answer.address if mac in NODES else answer.address.rpartition(".")[0]
            answers[mac, name] = (
                address,
                answer.next_server,
                answer.file,
                answer.options.get(60),
                answer.addresses(3),
                answer.options.get(15),
            )
    return answers


def serving():
    """The servers that run, and those that start with the master."""
    running = {name for name, unit in UNITS.items() if host().service(unit).is_running}
    enabled = {name for name, unit in UNITS.items() if host().service(unit).is_enabled}
    return running, enabled


@pytest.mark.parametrize("backend", ["dnsmasq", "isc", "kea"])
def test_one_takes_the_others_place(backend):
    before = told()
    predicted = choose(backend, "--check")
    assert predicted.code == 0, predicted.messages
    done = choose(backend)
    assert done.code == 0, done.messages
    assert done.changed == predicted.changed
    assert serving() == ({backend}, {backend})
    assert told() == before
    assert host().check_output(f"ps -o user= -C {PROCESSES[backend]}").strip() != "root"
    assert choose(backend).changed == ()
    assert bystander_is_served()


@pytest.mark.parametrize("backend", ["dnsmasq", "isc"])
def test_one_that_does_not_answer_gives_the_place_back(backend):
    drop_in = f"/etc/systemd/system/{UNITS[backend]}.service.d/mute.conf"
    host().check_output(f"mkdir -p $(dirname {drop_in}) && printf '[Service]\\nExecStart=\\nExecStart=/bin/sleep infinity\\n' > {drop_in}")
    host().check_output("systemctl daemon-reload")
    try:
        refused = choose(backend)
        assert refused.code != 0
        assert "the dhcp probe failed" in refused.messages
        assert serving() == ({"kea"}, {"kea"})
        assert bystander_is_served()
    finally:
        host().check_output(f"rm -r $(dirname {drop_in}) && systemctl daemon-reload")
    assert converge().code == 0


def test_a_configuration_that_is_refused_changes_nothing():
    checker = "/usr/local/sbin/kea-dhcp4"
    host().check_output(f"printf '#!/bin/sh\\necho no such thing >&2\\nexit 1\\n' > {checker} && chmod +x {checker}")
    files = everything()
    try:
        refused = converge("--extra-vars={netboot_networks: {cluster: {cidr: 10.77.12.0/24, address: 10.77.12.1, lease_time: 7200}}}")
    finally:
        host().check_output(f"rm {checker}")
    assert refused.code != 0
    assert "refuses the new configuration: no such thing" in refused.messages
    assert [line for line in everything() if "/etc/kea/" in line] == [line for line in files if "/etc/kea/" in line]
    assert bystander_is_served()
    assert converge().code == 0


def test_a_server_that_took_a_configuration_and_fell_silent_gets_its_last_one_back():
    before = host().file("/etc/kea/kea-dhcp4.conf").content_string
    forced = converge(playbook="molecule/back_ends/force.yml")
    assert forced.code != 0
    assert "The previous configuration is back" in forced.messages
    assert host().file("/etc/kea/kea-dhcp4.conf").content_string == before
    assert bystander_is_served()
    assert converge().changed == ()


def test_reservations_that_were_cut_off_are_mended():
    assert choose("dnsmasq").code == 0
    path = "/etc/bootyard/dnsmasq.conf"
    whole = host().file(path).content_string
    host().check_output(f"sed --in-place '/^dhcp-host={NODES[1]}/,$d' {path}")
    mended = choose("dnsmasq")
    assert (mended.code, len(mended.changed)) == (0, 1)
    assert host().file(path).content_string == whole
    assert all(boot(BRIDGE, mac).file for mac in NODES)


def test_beside_another_server_only_boot_files_are_told():
    network = {"cidr": "10.77.12.0/24", "address": "10.77.12.1", "gateway": "10.77.12.1", "mode": "proxy"}
    done = converge("--extra-vars=" + json.dumps({"netboot_networks": {"cluster": network}}))
    assert done.code == 0, done.messages
    assert serving() == ({"dnsmasq"}, {"dnsmasq"})
    offer = _dhcp_wire.ask(BRIDGE, NODES[0], options=FIRMWARE["BIOS"], timeout=8)
    assert (offer.address, offer.next_server, offer.file) == ("0.0.0.0", SERVER, "/undionly.kpxe")
    assert offer.options[60].startswith(b"PXEClient")
    assert _dhcp_wire.ask(BRIDGE, NODES[0], timeout=3) is None, "the site's own server gives the addresses"
    assert _dhcp_wire.ask(BRIDGE, "52:54:00:99:99:99", options=FIRMWARE["BIOS"], timeout=3) is None


def test_kea_refuses_what_only_dnsmasq_can():
    refused = choose("kea", "--extra-vars=tftp_backend=dnsmasq")
    assert refused.code != 0
    assert "dhcp_backend: dnsmasq" in refused.messages
