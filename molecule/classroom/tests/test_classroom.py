"""A PC with a foreign boot ROM comes to its kernel, hop by hop, as the classroom's PCs do."""

from __future__ import annotations

import json
import re

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _dhcp_wire
from clients import boot, machine
from plays import ROOT, play

BRIDGE, SERVER, MAC, IP = "by-classroom", "192.168.77.1", "d4:be:d9:00:00:01", "192.168.77.11"
INVENTORIES = [f"--inventory={ROOT}/{path}" for path in ("inventory/examples/classroom", "molecule/classroom/inventory")]


@pytest.fixture(scope="module")
def pc():
    with machine(BRIDGE, IP, mac=MAC) as plugged:
        yield plugged


@pytest.fixture(scope="module")
def script(pc):
    return pc.fetch(f"http://{SERVER}/by-mac/{MAC.replace(':', '-')}.ipxe").decode()


def running_ipxe(said):
    return _dhcp_wire.lease(BRIDGE, MAC, {**_dhcp_wire.pxe_options(), **said}, timeout=8)


def test_the_foreign_rom_gets_ipxe_by_tftp(pc):
    answer = boot(BRIDGE, MAC)
    assert (answer.address, answer.next_server, answer.file) == (IP, SERVER, "/undionly.kpxe")
    assert len(pc.tftp(SERVER, answer.file)) > 50_000


@pytest.mark.parametrize("said", [{77: b"iPXE"}, {77: b"\x04iPXE"}, {175: b"\x13\x01\x01"}], ids=["bare", "RFC 3004", "option 175"])
def test_ipxe_gets_a_script_over_http_and_never_ipxe_again(pc, said):
    answer = running_ipxe(said)
    assert (answer.address, answer.file) == (IP, f"http://{SERVER}/boot.ipxe")
    assert pc.fetch(answer.file).startswith(b"#!ipxe\n")


def test_kernel_and_initrd_come_over_http(pc, script):
    lines = [line.split() for line in script.splitlines()]
    urls = re.findall(r"\w+://\S+", script)
    assert all(url.startswith("http://") for url in urls)
    kernel = next(url for url in urls if url.endswith("/images/burmillaos/vmlinuz"))
    initrd = next(url for url in urls if url.endswith("/images/burmillaos/initrd"))
    assert (len(pc.fetch(kernel)), len(pc.fetch(initrd))) == (7_000_001, 30_000_001)
    [line] = [line for line in lines if line[:1] == ["kernel"]]
    assert [word for word in line if word in ("console=tty1", "panic=10", "printk.devkmsg=on")] == [
        "console=tty1",
        "panic=10",
        "printk.devkmsg=on",
    ]


def test_a_stranger_gets_an_address_of_the_room_and_nothing_to_boot():
    answer = boot(BRIDGE, "d4:be:d9:99:99:99")
    assert answer.address.startswith("192.168.77.1")
    assert (answer.file, answer.next_server) == ("", "0.0.0.0")


def test_explain_says_the_same(tmp_path):
    chains = tmp_path / "chains.json"
    done = play("playbooks/explain.yml", *INVENTORIES, "--extra-vars", f"node=pc1 firmware=bios explain_json={chains}")
    assert done.code == 0, done.output
    [chain] = json.loads(chains.read_text())
    assert (chain["status"], chain["outcome"]) == ("boots", f"http://{SERVER}/images/burmillaos/vmlinuz")
    assert [hop["told"]["file"] for hop in chain["hops"] if hop["hop"] == "dhcp"] == ["/undionly.kpxe", f"http://{SERVER}/boot.ipxe"]


def test_a_wrong_interface_is_answered_with_those_that_exist(monkeypatch):
    monkeypatch.setenv("NETBOOT_INTERFACE", "enp9s0")
    done = play("site.yml", *INVENTORIES)
    assert done.code != 0
    assert "enp9s0" in done.messages
    assert "eth1 (192.168.77.1/24)" in done.messages
