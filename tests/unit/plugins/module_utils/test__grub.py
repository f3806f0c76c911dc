"""GRUB finds each card's configuration, and hands every argument on as it is."""

from __future__ import annotations

import shlex

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _grub
from hypothesis import given
from hypothesis import strategies as st


def commands(text: str) -> list[list[str]]:
    return [shlex.split(line) for line in text.splitlines() if not line.startswith("#")]


def test_what_a_node_boots(fleet, roots):
    files = _grub.files(fleet, roots, "/d")
    assert commands(files["/d/grub/by-mac/52:54:00:00:00:01.cfg"]) == [
        [
            *("linux", "(tftp)/images/debian-12/0001-5e4f1c22/vmlinuz", "root=/dev/nfs"),
            *("nfsroot=10.0.33.1:/srv/nfs/node1,nfsvers=3,tcp,noacl", "ip=dhcp", "rw", "BOOTIF=01-52-54-00-00-00-01"),
        ],
        ["initrd", "(tftp)/images/debian-12/0001-5e4f1c22/initrd.img"],
        ["boot"],
    ]


def test_a_file_for_each_card_of_a_node_and_one_to_begin_with(fleet, roots):
    cards = [f"/d/grub/by-mac/52:54:00:00:{card}.cfg" for card in ("00:01", "00:02", "0a:02")]
    assert sorted(_grub.files(fleet, roots, "/d")) == [*cards, "/d/grub/grub.cfg"]
    assert commands(_grub.files(fleet, roots, "/d")["/d/grub/grub.cfg"]) == [
        ["source", "(tftp)/grub/by-mac/$net_default_mac.cfg"],
        ["exit", "1"],
    ]


@pytest.mark.parametrize("profile", ["local", "memtest"])
def test_a_node_without_a_root_boots_nothing(inventory, roots, profile):
    profiles = {"memtest": {"boot": "http", "kernel": "memtest"}}
    fleet = inventory(netboot_profiles=profiles).node("node1", netboot_profile=profile).parse()
    assert list(_grub.files(fleet, roots, "/d")) == list(_grub.files(fleet, {}, "/d")) == ["/d/grub/grub.cfg"]


@given(st.lists(st.from_regex(r"[!-~]+", fullmatch=True), max_size=5))
def test_every_argument_is_one_word_of_the_shell(arguments):
    node = _grub.Node("node1", ("52:54:00:00:00:01",), "10.0.33.11", "lab", "debian-nfs")
    text = _grub.config(node, node.macs[0], _grub.Payload("/k", ("/i",), tuple(arguments)))
    assert commands(text)[0] == ["linux", "/k", *arguments, "BOOTIF=01-52-54-00-00-00-01"]
