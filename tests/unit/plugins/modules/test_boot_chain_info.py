"""Chains as the module tells them, of a master whose files are there or not."""

from __future__ import annotations

import hashlib

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _ipxe

KERNEL = b"\x7fELF" * 40_000


@pytest.fixture
def explain(module, inventory, tmp_path):
    """Runs the module on a master that boots two nodes over HTTP."""
    profiles = {"p": {"boot": "http", "kernel": "images/k"}}
    fleet = inventory(netboot_profiles=profiles).node("node1", netboot_profile="p").node("node2", netboot_profile="p").parse()
    tftp, http = tmp_path / "tftp", tmp_path / "http"
    for directory in (tftp, http / "by-mac", http / "images"):
        directory.mkdir(parents=True)
    for name in fleet.binaries:
        (tftp / name).write_bytes(b"loader")
        (http / name).write_bytes(b"loader")
    for path, text in _ipxe.files(fleet, {}, str(http), menu=False, replace_rom=False).items():
        (tmp_path / path).write_text(text)
    (http / "images/k").write_bytes(KERNEL)

    def run(**options):
        return module("boot_chain_info", fleet=fleet.to_dict(), tftp_directory=str(tftp), http_directory=str(http), **options)

    run.http = http
    return run


def test_a_chain_says_what_is_fetched_and_what_that_is(explain):
    told = explain(nodes=["node1"], firmware=["uefi"])
    [chain] = told["chains"]
    assert (chain["node"], chain["status"], told["counts"]) == ("node1", "boots", {"boots": 1})
    [kernel] = [hop for hop in chain["hops"] if hop.get("url") == "http://10.0.33.1/images/k" and hop["hop"] == "fetch"]
    assert (kernel["size"], kernel["sha256"]) == (len(KERNEL), hashlib.sha256(KERNEL).hexdigest())
    assert any(kernel["sha256"] in line for line in told["text"])


def test_all_nodes_and_all_firmware(explain):
    told = explain(details=False)
    assert told["counts"]["boots"] >= 10
    assert "broken" not in told["counts"]
    assert "chains" not in told


def test_a_broken_chain_is_named(explain):
    (explain.http / "images/k").unlink()
    told = explain(firmware=["bios", "uefi"])
    assert told["counts"] == {"broken": 4}
    assert told["broken"][0] == "node1 (52:54:00:00:00:01) as uefi: broken: http://10.0.33.1/images/k is missing"


def test_a_machine_of_no_inventory(explain):
    [chain] = explain(mac="52-54-00-00-00-FE", firmware=["bios"])["chains"]
    assert (chain["node"], chain["mac"], chain["status"]) == ("a stranger", "52:54:00:00:00:fe", "nothing")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"nodes": ["node9"]}, "node9: no such node is served; there are node1, node2"),
        ({"mac": "52:54"}, "is no MAC"),
        ({"mac": "52:54:00:00:00:fe", "network": "moon"}, "say which network"),
    ],
)
def test_who_cannot_be_followed_is_told(explain, options, said):
    assert said in explain(**options)["msg"]
