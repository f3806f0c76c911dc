"""The machines of seed 004 come by iPXE to their kernel, and each gets the configuration of its role."""

from __future__ import annotations

import re

import pytest
import testinfra
import yaml
from ansible_collections.bootyard.netboot.plugins.module_utils import _dhcp_wire
from clients import boot, machine
from plays import ROOT, play

BRIDGE, SERVER, TOKEN = "by-rancher-lab", "192.168.25.2", "canary-token-that-must-not-appear"
INVENTORIES = [f"--inventory={ROOT}/{path}" for path in ("inventory/examples/rancher-lab", "molecule/rancher_lab/inventory")]
NODES = {
    "rancherserver": ("00:aa:bb:cc:dd:ee", "192.168.25.100", "--etcd --controlplane"),
    "ranchernode1": ("00:aa:bb:cc:dd:ef", "192.168.25.101", "--worker"),
    "ranchernode2": ("00:aa:bb:cc:dd:ff", "192.168.25.102", "--worker"),
}


@pytest.mark.parametrize("name", NODES)
def test_a_machine_comes_to_its_kernel_and_its_configuration(name):
    mac, ip, roles = NODES[name]
    rom = boot(BRIDGE, mac)
    assert (rom.address, rom.next_server, rom.file) == (ip, SERVER, "/undionly.kpxe")
    assert (rom.addresses(3), rom.addresses(6)) == (["192.168.25.1"], ["8.8.8.8"])
    ipxe = _dhcp_wire.lease(BRIDGE, mac, {**_dhcp_wire.pxe_options(), 175: b"\x13\x01\x01"}, timeout=8)
    assert (ipxe.address, ipxe.file) == (ip, f"http://{SERVER}/boot.ipxe")
    with machine(BRIDGE, ip, mac=mac) as node:
        assert len(node.tftp(SERVER, rom.file)) > 50_000
        script = node.fetch(f"http://{SERVER}/by-mac/{mac.replace(':', '-')}.ipxe").decode()
        [kernel] = re.findall(r"^kernel (\S+)", script, re.MULTILINE)
        assert len(node.fetch(kernel)) == 7_000_001
        [url] = re.findall(r"rancher\.cloud_init\.datasources=\[url:(\S+)\]", script)
        for word in ("rancher.state.dev=LABEL=RANCHER_STATE", "rancher.state.autoformat=[/dev/sda]", "panic=10"):
            assert f" {word} " in script
        config = yaml.safe_load(node.fetch(url))
    assert config["hostname"] == name
    agent = config["rancher"]["services"]["agent"]
    assert agent["image"] == "rancher/rancher-agent:v2.1.7"
    assert agent["command"].startswith(f"--server https://192.168.25.5 --token {TOKEN} --ca-checksum ")
    assert agent["command"].endswith(roles)


def test_nothing_is_left_to_do_and_no_secret_is_told():
    done = play("site.yml", *INVENTORIES, "--diff")
    assert (done.code, done.changed) == (0, ())
    assert TOKEN not in done.output


def test_it_is_no_name_server():
    listening = testinfra.get_host("docker://bootyard-mol-rancher-lab").check_output("ss -Hulpn 'sport = 53'")
    assert listening == ""
